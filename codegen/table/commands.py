"""The commands that an opcode hands to files: their families, numbers and structures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codegen.table.layout import Layouts
from codegen.table.load import Place, Source
from codegen.table.structs import Struct

SMALL = 16  # bytes of a command in an SQE of 64
_WAYS = {"none": 0, "written": 1, "read": 2, "both": 3}  # the bits of most machines
_C_WAYS = {"none": "_IOC_NONE", "written": "_IOC_WRITE", "read": "_IOC_READ",
           "both": "_IOC_READ | _IOC_WRITE"}


@dataclass(frozen=True)
class Code:
    """A number that is made like those of ioctl(2), of which machines make different ones."""

    way: str
    letter: int
    number: int
    size: int
    pointers: int

    @property
    def usual(self) -> int:
        """The number of a usual machine of 64 bits."""
        size = self.size + 8 * self.pointers
        return _WAYS[self.way] << 30 | size << 16 | self.letter << 8 | self.number

    @property
    def expression(self) -> str:
        letter = f"'{chr(self.letter)}'" if chr(self.letter).isalpha() else f"{self.letter:#x}"
        size = str(self.size)
        if self.pointers:
            size += f" + {self.pointers} * sizeof(void *)"
        return f"_IOC({_C_WAYS[self.way]}, {letter}, {self.number:#x}, {size})"


@dataclass(frozen=True)
class Point:
    """Memory that a member of a command's structure or of the SQE leads to."""

    member: str
    length: str | None
    memory: str
    lives: str
    summary: str
    vectors: bool


@dataclass(frozen=True)
class CommandError:
    errno: str
    cause: str
    remedy: str | None
    tried: str | None  # the program of tests/drivers that provokes it
    untried: str | None


@dataclass(frozen=True)
class Command:
    name: str
    number: int
    code: Code | None
    since: str
    backports: tuple[str, ...]
    summary: str
    note: str | None
    payload: Struct | None
    copied: int
    points: tuple[Point, ...]
    res: str
    stream: bool
    errors: tuple[CommandError, ...]
    function: str | None
    own: bool  # the table has no constant of the name: the family's header has

    @property
    def literal(self) -> str:
        """The number as C, where no macro may exist for it."""
        return self.code.expression if self.code else str(self.number)

    @property
    def big(self) -> bool:
        """Whether it does not fit an SQE of 64 bytes."""
        return self.copied > SMALL


@dataclass(frozen=True)
class Family:
    name: str
    op_name: str
    summary: str
    note: str | None
    header: str | None
    config: str | None
    kind: str
    devices: tuple[str, ...]
    large: str | None  # the opcode that carries them on rings of mixed sizes
    place: str  # what stands behind `on`
    big_cqe: bool
    ring_errno: str | None
    errors: tuple[CommandError, ...]
    payloads: tuple[Struct, ...]
    commands: tuple[Command, ...]
    every: Command | None  # what any number does

    @property
    def all_commands(self) -> tuple[Command, ...]:
        """Its commands, or the one that every number is."""
        return self.commands + ((self.every,) if self.every else ())

    def errors_of(self) -> Iterator[tuple[str, tuple[CommandError, ...]]]:
        """Its errors, under its own name and under those of its commands."""
        yield self.name, self.errors
        for command in self.commands:
            yield command.name, command.errors


def code_of(raw: Any) -> Code | None:
    if "ioctl" not in raw:
        return None
    parts = raw["ioctl"]
    letter = parts["type"] if isinstance(parts["type"], int) else ord(parts["type"])
    return Code(parts["way"], letter, parts["number"], parts.get("size", 0),
                parts.get("pointers", 0))


def number_of(raw: Any) -> int | None:
    """The number that a row says itself."""
    code = code_of(raw)
    return code.usual if code else raw.get("value")


def rows_of(family: Any) -> Iterator[tuple[Place, Any]]:
    """The rows of a family with their places within it."""
    for index, raw in enumerate(family.get("commands", ())):
        yield ("commands", index), raw
    if "every_number" in family:
        yield ("every_number",), family["every_number"]


def payload_of(family: Any, raw: Any) -> str | None:
    """The name of a command's structure."""
    name = None if "no_payload" in raw else raw.get("payload", family.get("payload"))
    return name if name is None else str(name)


def sizes_of(family: Any) -> dict[str, int]:
    """The bytes of each of a family's structures."""
    layouts = Layouts()
    for struct in family.get("payloads", ()):
        layouts.add(struct)
    return {name: shape.size for name, shape in layouts.shapes.items()}


def _arguments(family: Any, raw: Any, sizes: dict[str, int]) -> Iterator[Any]:
    for item in raw.get("args", family.get("args", ())):
        if item != "payload":
            yield item
            continue
        name = payload_of(family, raw)
        yield {"arg": "cmd", "slot": "cmd", "type": f"const struct {name} *",
               "bytes": raw.get("bytes", sizes[str(name)]),
               "summary": "What the command says; it is copied at once."}


def functions(source: Source) -> Iterator[tuple[Place, str, Any]]:
    """Place, opcode and prep function of each command that has one, as a row would say it."""
    for index, family in enumerate(source.data.get("commands", ())):
        sizes = sizes_of(family)
        for at, raw in rows_of(family):
            if "prep" not in raw:
                continue
            place: Place = ("commands", index, *at)
            made = {"name": raw["prep"], "own": True, "summary": raw["summary"],
                    "args": list(_arguments(family, raw, sizes)),
                    "set": dict(raw.get("set", {}))}
            if "name" in raw:
                made["set"] = {"cmd_op": raw["name"], **made["set"]}
            made |= {key: raw[key] for key in ("since", "backports") if key in raw}
            keys = ("live", "tried", "untried")
            for row in (raw, family):
                said = [key for key in keys if key in row]
                if said:
                    made |= {key: row[key] for key in said}
                    break
            yield place, family["opcode"], made
