"""Where the members of a structure lie, computed as a C compiler would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SCALARS = {
    "__u8": 1, "__s8": 1, "char": 1, "__u16": 2, "__s16": 2, "__be16": 2, "__le16": 2,
    "__u32": 4, "__s32": 4, "__be32": 4, "int": 4, "unsigned": 4, "__kernel_rwf_t": 4,
    "__u64": 8, "__s64": 8, "__aligned_u64": 8, "__be64": 8,
}
FOREIGN = {"struct __kernel_timespec": (16, 8)}


@dataclass(frozen=True)
class Shape:
    """Size and alignment in bytes."""

    size: int
    align: int


@dataclass(frozen=True)
class Placed:
    """A member and where it lies; `path` names it from the outermost structure."""

    path: str
    offset: int
    size: int
    ctype: str
    count: int | None
    raw: Any


class Layouts:
    """The shapes of all structures of a table, in the order in which they stand."""

    def __init__(self) -> None:
        self.shapes: dict[str, Shape] = {}
        self.tags: dict[str, str] = {}
        self.members: dict[str, tuple[Placed, ...]] = {}

    def knows(self, ctype: str) -> bool:
        return ctype in SCALARS or ctype in FOREIGN or ctype in self.tags

    def shape(self, ctype: str) -> Shape:
        if ctype in SCALARS:
            return Shape(SCALARS[ctype], SCALARS[ctype])
        if ctype in FOREIGN:
            return Shape(*FOREIGN[ctype])
        return self.shapes[self.tags[ctype]]

    def add(self, struct: Any) -> None:
        placed: list[Placed] = []
        shape = self._place(struct["members"], 0, "", placed, bool(struct.get("union")))
        align = max(shape.align, struct.get("align", 1))
        self.shapes[struct["name"]] = Shape(_up(shape.size, align), align)
        self.members[struct["name"]] = tuple(placed)
        self.tags[f"{'union' if struct.get('union') else 'struct'} {struct['name']}"] = \
            struct["name"]

    def _place(self, members: Any, base: int, prefix: str, placed: list[Placed],
               overlay: bool) -> Shape:
        offset, end, align = 0, 0, 1
        for member in members:
            kind = "union" if "union" in member else "struct" if "struct" in member else ""
            if kind:
                inner: list[Placed] = []
                name = member.get("name")
                below = f"{prefix}{name}." if name else prefix
                shape = self._place(member[kind], 0, below, inner, kind == "union")
                at = 0 if overlay else _up(offset, shape.align)
                if name:
                    placed.append(Placed(prefix + name, base + at, shape.size, kind, None, member))
                placed.extend(Placed(item.path, base + at + item.offset, item.size, item.ctype,
                                     item.count, item.raw) for item in inner)
                size = shape.size
            else:
                shape = self.shape(member["type"])
                count = member.get("count")
                size = shape.size * (1 if count is None else count)
                at = 0 if overlay else _up(offset, shape.align)
                placed.append(Placed(prefix + member["name"], base + at, size, member["type"],
                                     count, member))
            align = max(align, shape.align)
            offset = at + size
            end = max(end, offset)
        return Shape(_up(end, align), align)


def flat(members: Any) -> Iterator[Any]:
    """The named members below, whatever unions and structures are around them."""
    for member in members:
        if "union" in member:
            yield from flat(member["union"])
        elif "struct" in member:
            yield from flat(member["struct"])
        else:
            yield member


def _up(value: int, align: int) -> int:
    return -(-value // align) * align
