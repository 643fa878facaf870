"""Writes what a kernel header has and the table lacks into the table, as drafts.

Rows go where a person would put them, in the table's own style; no other line is touched, except
that reserved bytes of a structure shrink where a new member has taken their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from codegen.kernel import diff, edit
from codegen.table import checks, load, model, names
from codegen.kernel.header import Constant, Enum, Header, Member, Struct
from codegen.table.layout import FOREIGN

UNKNOWN = "Not described yet."
RESERVED = "Must be zero."
UNTRIED = "No trial has been written yet."
SCALAR_LEAD = re.compile(r"^(IORING|IO_URING)_")


@dataclass
class Adoption:
    """The new text of the table, what went into it, and what is left to a person."""

    text: str
    adopted: list[diff.Difference] = field(default_factory=list)
    left: list[diff.Difference] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


class _CannotSay(Exception):
    """The table's format, or a safe edit of it, has no way to say this."""


def adopt(text: str, name: str, header: Header, since: str) -> Adoption:
    """Adds what is missing; raises TableError when the table itself is wrong."""
    before = _table(text, name)
    missing = [item for item in diff.compare(before, header) if item.what == "added"]
    writer = _Writer(text, before, header, since)
    writer.write(missing)
    result = writer.editor.result() if missing else text
    try:
        after = _table(result, name)
    except load.TableError as failure:
        raise load.TableError(f"{name} with the new rows (nothing is written)",
                              failure.diagnostics) from None
    left = diff.compare(after, header)
    names_left = {(item.what, item.name) for item in left}
    adopted = [item for item in missing if (item.what, item.name) not in names_left]
    return Adoption(result, adopted, left, writer.reasons)


def _table(text: str, name: str) -> model.Table:
    source = load.parse(text, name)
    checks.check(source)
    return model.build(source)


class _Writer:
    def __init__(self, text: str, table: model.Table, header: Header, since: str) -> None:
        self.editor = edit.Editor(text)
        self.table = table
        self.header = header
        self.since = since
        self.known = diff.Names(table, header)
        self.reasons: list[str] = []
        self.order = list(header.constants)

    def write(self, missing: Sequence[diff.Difference]) -> None:
        if not missing:
            return
        constants = [self.header.constants[item.name] for item in missing
                     if item.name in self.header.constants]
        constants.sort(key=lambda item: self.order.index(item.name))
        self._kernel()
        headers = [item for item in missing if item.kind == "header"]
        self._add_last("headers", [{"name": item.name, "guard": item.header}
                                   for item in headers if item.header])
        self.reasons += [f"{item.name} has no include guard" for item in headers
                         if not item.header]
        by_kind: dict[str, list[Constant]] = {}
        for constant in constants:
            kind = self.known.kind(constant)
            if kind in ("flag", "value") and self.known.group(constant) is None:
                kind = "constant"  # of an enum that the table lacks
            by_kind.setdefault(kind, []).append(constant)
        self._opcodes(by_kind.get("opcode", []))
        self._registers(by_kind.get("register", []))
        self._entries([*by_kind.get("flag", []), *by_kind.get("value", [])])
        self._singles(by_kind.get("constant", []))
        self._structs([item.name for item in missing if item.kind == "structure"])
        for owner in dict.fromkeys(item.name.split(".")[0] for item in missing
                                   if item.kind == "field"):
            self._members(owner)

    # -- sections -----------------------------------------------------------

    def _section(self, name: str) -> yaml.SequenceNode | None:
        found = edit.value(self.editor.root, name)
        return found if isinstance(found, yaml.SequenceNode) else None

    def _add_last(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        """Rows at the end of a section, which is made if there is none."""
        section = self._section(name)
        if section is not None and (section.value or section.flow_style):
            self.editor.add(section, len(section.value), rows)
        elif rows:
            lines = ["", f"{name}:"]
            for index, row in enumerate(rows):
                lines += ([""] if index else []) + edit.item(row, 2, block=True)
            self.editor.insert(len(self.editor.lines), lines)

    def _kernel(self) -> None:
        node = edit.value(self.editor.root, "kernel")
        if node is not None and names.version(self.since) > names.version(self.table.kernel):
            self.editor.replace(node.start_mark, node.end_mark, f'"{self.since}"')

    def _opcodes(self, found: Sequence[Constant]) -> None:
        rows = []
        for item in self._dense(found, len(self.table.ops)):
            name = item.name.removeprefix(names.opcode(""))
            taken = {prep.name for prep in self.table.preps}
            fields = [row for row in self._generic_fields() if row["slot"] in self.table.slots]
            function = name.lower() if name.lower() not in taken else f"{name.lower()}_op"
            rows.append({
                "name": name, "number": item.value, "since": self.since, "summary": UNKNOWN,
                "fields": fields, "completion": {"res": UNKNOWN},
                "prep": [{"name": function, "args": [row["arg"] for row in fields],
                          "untried": UNTRIED}],
                "draft": True})
        self._add_last("opcodes", rows)

    @staticmethod
    def _generic_fields() -> list[dict[str, Any]]:
        """What most requests have; memory as carefully as can be."""
        return [
            {"slot": "fd", "type": "int", "arg": "fd", "role": "file", "summary": UNKNOWN},
            {"slot": "addr", "type": "void *", "arg": "addr", "memory": "both",
             "lives": "completion", "summary": UNKNOWN},
            {"slot": "len", "type": "unsigned", "arg": "len", "summary": UNKNOWN},
            {"slot": "off", "type": "__u64", "arg": "offset", "summary": UNKNOWN},
            {"slot": "rw_flags", "type": "unsigned", "arg": "flags", "summary": UNKNOWN},
        ]

    def _registers(self, found: Sequence[Constant]) -> None:
        rows = []
        for item in self._dense(found, len(self.table.registers)):
            name = item.name.removeprefix(names.register(""))
            taken = {call.name for call in self.table.calls}
            function = name.lower() if name.lower() not in taken else f"{name.lower()}_op"
            rows.append({
                "name": name, "number": item.value, "since": self.since, "summary": UNKNOWN,
                "arg": "void", "memory": "both", "lives": "unregister",
                "nr_args": UNKNOWN, "res": UNKNOWN,
                "calls": [{
                    "name": function,
                    "args": [{"arg": "arg", "type": "void *", "summary": UNKNOWN},
                             {"arg": "nr_args", "type": "unsigned", "summary": UNKNOWN}],
                    "pass": "arg", "nr": "nr_args", "untried": UNTRIED}],
                "draft": True})
        self._add_last("register", rows)

    def _dense(self, found: Sequence[Constant], following: int) -> Iterator[Constant]:
        """Rows are numbered without a gap: whatever comes after one is left to a person."""
        for item in sorted(found, key=lambda each: each.value):
            if item.value == following:
                yield item
                following += 1
            else:
                self.reasons.append(f"{item.name} is {item.value}, but the next row is "
                                    f"number {following}")

    # -- constants ------------------------------------------------------------

    def _place_of(self, name: str, known: dict[str, int]) -> int | None:
        """The place after the nearest thing before `name`, in the header, that the table has."""
        at = self.order.index(name)
        file = self.header.constants[name].spot.file
        for other in reversed(self.order[:at]):
            if self.header.constants[other].spot.file == file and other in known:
                return known[other] + 1
        return None

    def _singles(self, found: Sequence[Constant]) -> None:
        """Constants of no group, and groups that they make together."""
        grouped = [*self._new_enums(found), *self._new_flags(found)]
        inside = {name for _, members in grouped for name in members}
        self._groups(grouped)
        section = self._section("constants")
        known = {item.name: index for index, item in enumerate(self.table.constants)}
        at_place: dict[int, list[dict[str, Any]]] = {}
        for item in found:
            if item.name in inside:
                continue
            row: dict[str, Any] = {"name": item.name, "value": item.value}
            if item.suffix:
                row["suffix"] = item.suffix
            if item.enum is not None:
                row["form"] = "enumerator"
            row |= {"since": self.since, "summary": UNKNOWN, "draft": True}
            place = self._place_of(item.name, known)
            at_place.setdefault(len(known) if place is None else place, []).append(row)
        for place, rows in at_place.items():
            if section is not None:
                self.editor.add(section, place, rows)

    def _new_enums(self, found: Sequence[Constant]) -> Iterator[tuple[dict[str, Any], list[str]]]:
        """A group for each enum of which the table has no name."""
        wanted = {item.name for item in found}
        for enum in self.header.enums:
            if enum.names and all(name in wanted for name in enum.names):
                yield self._group_of(enum), list(enum.names)

    def _group_of(self, enum: Enum) -> dict[str, Any]:
        values = {name: self.header.constants[name].value for name in enum.names}
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
                and self.order.index(item.name) == self.order.index(run[-1].name) + 1
            if not follows:
                yield from ended()
                run = []
            if bit:
                run.append(item)
        yield from ended()

    def _entry(self, name: str, value: int, flag: bool) -> dict[str, Any]:
        bit = flag and value > 0 and not value & (value - 1)
        number = {"bit": value.bit_length() - 1} if bit else {"value": value}
        return {"name": name, **number, "since": self.since, "summary": UNKNOWN,
                "draft": True}

    def _group_name(self, tag: str, members: Sequence[str]) -> str:
        base = re.sub(r"^(io_uring|io)_|_flags$", "", tag)
        if not base:
            words = _common(members)
            base = SCALAR_LEAD.sub("", "_".join(words) + "_").strip("_")
        base = names.identifier(base) or "new"
        if not base[0].isalpha():
            base = f"group_{base}"
        taken = {group.name for group in self.table.groups}
        name, count = base, 2
        while name in taken:
            name, count = f"{base}_{count}", count + 1
        return name

    def _groups(self, found: Sequence[tuple[dict[str, Any], list[str]]]) -> None:
        section = self._section("groups")
        if section is None or not found:
            return
        known: dict[str, int] = {}
        for index, group in enumerate(self.table.groups):
            if not group.external:
                known |= {entry.name: index for entry in group.entries}
        at_place: dict[int, list[tuple[int, dict[str, Any]]]] = {}
        for row, members in found:
            place = self._place_of(members[0], known)
            at_place.setdefault(len(self.table.groups) if place is None else place, []).append(
                (self.order.index(members[0]), row))
        for place, rows in at_place.items():
            self.editor.add(section, place, [row for _, row in sorted(rows, key=lambda r: r[0])])

    def _entries(self, found: Sequence[Constant]) -> None:
        """New flags and values of groups that exist."""
        section = self._section("groups")
        for index, group in enumerate(self.table.groups):
            mine = [item for item in found if self.known.group(item) is group]
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
                    self.editor.add(sequence, place, rows)

    def _last(self, group: yaml.Node, name: str) -> None:
        found = edit.entry(group, "entries")
        if found is not None:
            mark = found[0].start_mark
            self.editor.insert(mark.line, [" " * mark.column + f"last: {name}"])

    # -- structures -------------------------------------------------------------

    def _structs(self, wanted: Sequence[str]) -> None:
        """New structures behind the one before them, and before the first that holds them."""
        section = self._section("structs")
        if section is None:
            return
        order = [item.name for item in self.table.structs]
        users = {name: set(_needs(self.header.structs[name].members))
                 for name in order if name in self.header.structs}
        rows: dict[str, dict[str, Any]] = {}
        before: Struct | None = None
        for struct in self.header.structs.values():
            if struct.name in wanted:
                try:
                    rows[struct.name] = self._struct(struct, {*order})
                except _CannotSay as reason:
                    self.reasons.append(f"structure {struct.name}: {reason}")
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
            self.editor.add(section, place, new)

    def _struct(self, struct: Struct, known: set[str]) -> dict[str, Any]:
        unknown = [name for name in _needs(struct.members)
                   if name not in known and f"struct {name}" not in FOREIGN]
        if unknown:
            raise _CannotSay(f"struct {unknown[0]} is not in the table")
        row: dict[str, Any] = {"name": struct.name, "since": self.since, "summary": UNKNOWN}
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
            row["since"] = self.since
        spare = diff.RESERVED.match(member.name) is not None
        row["summary"] = RESERVED if spare else UNKNOWN
        return {**row, "draft": True} if added and not spare else row

    def _members(self, owner: str) -> None:
        """The new members of a structure that the table has."""
        section = self._section("structs")
        index = next(n for n, item in enumerate(self.table.structs) if item.name == owner)
        if section is None:
            return
        node = edit.value(section.value[index], "members")
        try:
            plan: list[_Step] = []
            self._merge(self.header.structs[owner].members, node, plan)
            for step in plan:
                step.make(self.editor)
        except _CannotSay as reason:
            self.reasons.append(f"structure {owner}: {reason}")

    def _merge(self, theirs: Sequence[Member], node: yaml.Node | None, plan: list[_Step]) -> None:
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
                plan.append(_Remove(each))
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
                plan.append(_Add(node, place, self._member(member, added=True)))

    @staticmethod
    def _resize(member: Member, node: yaml.Node) -> list[_Step]:
        """Reserved bytes change their type or number when a member takes some of them."""
        count = edit.text(node, "count")
        if edit.text(node, "type") == member.ctype \
                and (int(count, 0) if count else None) == member.count:
            return []
        if not diff.RESERVED.match(member.name):
            raise _CannotSay(f"{member.name} is not what it was")
        return [_Resize(node, member)]

    def _wrap(self, outer: Member, inner: Member, node: yaml.Node) -> _Step:
        """A member that has got company in a union keeps its row."""
        if edit.text(node, "type") != inner.ctype or outer.kind != "union":
            raise _CannotSay(f"{inner.name} is not what it was")
        at = [each.name for each in outer.members].index(inner.name)
        return _Wrap(node, [self._member(each, added=True) for each in outer.members[:at]],
                     [self._member(each, added=True) for each in outer.members[at + 1:]])


class _Step:
    """One edit of a list of members."""

    def make(self, editor: edit.Editor) -> None:
        raise NotImplementedError


@dataclass
class _Add(_Step):
    sequence: yaml.SequenceNode
    place: int
    row: dict[str, Any]

    def make(self, editor: edit.Editor) -> None:
        editor.add(self.sequence, self.place, [self.row])


@dataclass
class _Remove(_Step):
    node: yaml.Node

    def make(self, editor: edit.Editor) -> None:
        editor.remove(self.node.start_mark.line, editor.last_line(self.node))


@dataclass
class _Resize(_Step):
    node: yaml.Node
    member: Member

    def make(self, editor: edit.Editor) -> None:
        ctype = edit.value(self.node, "type")
        count = edit.entry(self.node, "count")
        wanted = self.member.count
        assert ctype is not None
        if edit.text(self.node, "type") != self.member.ctype:
            editor.replace(ctype.start_mark, ctype.end_mark, self.member.ctype)
        if count is not None and wanted is not None:
            editor.replace(count[1].start_mark, count[1].end_mark, str(wanted))
        elif count is not None:
            self._drop(editor, count[0], count[1])
        elif wanted is not None and _in_flow(self.node):
            editor.replace(ctype.end_mark, ctype.end_mark, f", count: {wanted}")
        elif wanted is not None:
            editor.insert(ctype.start_mark.line + 1,
                          [" " * self.node.start_mark.column + f"count: {wanted}"])

    def _drop(self, editor: edit.Editor, key: yaml.Node, old: yaml.Node) -> None:
        if not _in_flow(self.node):
            editor.remove(key.start_mark.line, old.end_mark.line)
            return
        pairs: list[tuple[yaml.Node, yaml.Node]] = self.node.value
        index = [pair[0] for pair in pairs].index(key)
        if index + 1 < len(pairs):
            editor.replace(key.start_mark, pairs[index + 1][0].start_mark, "")
        else:
            editor.replace(pairs[index - 1][1].end_mark, old.end_mark, "")


@dataclass
class _Wrap(_Step):
    node: yaml.Node
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]

    def make(self, editor: edit.Editor) -> None:
        indent = editor.indent(self.node)
        first, last = self.node.start_mark.line, editor.last_line(self.node)
        old = [f"    {line}" for line in editor.lines[first:last + 1]]
        editor.remove(first, last)
        editor.insert(first, [f"{' ' * indent}- union:", *edit.rows(self.before, indent + 4), *old,
                              *edit.rows(self.after, indent + 4)])


def _in_flow(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


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
