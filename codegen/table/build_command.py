"""Builds the families of commands."""

from __future__ import annotations

from typing import Any

from codegen.table import commands
from codegen.table.commands import Command, CommandError, Family, Point
from codegen.table.known import Known
from codegen.table.layout import Layouts
from codegen.table.structs import Struct, built


def _errors(raw: Any) -> tuple[CommandError, ...]:
    return tuple(CommandError(item["errno"], item["cause"], item.get("remedy"),
                              item.get("tried"), item.get("untried"))
                 for item in raw.get("errors", ()))


def _point(raw: Any) -> Point:
    return Point(raw["member"], raw.get("length"), raw["memory"], raw["lives"], raw["summary"],
                 raw.get("vectors", False))


def _command(raw: Any, family: Any, payloads: dict[str, Struct], known: Known) -> Command:
    name = raw.get("name", "")
    number = commands.number_of(raw) if name else 0
    own = number is not None
    if number is None:
        number = known.values[name]
    payload = payloads.get(commands.payload_of(family, raw) or "")
    return Command(
        name, number, commands.code_of(raw), raw["since"] if own else known.since[name],
        tuple(raw.get("backports", ())), raw["summary"], raw.get("note"), payload,
        raw.get("bytes", payload.size if payload else 0),
        tuple(_point(item) for item in raw.get("points", ())),
        raw["res"], raw.get("stream", False), _errors(raw), raw.get("prep"), own)


def family(raw: Any, large: str | None, known: Known) -> Family:
    """The family of a row; `large` is what its opcode says."""
    layouts = Layouts()
    payloads = {item["name"]: built(item, layouts) for item in raw.get("payloads", ())}
    made = tuple(_command(item, raw, payloads, known) for item in raw.get("commands", ()))
    every = _command(raw["every_number"], raw, payloads, known) if "every_number" in raw else None
    for command in made:
        known.add_command(command)
    file, rings = raw["file"], raw.get("rings", {})
    return Family(raw["family"], raw["opcode"], raw["summary"], raw.get("note"),
                  raw.get("header"), raw.get("config"), file["kind"],
                  tuple(file.get("devices", ())), large, file["summary"], rings.get("big_cqe", False),
                  rings.get("errno"), _errors(raw), tuple(payloads.values()), made, every)
