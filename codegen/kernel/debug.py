"""Structures and enumerators as the compiler understood them: its debug information."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from codegen.kernel.header import Member
from codegen.table.layout import FOREIGN, SCALARS

# C's own types as the table writes them, for members that use no kernel typedef.
_PLAIN = {
    "unsigned char": "__u8", "signed char": "__s8", "char": "char", "_Bool": "__u8",
    "unsigned short": "__u16", "short unsigned int": "__u16",
    "short": "__s16", "short int": "__s16",
    "unsigned int": "__u32", "int": "int",
    "unsigned long long": "__u64", "long long unsigned int": "__u64",
    "long long": "__s64", "long long int": "__s64",
}


@dataclass
class Entry:
    """One entry of the debug information."""

    tag: str
    depth: int
    facts: dict[str, str] = field(default_factory=dict)
    below: list[Entry] = field(default_factory=list)

    def number(self, key: str, default: int = 0) -> int:
        return int(self.facts.get(key, str(default)), 0)

    @property
    def name(self) -> str:
        return self.facts.get("name", "")


_ENTRY = re.compile(r"^ *<([0-9a-f]+)><([0-9a-f]+)>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)")
_FACT = re.compile(r"^ +<[0-9a-f]+> +DW_AT_(\w+) *: (.*)$")


class Debug:
    def __init__(self, information: str, lines: str) -> None:
        self.entries: dict[str, Entry] = {}
        self.files = dict(_file_table(lines))
        self.top: list[Entry] = []
        stack: list[Entry] = []
        for line in information.splitlines():
            match = _ENTRY.match(line)
            if match:
                depth = int(match[1])
                entry = Entry(match[3], depth)
                self.entries[match[2]] = entry
                del stack[depth:]
                if stack:
                    stack[-1].below.append(entry)
                stack.append(entry)
                continue
            match = _FACT.match(line)
            if match and stack:
                value = re.sub(r"^\(indirect[^)]*\): ", "", match[2])
                value = value.split("\t")[0].strip()
                stack[-1].facts[match[1]] = value.strip("<>") if match[1] == "type" else value
        for entry in self.entries.values():
            if entry.depth == 1:
                self.top.append(entry)

    def type_of(self, entry: Entry) -> Entry | None:
        return self.entries.get(entry.facts.get("type", "").removeprefix("0x"))

    def file_of(self, entry: Entry) -> str:
        return self.files.get(entry.number("decl_file"), "")

    def enumerations(self) -> Iterator[Entry]:
        return (entry for entry in self.entries.values() if entry.tag == "enumeration_type")

    def members(self, owner: Entry) -> tuple[Member, ...]:
        found: list[Member] = []
        for item in owner.below:
            if item.tag != "member":
                continue
            member = self._member(item)
            if member.kind == "struct" and not member.name and len(member.members) == 1 \
                    and member.members[0].count == 0:
                # What __DECLARE_FLEX_ARRAY wraps around an array.
                inner = member.members[0]
                member = replace(inner, offset=member.offset + inner.offset)
            if not (member.size == 0 and member.count is None):
                found.append(member)
        return tuple(found)

    def _member(self, item: Entry) -> Member:
        offset = item.number("data_member_location")
        problem = "a bit-field" if "bit_size" in item.facts else ""
        target = self.type_of(item)
        count: int | None = None
        if target is not None and target.tag == "array_type":
            bounds = [self._bound(bound) for bound in target.below if bound.tag == "subrange_type"]
            if len(bounds) != 1:
                problem = "an array of arrays"
            count = bounds[0] if bounds else 0
            target = self.type_of(target)
        kind, ctype, size, why = self._type(target)
        if ctype == "__u64" and item.number("alignment") == 8:
            ctype = "__aligned_u64"  # a macro, which leaves no name behind
        size *= 1 if count is None else count
        if kind and count is not None:
            why = why or "an array of a structure without a tag"
        inner = self.members(target) if kind and target is not None else ()
        return Member(item.name, kind, ctype, count, offset, size, inner, problem or why)

    def _bound(self, bound: Entry) -> int:
        if "count" in bound.facts:
            return bound.number("count")
        if "upper_bound" in bound.facts:
            return bound.number("upper_bound") + 1
        return 0

    def _type(self, entry: Entry | None) -> tuple[str, str, int, str]:
        """Kind of container, the table's name of the type, its size, and why it has no name."""
        seen = entry
        while entry is not None and entry.tag in ("typedef", "const_type", "volatile_type"):
            if entry.name in SCALARS:
                return "", entry.name, SCALARS[entry.name], ""
            entry = self.type_of(entry)
        if entry is None:
            return "", "void", 0, "a member without a type"
        size = entry.number("byte_size")
        if entry.tag in ("structure_type", "union_type"):
            kind = "struct" if entry.tag == "structure_type" else "union"
            if entry.name:
                name = f"{kind} {entry.name}"
                return "", name, FOREIGN[name][0] if name in FOREIGN else size, ""
            return kind, "", size, ""
        if entry.tag == "enumeration_type":
            return "", "__u32", size, ""
        if entry.tag == "base_type" and entry.name in _PLAIN:
            return "", _PLAIN[entry.name], size, ""
        what = seen.name if seen is not None and seen.name else entry.tag.replace("_type", "")
        return "", what, size, f"the type '{what}', which has not the same size everywhere"


def _file_table(lines: str) -> Iterator[tuple[int, str]]:
    directories: dict[int, str] = {}
    part = ""
    for line in lines.splitlines():
        if "Directory Table" in line or "File Name Table" in line:
            part = "directory" if "Directory" in line else "file"
            continue
        cells = line.split("\t")
        number = cells[0].strip()
        if not number.isdigit():
            continue
        if part == "directory" and len(cells) == 2:
            directories[int(number)] = cells[1]
        elif part == "file" and len(cells) == 5:
            name = cells[4]
            base = directories.get(int(cells[1]), "")
            yield int(number), name if name.startswith("/") or not base else f"{base}/{name}"
