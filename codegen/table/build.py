"""Builds the model of a table that has passed every check, section after section."""

from __future__ import annotations

from typing import Any

from codegen.table import build_command, commands
from codegen.table.build_call import CallBuilder
from codegen.table.build_request import RequestBuilder
from codegen.table.build_trial import TrialBuilder
from codegen.table.known import Known
from codegen.table.layout import Layouts
from codegen.table.load import Source
from codegen.table.model import Architecture, Header, Limit, Table
from codegen.table.numbers import Constant, Entry, Group
from codegen.table.structs import built, sqe_slots
from codegen.table.trials import Scenario


def _constant(raw: Any) -> Constant:
    return Constant(raw["name"], raw["value"], raw["since"], raw["summary"], raw.get("note"),
                    raw.get("suffix", ""), raw.get("form"), raw.get("draft", False),
                    tuple(raw.get("backports", ())))


def _group(raw: Any) -> Group:
    entries = tuple(_entry(item) for item in raw["entries"])
    return Group(raw["group"], raw["summary"], raw.get("kind") == "values", raw.get("enum"),
                 "form" in raw, raw.get("bits"), raw.get("header"), raw.get("last"), entries)


def _entry(raw: Any) -> Entry:
    return Entry(raw["name"], raw.get("bit"), raw.get("value"), raw.get("since", "5.1"),
                 raw.get("summary", ""), raw.get("note"), raw.get("refused"),
                 tuple(raw.get("needs", ())), tuple(raw.get("needs_one", ())),
                 tuple(raw.get("excludes", ())), tuple(raw.get("backports", ())),
                 raw.get("draft", False), tuple(raw.get("values", {}).items()))


def build_table(source: Source) -> Table:
    data = source.data
    constants = tuple(_constant(raw) for raw in data["constants"])
    groups = tuple(_group(raw) for raw in data["groups"])
    layouts = Layouts()
    structs = tuple(built(raw, layouts) for raw in data["structs"])
    known = Known(sqe_slots(structs), layouts.members)
    for constant in constants:
        known.add_constant(constant)
    for group in groups:
        known.add_group(group)
    larger = {raw["name"]: raw.get("large") for raw in data["opcodes"]}
    families = tuple(build_command.family(raw, larger[raw["opcode"]], known)
                     for raw in data.get("commands", ()))
    functions: dict[str, list[Any]] = {}
    for _, op_name, function in commands.functions(source):
        functions.setdefault(op_name, []).append(function)
    trials = TrialBuilder(known)
    requests, calls = RequestBuilder(known, trials), CallBuilder(known, trials)
    return Table(
        data["kernel"], source.path,
        tuple(Header(raw["name"], raw["guard"]) for raw in data["headers"]),
        tuple(Architecture(raw["name"], raw["pointer"], raw["align64"], raw["endian"],
                           tuple(raw["macros"])) for raw in data.get("architectures", ())),
        constants, groups, structs,
        tuple(Scenario(raw["name"], raw["summary"], tuple(raw.get("offers", ())))
              for raw in data.get("scenarios", ())),
        families,
        tuple(requests.op(raw, functions.get(raw["name"], [])) for raw in data["opcodes"]),
        tuple(calls.register(raw) for raw in data.get("register", ())),
        tuple(Limit(raw["name"], raw["value"], raw["summary"]) for raw in data.get("limits", ())))
