"""Structures with their layout, and the slots of the request that they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codegen.table.layout import Layouts, Placed

SQE = "io_uring_sqe"


@dataclass(frozen=True)
class Struct:
    name: str
    since: str
    summary: str
    note: str | None
    union: bool
    align: int | None
    members: tuple[Any, ...]
    size: int
    placed: tuple[Placed, ...]
    draft: bool
    backports: tuple[str, ...]

    @property
    def tag(self) -> str:
        return f"{'union' if self.union else 'struct'} {self.name}"


def built(raw: Any, layouts: Layouts) -> Struct:
    """The structure of a row, which is put into the layouts."""
    layouts.add(raw)
    return Struct(raw["name"], raw["since"], raw["summary"], raw.get("note"),
                  bool(raw.get("union")), raw.get("align"), tuple(raw["members"]),
                  layouts.shapes[raw["name"]].size, layouts.members[raw["name"]],
                  raw.get("draft", False), tuple(raw.get("backports", ())))


@dataclass(frozen=True)
class Slot:
    """A member of io_uring_sqe."""

    name: str
    offset: int
    size: int
    ctype: str


def sqe_slots(structs: tuple[Struct, ...]) -> dict[str, Slot]:
    sqe = next(item for item in structs if item.name == SQE)
    return {item.path: Slot(item.path, item.offset, item.size, item.ctype) for item in sqe.placed}
