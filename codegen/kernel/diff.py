"""What a kernel header and the table say differently."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from codegen.table import names
from codegen.kernel.header import Constant, Header, Place, Struct
from codegen.table.layout import Placed
from codegen.table.model import Table
from codegen.table.numbers import Entry, Group
from codegen.table.structs import Struct as TableStruct

SIGNS = {"added": "+", "removed": "-", "changed": "~"}
LAST = re.compile(r"_(LAST|MAX|END)$")
# Bytes that are kept for later: their members shrink and move whenever a new one takes room.
RESERVED = re.compile(r"^_*(resv|rsvd|reserved|pad)\d*$")


@dataclass(frozen=True)
class Difference:
    """`added` is only in the header, `removed` only in the table; values are as text."""

    what: str
    kind: str  # header, opcode, register, flag, value, constant, structure or field
    name: str
    header: str = ""
    table: str = ""
    group: str = ""
    since: str = ""

    def line(self) -> str:
        head = f"{SIGNS[self.what]} {self.kind} {self.name}"
        if self.what == "changed":
            return f"{head}: {self.header} in the header, {self.table} in the table"
        value = self.header or self.table
        text = f"{head}: {value}" if value else head
        notes = [f"group {self.group}" if self.group else "",
                 f"since {self.since}" if self.since else ""]
        noted = ", ".join(note for note in notes if note)
        return f"{text} ({noted})" if noted else text

    def plain(self) -> dict[str, str]:
        """For JSON: every key that says something."""
        return {key: value for key, value in vars(self).items() if value}


class Names:
    """Which thing of the table a name of the header belongs to."""

    def __init__(self, table: Table, header: Header) -> None:
        self.table = table
        self.header = header
        self.ops = {op.constant: op for op in table.ops}
        self.registers = {row.constant: row for row in table.registers}
        self.constants = {item.name: item for item in table.constants}
        self.entries: dict[str, tuple[Group, Entry]] = {}
        self.bits: dict[str, tuple[Group, Entry]] = {}
        self.lasts: dict[str, Group] = {}
        for group in table.groups:
            if group.external:
                continue
            if group.last:
                self.lasts[group.last] = group
            for entry in group.entries:
                self.entries[entry.name] = (group, entry)
                if group.bits:
                    self.bits[names.bit_constant(entry.name)] = (group, entry)

    @cached_property
    def _opcode_enums(self) -> dict[str, set[str]]:
        """The header's enumerators beside the table's opcodes, up to the one that ends them."""
        found: dict[str, set[str]] = {"opcode": set(), "register": set()}
        for kind, known, last, lead in (
                ("opcode", set(self.ops), names.opcode("LAST"), names.opcode("")),
                ("register", set(self.registers), names.register("REGISTER_LAST"),
                 names.register(""))):
            for enum in self.header.enums:
                if last not in enum.names and not any(name in known for name in enum.names):
                    continue
                values = [self.header.constants[name].value for name in enum.names]
                end = self.header.constants[last].value if last in enum.names else max(values) + 1
                found[kind] |= {name for name, value in zip(enum.names, values)
                                if value < end and name.startswith(lead)}
        return found

    def kind(self, item: Constant) -> str:
        """What a name is that only the header has."""
        if item.name in self._opcode_enums["opcode"]:
            return "opcode"
        if item.name in self._opcode_enums["register"]:
            return "register"
        group = self.group(item)
        if group is None:
            rows = self.ops.keys() | self.registers.keys()
            alone = item.enum is None or not rows.isdisjoint(item.enum.names)
            return "constant" if alone else "value"
        return "flag" if not group.values else "value"

    def implied(self, item: Constant) -> bool:
        """A name that follows from others: a bit number, or the end of an enum."""
        if item.name in (names.opcode("LAST"), names.register("REGISTER_LAST")):
            return True
        if item.name in self.bits or item.name in self.lasts:
            return True
        flag = self.header.constants.get(item.name.removesuffix("_BIT"))
        return item.enum is not None and flag is not None and flag is not item \
            and 0 <= item.value < 64 and flag.value == 1 << item.value

    def group(self, item: Constant) -> Group | None:
        """The group that a new name of the header fits: by its enum, else by its own name."""
        if item.enum is not None:
            for name in item.enum.names:
                if name in self.entries:
                    return self.entries[name][0]
            for group in self.table.groups:
                if group.enum and group.enum == item.enum.tag:
                    return group
            return None
        return self._by_name(item)

    def _by_name(self, item: Constant) -> Group | None:
        """The group whose flags share the longest beginning, the nearest in the header if several.

        Two words must be the same, or one that only this group uses.
        """
        if not item.suffix or item.value <= 0 or item.value & (item.value - 1):
            return None  # the kernel writes a flag as 1U << n
        order = list(self.header.constants)
        at = order.index(item.name)
        found: list[tuple[int, int, Group]] = []
        for index, other in enumerate(order):
            owner = self.entries.get(other)
            if owner is None or owner[0].as_enum or owner[0].values:
                continue
            shared = _shared(item.name, other)
            if shared < 2 and (shared < 1 or self._first_words[item.name.split("_")[0]]
                               != {owner[0].name}):
                continue
            if all(entry.number != item.value for entry in owner[0].entries):
                found.append((shared, -abs(at - index), owner[0]))
        return max(found, key=lambda each: each[:2])[2] if found else None

    @cached_property
    def _first_words(self) -> dict[str, set[str]]:
        """For each first word of a name, what uses it: groups, and constants as the group ''."""
        found: dict[str, set[str]] = {}
        for name, (group, _) in self.entries.items():
            found.setdefault(name.split("_")[0], set()).add(group.name)
        for name in (*self.constants, *self.ops, *self.registers):
            found.setdefault(name.split("_")[0], set()).add("")
        return found


def _shared(one: str, other: str) -> int:
    """How many words two names share at their beginning."""
    count = 0
    for first, second in zip(one.split("_"), other.split("_")):
        if first != second:
            break
        count += 1
    return count


def compare(table: Table, header: Header) -> list[Difference]:
    """Every difference: opcodes first, then constants, then structures."""
    known = Names(table, header)
    found = [*_files(table, header), *_constants(known), *_structures(table, header)]
    order = ("header", "opcode", "register", "flag", "value", "constant", "structure", "field")
    return sorted(found, key=lambda item: (order.index(item.kind), list(SIGNS).index(item.what)))


def _files(table: Table, header: Header) -> Iterator[Difference]:
    guards = {item.name: item.guard for item in table.headers}
    for name, guard in header.files.items():
        if name not in guards:
            yield Difference("added", "header", name, guard)
        elif guard and guards[name] != guard:
            yield Difference("changed", "header", name, guard, guards[name])


def _number(value: int) -> str:
    return str(value) if -0x10000 < value < 0x10000 else f"{value:#x}"


def _constants(known: Names) -> Iterator[Difference]:
    table, header = known.table, known.header
    wanted: list[tuple[str, str, int | None, str, str]] = []
    wanted += [("opcode", op.constant, op.number, "", op.since) for op in table.ops]
    wanted += [("register", row.constant, row.number, "", row.since) for row in table.registers]
    for group in table.groups:
        if group.external:
            continue
        kind = "value" if group.values else "flag"
        for entry in group.entries:
            wanted.append((kind, entry.name, entry.number, group.name, entry.since))
            if group.bits:
                wanted.append((kind, names.bit_constant(entry.name), entry.bit, group.name,
                               entry.since))
        if group.last:
            oldest = min((entry.since for entry in group.entries), key=names.version)
            wanted.append((kind, group.last, None, group.name, oldest))
    wanted += [("constant", item.name, item.value, "", item.since) for item in table.constants]
    for kind, name, value, owner, since in wanted:
        item = header.constants.get(name)
        if item is None:
            # The numbers of bits came later than the flags; a header without them lacks nothing.
            if name in known.bits and known.bits[name][1].name in header.constants:
                continue
            yield Difference("removed", kind, name, table="" if value is None else _number(value),
                             group=owner, since=since)
        elif value is not None and item.value != value:
            yield Difference("changed", kind, name, _number(item.value), _number(value), owner)
    names_known = {name for _, name, _, _, _ in wanted}
    for item in header.constants.values():
        if item.name not in names_known and not known.implied(item):
            fits = known.group(item) if known.kind(item) in ("flag", "value") else None
            yield Difference("added", known.kind(item), item.name, _number(item.value),
                             group=fits.name if fits else "")


def _structures(table: Table, header: Header) -> Iterator[Difference]:
    known = {item.name for item in table.structs}
    for mine in table.structs:
        theirs = header.structs.get(mine.name)
        if theirs is None:
            yield Difference("removed", "structure", mine.name, table=f"{mine.size} bytes",
                             since=mine.since)
        else:
            yield from structure(mine, theirs)
    for theirs in header.structs.values():
        if theirs.name not in known:
            yield Difference("added", "structure", theirs.name, f"{theirs.size} bytes")


def structure(mine: TableStruct, theirs: Struct) -> Iterator[Difference]:
    """How the members of a structure differ. Reserved bytes that gave way are no difference."""
    ours = {item.path: item for item in mine.placed}
    other = {item.path: item for item in theirs.placed}
    found: list[Difference] = []
    for path, place in other.items():
        if path not in ours:
            found.append(Difference("added", "field", f"{mine.name}.{path}", _member(place)))
    for path, placed in ours.items():
        match = other.get(path)
        if match is None:
            found.append(Difference("removed", "field", f"{mine.name}.{path}",
                                    table=_member(placed), since=_since(mine, placed.raw)))
        elif _member(match) != _member(placed):
            found.append(Difference("changed", "field", f"{mine.name}.{path}", _member(match),
                                    _member(placed)))
    real = [item for item in found if not RESERVED.match(item.name.rsplit(".", 1)[1])]
    if any(item.what != "changed" for item in real) or theirs.size != mine.size:
        found = [item for item in found if item in real
                 or (item.what == "removed" and item.since != mine.since)]
    yield from found
    if theirs.size != mine.size:
        yield Difference("changed", "structure", mine.name, f"{theirs.size} bytes",
                         f"{mine.size} bytes")
    if theirs.union != mine.union:
        yield Difference("changed", "structure", mine.name, "a union" if theirs.union else
                         "a structure", "a union" if mine.union else "a structure")


def _since(owner: TableStruct, raw: Any) -> str:
    return str(raw.get("since", owner.since))


def _member(item: Place | Placed) -> str:
    """A member as text; two are the same when their texts are."""
    count = "" if item.count is None else f"[{item.count or ''}]"
    return f"{item.ctype}{count} at {item.offset}"
