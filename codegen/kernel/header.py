"""What a kernel header defines, in the table's own terms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


class HeaderError(Exception):
    """The header cannot be read; the message says why."""


@dataclass(frozen=True)
class Spot:
    """Where a definition stands; `file` counts the files in the order of their reading."""

    file: int
    line: int


@dataclass(frozen=True)
class Constant:
    name: str
    value: int
    spot: Spot
    suffix: str = ""
    enum: Enum | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Enum:
    """An enum; the tag is empty when the kernel gives none."""

    tag: str
    spot: Spot
    names: tuple[str, ...]


@dataclass(frozen=True)
class Member:
    """A member; a container (`kind` is union or struct) has members of its own."""

    name: str
    kind: str
    ctype: str
    count: int | None
    offset: int
    size: int
    members: tuple[Member, ...] = ()
    problem: str = ""  # why the table cannot say this


@dataclass(frozen=True)
class Place:
    """A named member, seen from the outermost structure."""

    path: str
    offset: int
    size: int
    ctype: str
    count: int | None


@dataclass(frozen=True)
class Struct:
    name: str
    union: bool
    size: int
    align: int | None
    spot: Spot
    members: tuple[Member, ...]

    @property
    def placed(self) -> tuple[Place, ...]:
        return tuple(_place(self.members, 0, ""))


def _place(members: Sequence[Member], base: int, prefix: str) -> Iterator[Place]:
    for item in members:
        if item.name:
            yield Place(prefix + item.name, base + item.offset, item.size, item.kind or item.ctype,
                        item.count)
        if item.kind:
            below = f"{prefix}{item.name}." if item.name else prefix
            yield from _place(item.members, base + item.offset, below)


@dataclass(frozen=True)
class Header:
    """All that some header files define of io_uring, in the order in which it stands there."""

    files: dict[str, str]  # name as it is included, and include guard
    constants: dict[str, Constant]
    enums: tuple[Enum, ...]
    structs: dict[str, Struct]
