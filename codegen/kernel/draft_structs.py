"""Drafts of structures, and of the new members of those that the table has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from codegen.kernel import diff, edit
from codegen.kernel.draft import RESERVED, UNKNOWN, Desk
from codegen.kernel.draft_conditions import forget
from codegen.kernel.header import Member, Struct
from codegen.kernel.member_steps import AddMember, RemoveMember, ResizeMember, Step, WrapMember
from codegen.table.layout import FOREIGN


class _CannotSay(Exception):
    """The table's format, or a safe edit of it, has no way to say this."""


class StructDrafts:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def add(self, wanted: Sequence[str]) -> None:
        """New structures behind the one before them, and before the first that holds them."""
        section = self.desk.section("structs")
        if section is None:
            return
        order = [item.name for item in self.desk.table.structs]
        users = {name: set(_needs(self.desk.header.structs[name].members))
                 for name in order if name in self.desk.header.structs}
        rows: dict[str, dict[str, Any]] = {}
        before: Struct | None = None
        for struct in self.desk.header.structs.values():
            if struct.name in wanted:
                try:
                    rows[struct.name] = self._struct(struct, {*order})
                except _CannotSay as reason:
                    self.desk.reasons.append(f"structure {struct.name}: {reason}")
                    continue
                same = before is not None and before.spot.file == struct.spot.file
                place = order.index(before.name) + 1 if before and same else len(order)
                holders = [order.index(name) for name, needs in users.items()
                           if struct.name in needs and name in order]
                order.insert(min([place, *holders]), struct.name)
            if struct.name in order:
                before = struct
        place = 0
        at_place: dict[int, list[dict[str, Any]]] = {}
        for name in order:
            if name in rows:
                at_place.setdefault(place, []).append(rows[name])
            else:
                place += 1
        for place, new in at_place.items():
            self.desk.editor.add(section, place, new)

    def _struct(self, struct: Struct, known: set[str]) -> dict[str, Any]:
        unknown = [name for name in _needs(struct.members)
                   if name not in known and f"struct {name}" not in FOREIGN]
        if unknown:
            raise _CannotSay(f"struct {unknown[0]} is not in the table")
        row: dict[str, Any] = {"name": struct.name, "since": self.desk.since, "summary": UNKNOWN}
        if struct.union:
            row["union"] = True
        if struct.align:
            row["align"] = struct.align
        return row | {"members": [self._member(item) for item in struct.members], "draft": True}

    def _member(self, member: Member, added: bool = False) -> dict[str, Any]:
        """A member as a row; `added` when the structure itself is older."""
        if member.problem:
            raise _CannotSay(f"{member.name or 'a member'} is {member.problem}")
        if member.kind:
            inner = [self._member(each, added) for each in member.members]
            if not inner:
                raise _CannotSay(f"{member.name or 'a ' + member.kind} has no members")
            head = {"name": member.name, "summary": UNKNOWN} if member.name else {}
            return {**head, member.kind: inner}
        row: dict[str, Any] = {"name": member.name, "type": member.ctype}
        if member.count is not None:
            row["count"] = member.count
        if added:
            row["since"] = self.desk.since
        spare = diff.RESERVED.match(member.name) is not None
        row["summary"] = RESERVED if spare else UNKNOWN
        return {**row, "draft": True} if added and not spare else row

    def extend(self, owner: str) -> None:
        """The new members of a structure that the table has."""
        section = self.desk.section("structs")
        index = next(n for n, item in enumerate(self.desk.table.structs) if item.name == owner)
        if section is None:
            return
        node = edit.value(section.value[index], "members")
        try:
            plan: list[Step] = []
            self._merge(self.desk.header.structs[owner].members, node, plan)
            for step in plan:
                step.make(self.desk.editor)
            forget(self.desk, owner, {edit.text(step.node, "name") for step in plan
                                      if isinstance(step, RemoveMember)})
        except _CannotSay as reason:
            self.desk.reasons.append(f"structure {owner}: {reason}")

    def _merge(self, theirs: Sequence[Member], node: yaml.Node | None, plan: list[Step]) -> None:
        """Plans what makes a list of members in the table the header's list."""
        if not isinstance(node, yaml.SequenceNode):
            raise _CannotSay("its members are no list")
        ours = edit.items(node)
        matched: dict[int, int] = {}
        wraps: dict[int, tuple[int, Member]] = {}
        for number, member in enumerate(theirs):
            for index, each in enumerate(ours):
                if _same(member, each):
                    matched[number] = index
                elif member.kind and not member.name and _inside(member, each):
                    wraps[number] = (index, _inside(member, each)[0])
        if list(matched.values()) != sorted(matched.values()):
            raise _CannotSay("its members stand in another order")
        kept = {*matched.values(), *(index for index, _ in wraps.values())}
        for index, each in enumerate(ours):
            if index not in kept:
                if not diff.RESERVED.match(edit.text(each, "name")):
                    raise _CannotSay(f"{edit.text(each, 'name') or 'a union'} is gone")
                plan.append(RemoveMember(each))
        place = 0
        for number, member in enumerate(theirs):
            if number in matched:
                index = matched[number]
                place = index + 1
                if member.kind:
                    self._merge(member.members, edit.value(ours[index], member.kind), plan)
                else:
                    plan += self._resize(member, ours[index])
            elif number in wraps:
                index, inner = wraps[number]
                place = index + 1
                plan.append(self._wrap(member, inner, ours[index]))
            else:
                plan.append(AddMember(node, place, self._member(member, added=True)))

    @staticmethod
    def _resize(member: Member, node: yaml.Node) -> list[Step]:
        """Reserved bytes change their type or number when a member takes some of them."""
        count = edit.text(node, "count")
        if edit.text(node, "type") == member.ctype \
                and (int(count, 0) if count else None) == member.count:
            return []
        if not diff.RESERVED.match(member.name):
            raise _CannotSay(f"{member.name} is not what it was")
        return [ResizeMember(node, member)]

    def _wrap(self, outer: Member, inner: Member, node: yaml.Node) -> Step:
        """A member that has got company in a union keeps its row."""
        if edit.text(node, "type") != inner.ctype or outer.kind != "union":
            raise _CannotSay(f"{inner.name} is not what it was")
        at = [each.name for each in outer.members].index(inner.name)
        return WrapMember(node, [self._member(each, added=True) for each in outer.members[:at]],
                     [self._member(each, added=True) for each in outer.members[at + 1:]])


def _needs(members: Sequence[Member]) -> Iterator[str]:
    """The structures that must be defined before."""
    for item in members:
        if item.kind:
            yield from _needs(item.members)
        elif item.ctype.startswith(("struct ", "union ")):
            yield item.ctype.split(" ", 1)[1]


def _leaves(node: yaml.Node) -> set[str]:
    """The names below a union or a structure of the table."""
    found: set[str] = set()
    for kind in ("union", "struct"):
        for each in edit.items(edit.value(node, kind)):
            found |= _leaves(each) | ({edit.text(each, "name")} - {""})
    return found


def _member_names(member: Member) -> set[str]:
    found = {member.name} - {""}
    for each in member.members:
        found |= _member_names(each)
    return found


def _same(member: Member, node: yaml.Node) -> bool:
    """Is the header's member the one in this row?"""
    if not member.kind:
        return edit.text(node, "name") == member.name and edit.value(node, "type") is not None
    if edit.value(node, member.kind) is None:
        return False
    if member.name or edit.text(node, "name"):
        return edit.text(node, "name") == member.name
    return bool(_member_names(member) & _leaves(node))


def _inside(member: Member, node: yaml.Node) -> list[Member]:
    """The direct member of a new union that the table has as a plain member."""
    return [each for each in member.members
            if not each.kind and each.name == edit.text(node, "name")
            and edit.value(node, "type") is not None]
