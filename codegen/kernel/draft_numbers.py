"""Drafts of constants, of flags and values, and of the groups that new ones make together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from codegen.kernel import diff, edit
from codegen.kernel.draft import UNKNOWN, Desk
from codegen.kernel.header import Constant, Enum
from codegen.table import names

SCALAR_LEAD = re.compile(r"^(IORING|IO_URING)_")


class NumberDrafts:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def _place_of(self, name: str, known: dict[str, int]) -> int | None:
        """The place after the nearest thing before `name`, in the header, that the table has."""
        at = self.desk.order.index(name)
        file = self.desk.header.constants[name].spot.file
        for other in reversed(self.desk.order[:at]):
            if self.desk.header.constants[other].spot.file == file and other in known:
                return known[other] + 1
        return None

    def singles(self, found: Sequence[Constant]) -> None:
        """Constants of no group, and groups that they make together."""
        grouped = [*self._new_enums(found), *self._new_flags(found)]
        inside = {name for _, members in grouped for name in members}
        self._groups(grouped)
        section = self.desk.section("constants")
        known = {item.name: index for index, item in enumerate(self.desk.table.constants)}
        at_place: dict[int, list[dict[str, Any]]] = {}
        for item in found:
            if item.name in inside:
                continue
            row: dict[str, Any] = {"name": item.name, "value": item.value}
            if item.suffix:
                row["suffix"] = item.suffix
            if item.enum is not None:
                row["form"] = "enumerator"
            row |= {"since": self.desk.since, "summary": UNKNOWN, "draft": True}
            place = self._place_of(item.name, known)
            at_place.setdefault(len(known) if place is None else place, []).append(row)
        for place, rows in at_place.items():
            if section is not None:
                self.desk.editor.add(section, place, rows)

    def _new_enums(self, found: Sequence[Constant]) -> Iterator[tuple[dict[str, Any], list[str]]]:
        """A group for each enum of which the table has no name."""
        wanted = {item.name for item in found}
        for enum in self.desk.header.enums:
            if enum.names and all(name in wanted for name in enum.names):
                yield self._group_of(enum), list(enum.names)

    def _group_of(self, enum: Enum) -> dict[str, Any]:
        values = {name: self.desk.header.constants[name].value for name in enum.names}
        last = enum.names[-1]
        ends = len(values) > 1 and diff.LAST.search(last) is not None \
            and values[last] == max(value for name, value in values.items() if name != last) + 1
        if ends:
            del values[last]
        flags = all(value > 0 and not value & (value - 1) for value in values.values())
        row: dict[str, Any] = {"group": self._group_name(enum.tag, list(values)),
                               "summary": UNKNOWN}
        if not flags:
            row["kind"] = "values"
        row |= {"enum": enum.tag} if enum.tag else {"form": "enumerators"}
        if ends:
            row["last"] = last
        row["entries"] = [self._entry(name, value, flags) for name, value
                          in sorted(values.items(), key=lambda pair: pair[1])]
        return row

    def _new_flags(self, found: Sequence[Constant]) -> Iterator[tuple[dict[str, Any], list[str]]]:
        """A group for each run of macros that are single bits and share a name."""
        run: list[Constant] = []

        def ended() -> Iterator[tuple[dict[str, Any], list[str]]]:
            if len(run) > 1:
                members = [item.name for item in run]
                yield ({"group": self._group_name("", members), "summary": UNKNOWN,
                        "entries": [self._entry(item.name, item.value, True) for item in run]},
                       members)

        for item in found:
            bit = item.enum is None and bool(item.suffix) and item.value > 0 \
                and not item.value & (item.value - 1)
            follows = bool(run) and bit and item.value > run[-1].value \
                and len(_common([run[0].name, item.name])) > 1 \
                and self.desk.order.index(item.name) == self.desk.order.index(run[-1].name) + 1
            if not follows:
                yield from ended()
                run = []
            if bit:
                run.append(item)
        yield from ended()

    def _entry(self, name: str, value: int, flag: bool) -> dict[str, Any]:
        bit = flag and value > 0 and not value & (value - 1)
        number = {"bit": value.bit_length() - 1} if bit else {"value": value}
        return {"name": name, **number, "since": self.desk.since, "summary": UNKNOWN,
                "draft": True}

    def _group_name(self, tag: str, members: Sequence[str]) -> str:
        base = re.sub(r"^(io_uring|io)_|_flags$", "", tag)
        if not base:
            words = _common(members)
            base = SCALAR_LEAD.sub("", "_".join(words) + "_").strip("_")
        base = names.identifier(base) or "new"
        if not base[0].isalpha():
            base = f"group_{base}"
        taken = {group.name for group in self.desk.table.groups}
        name, count = base, 2
        while name in taken:
            name, count = f"{base}_{count}", count + 1
        return name

    def _groups(self, found: Sequence[tuple[dict[str, Any], list[str]]]) -> None:
        section = self.desk.section("groups")
        if section is None or not found:
            return
        known: dict[str, int] = {}
        for index, group in enumerate(self.desk.table.groups):
            if not group.external:
                known |= {entry.name: index for entry in group.entries}
        at_place: dict[int, list[tuple[int, dict[str, Any]]]] = {}
        for row, members in found:
            place = self._place_of(members[0], known)
            at_place.setdefault(len(self.desk.table.groups) if place is None else place,
                                []).append((self.desk.order.index(members[0]), row))
        for place, rows in at_place.items():
            rows.sort(key=lambda pair: pair[0])
            self.desk.editor.add(section, place, [row for _, row in rows])

    def entries(self, found: Sequence[Constant]) -> None:
        """New flags and values of groups that exist."""
        section = self.desk.section("groups")
        for index, group in enumerate(self.desk.table.groups):
            mine = [item for item in found if self.desk.known.group(item) is group]
            if not mine or section is None:
                continue
            node = section.value[index]
            highest = max((entry.number or 0 for entry in group.entries), default=0)
            highest = max([highest, *(item.value for item in mine
                                      if not diff.LAST.search(item.name))])
            sequence = edit.value(node, "entries")
            at_place: dict[int, list[dict[str, Any]]] = {}
            for item in sorted(mine, key=lambda each: each.value):
                if item.enum is not None and group.last is None and item.value == highest + 1 \
                        and diff.LAST.search(item.name) and not node.flow_style:
                    self._last(node, item.name)
                    continue
                place = sum(1 for entry in group.entries
                            if entry.number is None or entry.number <= item.value)
                at_place.setdefault(place, []).append(
                    self._entry(item.name, item.value, not group.values))
            for place, rows in at_place.items():
                if isinstance(sequence, yaml.SequenceNode):
                    self.desk.editor.add(sequence, place, rows)

    def _last(self, group: yaml.Node, name: str) -> None:
        found = edit.entry(group, "entries")
        if found is not None:
            mark = found[0].start_mark
            self.desk.editor.insert(mark.line, [" " * mark.column + f"last: {name}"])


def _common(members: Sequence[str]) -> list[str]:
    """The words that all names begin with; of a single name all but the last."""
    words = members[0].split("_")
    if len(members) == 1:
        return words[:-1]
    shared: list[str] = []
    for row in zip(*(name.split("_") for name in members)):
        if len(set(row)) > 1:
            break
        shared.append(row[0])
    return shared
