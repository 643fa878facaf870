"""The table as JSON for authors of bindings, generated/ops.json: the kernel's side.

Everything that a binding needs and nothing that only our tests use. A key with nothing to say
is absent; templates/ops.schema.json describes each one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen.table.conditions import Condition, is_number
from codegen.table import names
from codegen.table.calls import Call, Items, RegisterOp
from codegen.table.emulation import Emulation
from codegen.table.commands import Command, CommandError, Family
from codegen.table.model import Table
from codegen.table.numbers import Constant, Entry, Group
from codegen.table.requests import Arg, Completion, Field, Ignored, Op, Prep, Rule, Store
from codegen.table.structs import Slot, Struct
from codegen.table.trials import Error
from codegen.write.export_api import Library

SCHEMA_VERSION = 1
WIDTH = 100

Json = dict[str, Any]

# What the hooks of rota/hooks.h do to an argument, for those who write them again.
CONVERSIONS = {
    "poll_mask": "On a big-endian machine the two 16-bit halves change places.",
    "direct_slot": "One is added; 0xffffffff (IORING_FILE_INDEX_ALLOC) stays as it is.",
    "zero_extend": "A negative number is extended by zeros instead of by its sign.",
}


# Lists that stand there even when they are empty.
_KEPT = frozenset({"fields", "prep", "args", "stores", "calls", "errors"})


def _present(**keys: Any) -> Json:
    """The keys that say something, trailing underscores off their names."""
    return {name.removesuffix("_"): value for name, value in keys.items()
            if name in _KEPT or (value is not None and value is not False
                                 and value != [] and value != {})}


class _Exporter:
    def __init__(self, table: Table, library: Library) -> None:
        self.table = table
        self.library = library
        self.values: dict[str, int | None] = {
            entry.name: entry.number for group in table.groups for entry in group.entries}
        self.values |= {constant.name: constant.value for constant in table.constants}
        self.values |= {limit.name: limit.value for limit in table.limits}
        self.values |= {command.name: command.number for command in table.commands}
        self.values |= {op.constant: op.number for op in table.ops}
        self.values |= {row.constant: row.number for row in table.registers}

    def table_(self) -> Json:
        table = self.table
        return {
            "$schema": "./ops.schema.json",
            "schema_version": SCHEMA_VERSION,
            "kernel": table.kernel,
            "constants": [self.constant(item) for item in table.constants],
            "groups": [self.group(item) for item in table.groups],
            "structs": [self.struct(item) for item in table.structs],
            "conversions": CONVERSIONS,
            "opcodes": [self.op(item) for item in table.ops],
            "commands": [self.family(item) for item in table.families],
            "register": [self.register(item) for item in table.registers],
            "architectures": self.library.architectures(),
            "own_constants": self.library.constants(),
            "own_structs": self.library.structs(),
            "variables": self.library.variables(),
            "callbacks": self.library.callbacks(),
            "functions": self.library.functions(),
        }

    # -- constants and structures -------------------------------------------

    def constant(self, item: Constant) -> Json:
        return _present(name=item.name, value=item.value, since=item.since,
                        summary=item.summary, note=item.note)

    def group(self, item: Group) -> Json:
        return _present(
            name=item.name, kind="values" if item.values else "flags", summary=item.summary,
            header=item.header, enum=item.enum,
            entries=[self.entry(entry, item.external) for entry in item.entries])

    def entry(self, item: Entry, external: bool) -> Json:
        """`value` is absent where it differs between architectures."""
        return _present(
            name=item.name, value=item.number, values=dict(item.values),
            since=None if external else item.since,
            backports=list(item.backports), summary=item.summary or None, note=item.note,
            refused=item.refused, needs=list(item.needs), needs_one=list(item.needs_one),
            excludes=list(item.excludes))

    def struct(self, item: Struct) -> Json:
        members = []
        for member in item.placed:
            raw = member.raw
            members.append(_present(
                name=member.path, offset=member.offset, size=member.size, type=member.ctype,
                count=member.count, since=raw.get("since"),
                backports=list(raw.get("backports", ())), summary=raw.get("summary")))
        return _present(name=item.name, size=item.size, union=item.union, align=item.align,
                        since=item.since, summary=item.summary, note=item.note, members=members)

    # -- opcodes ------------------------------------------------------------

    def op(self, item: Op) -> Json:
        return _present(
            name=item.name, constant=item.constant, number=item.number, since=item.since,
            backports=list(item.backports), summary=item.summary, syscall=item.syscall,
            config=item.config, note=item.note, sqe_size=128 if item.big else 64,
            large=item.large,
            fields=[self.field(field) for field in item.fields],
            ignored=[self.ignored(field) for field in item.ignored],
            iosqe=_present(fixed_file=item.fixed_file, buffer_select=item.buffer_select,
                           cqe_skip=item.cqe_skip, since=dict(item.iosqe_since),
                           fixed_file_before=item.fixed_file_before
                           if "IOSQE_FIXED_FILE" in dict(item.iosqe_since) else None),
            behind_link=item.behind_link, iopoll=item.iopoll, needs_one=list(item.rings_one_of),
            rules=[self.rule(rule) for rule in item.rules],
            completion=self.completion(item.completion),
            errors=[self.error(error) for error in item.errors],
            prep=[self.prep(prep) for prep in item.preps],
            emulate=self.emulate(item.emulate))

    @staticmethod
    def place(slot: Slot) -> Json:
        return {"field": slot.name, "offset": slot.offset, "size": slot.size}

    def field(self, item: Field) -> Json:
        return self.place(item.slot) | _present(
            summary=item.summary, note=item.note, type=item.ctype, arg=item.arg,
            conversion=item.via, role=item.role, memory=item.memory, lives=item.lives,
            length=item.length, slot_when=self.conditions(item.slot_when),
            vector_when=self.conditions(item.vector_when), optional=item.optional, elements=item.elements,
            flags=item.group.name if item.group else None,
            half="lower" if item.low else None,
            takes=[_present(name=taken.name, since=taken.since, backports=list(taken.backports))
                   for taken in item.takes],
            others=({"refused": "submit"}.get(item.others, item.others) if item.others in
                    ("refused", "issue", "ignored") else "issue") if item.group else None,
            others_errno=(item.others if item.others.startswith("E") else "EINVAL")
            if item.group and item.others != "ignored" else None,
            when=self.conditions(item.when),
            otherwise="ignored" if item.otherwise_ignored else "zero" if item.when else None,
            since=item.since, backports=list(item.backports),
            before="ignored" if item.before_ignored else "zero" if item.since else None)

    def ignored(self, item: Ignored) -> Json:
        return self.place(item.slot) | _present(half="upper" if item.upper else None,
                                                until=item.until,
                                                backports=list(item.backports))

    def rule(self, item: Rule) -> Json:
        return _present(
            when=self.conditions(item.when), must=self.conditions(item.must), errno=item.errno,
            because=item.because, since=item.since, until=item.until,
            backports=list(item.backports), at="issue" if item.at_issue else "submit")

    @staticmethod
    def emulate(item: Emulation) -> Json:
        return _present(way=item.way, wait=item.wait, call=item.call, args_=list(item.args),
                        because=item.because, note=item.note)

    def completion(self, item: Completion) -> Json:
        return _present(shape=item.shape, when=self.conditions(item.when),
                        or_when=self.conditions(item.or_when), res=item.res,
                        short="failure" if item.short_fails else None,
                        short_when=self.conditions(item.short_when),
                        flags=list(item.flags), big=item.big)

    def error(self, item: Error, row: RegisterOp | None = None) -> Json:
        return _present(
            errno=item.errno, cause=item.cause, remedy=item.remedy,
            when=[self.condition(one, row) for one in item.when],
            looks=[{"text": look.text, "at": look.subject, "word": look.word,
                    "negated": look.negated} for look in item.looks],
            element=[self.condition(one, row.items) for one in item.element] if row else [],
            partial=item.partial, sole=item.sole, done=self.conditions(item.done), since=item.since, until=item.until)

    def conditions(self, items: Iterable[Condition]) -> list[Json]:
        return [self.condition(item) for item in items]

    def condition(self, item: Condition, row: RegisterOp | Items | None = None) -> Json:
        """The field and the value are numbers already; the text is for people."""
        numbers = [int(name, 0) if is_number(name) else self.values.get(name)
                   for name in item.operands]
        value: int | None = 0
        for number in numbers:
            value = None if number is None or value is None else value | number
        if item.on_ring:
            where: Json = {"field": "ring"}
        elif row is not None and item.subject in ("nr_args", "arg"):
            where = {"field": item.subject}
        elif row is not None:
            where = self.member(item.subject, row.place(item.subject))
        else:
            where = self.place(self.table.slots[item.subject]) | _present(
                half="lower" if item.low else None)
        return {"text": item.text} | where | _present(
            operator=item.operator, operands=list(item.operands), value=value)

    @staticmethod
    def member(name: str, place: str) -> Json:
        offset, size = place.split(", ")
        return {"field": name, "offset": int(offset), "size": int(size)}

    # -- functions ----------------------------------------------------------

    def prep(self, item: Prep) -> Json:
        return _present(
            name=item.name, function=item.function, prototype=item.prototype,
            summary=item.summary, since=item.since, sqe_size=128 if item.big else None,
            amends=item.amends, own=item.own, differs=item.differs, args=[self.argument(arg) for arg in item.args],
            stores=[self.store(store) for store in item.stores])

    @staticmethod
    def argument(item: Arg) -> Json:
        return _present(name=item.name, type=item.ctype, field=item.slot.name,
                        summary=item.summary)

    def store(self, item: Store) -> Json:
        """value | conversion(arg), cut to the size of the field."""
        constants = [name for name in item.constants if not is_number(name)]
        value: int | None = None
        for text in item.constants:
            number = int(text, 0) if is_number(text) else self.values[text]
            assert number is not None
            value = (value or 0) | number
        return self.place(item.slot) | _present(
            value=value, constants=constants, arg=item.arg.name if item.arg else None,
            conversion=item.arg.via if item.arg else None,
            copied=True if item.copied else None)

    # -- commands -----------------------------------------------------------

    def family(self, item: Family) -> Json:
        return _present(
            name=item.name, opcode=item.op_name, summary=item.summary, note=item.note,
            header=item.header, config=item.config, kind=item.kind, devices=list(item.devices),
            place=item.place, big_cqe=item.big_cqe, ring_errno=item.ring_errno,
            payloads=[self.struct(struct) for struct in item.payloads],
            errors=[self.command_error(error) for error in item.errors],
            commands=[self.command(command) for command in item.commands],
            every_number=self.command(item.every) if item.every else None)

    @staticmethod
    def command_error(item: CommandError) -> Json:
        return _present(errno=item.errno, cause=item.cause, remedy=item.remedy)

    def command(self, item: Command) -> Json:
        code = item.code
        return _present(
            name=item.name or None, number=item.number if item.name else None,
            ioctl=_present(way=code.way, type=code.letter, number=code.number, size=code.size,
                           pointers=code.pointers or None) if code else None,
            since=item.since, backports=list(item.backports), summary=item.summary,
            note=item.note, payload=item.payload.name if item.payload else None,
            bytes=item.copied or None, sqe_size=128 if item.big else 64,
            points=[_present(member=point.member, length=point.length, memory=point.memory,
                             vectors=point.vectors or None, lives=point.lives,
                             summary=point.summary) for point in item.points],
            res=item.res, stream=item.stream,
            errors=[self.command_error(error) for error in item.errors],
            function=names.prep(item.function) if item.function else None)

    def register(self, item: RegisterOp) -> Json:
        return _present(
            name=item.name, constant=item.constant, number=item.number, since=item.since,
            backports=list(item.backports), summary=item.summary, note=item.note, arg=item.arg,
            memory=item.memory, lives=item.lives, nr_args=item.nr_args,
            count=list(item.count) if item.count else None,
            items=_present(of=item.items.of, at=item.items.at, count=item.items.count,
                           inside=item.items.inside, first=item.items.first, tags=item.items.tags,
                           descriptor=item.items.descriptor, part=item.items.part,
                           written=item.items.written,
                           must=[self.condition(one, item.items) for one in item.items.must])
            if item.items else None,
            must=[self.condition(one, item) for one in item.must],
            without_ring=item.without_ring, only_without_ring=item.only_without_ring,
            needs=list(item.needs), refuses=list(item.refuses), res=item.res,
            errors=[self.error(error, item) for error in item.errors],
            calls=[self.call(call) for call in item.calls],
            emulate=self.emulate(item.emulate))

    def call(self, item: Call) -> Json:
        """How the call is made; `handwritten` functions do more than one call with arguments."""
        sizes: dict[str, int | str] = {
            f"sizeof(struct {struct.name})": struct.size for struct in self.table.structs}
        nr: int | str = int(item.nr, 0) if is_number(item.nr) else sizes.get(item.nr, item.nr)
        return _present(
            name=item.name, function=item.function, summary=item.summary, since=item.since,
            without_ring=item.without_ring, own=item.own, differs=item.differs,
            args=[_present(name=arg.name, type=arg.ctype, summary=arg.summary)
                  for arg in item.args],
            handwritten=item.handwritten, pass_=item.passes, struct=item.struct,
            set=[{"member": member, "value": re.sub(r"^(\(\w+\))+", "", value)}
                 for member, value in item.members],
            nr=None if item.handwritten else nr)


@dataclass(frozen=True)
class _Text:
    """A value as JSON on one line, and the texts of what is in it, each behind its key."""

    flat: str
    parts: list[tuple[str, _Text]]
    brackets: str = ""


def _text(value: Any) -> _Text:
    if isinstance(value, dict):
        parts = [(f"{json.dumps(key)}: ", _text(item)) for key, item in value.items()]
        brackets = "{}"
    elif isinstance(value, list):
        parts, brackets = [("", _text(item)) for item in value], "[]"
    else:
        return _Text(json.dumps(value, ensure_ascii=False), [])
    inside = ", ".join(key + item.flat for key, item in parts)
    return _Text(brackets[0] + inside + brackets[1], parts, brackets)


def _lines(text: _Text, indent: str, lead: int) -> Iterator[str]:
    """The pieces of JSON with two spaces a level, where what fits on a line stands on one."""
    if len(indent) + lead + len(text.flat) < WIDTH or not text.parts:
        yield text.flat
        return
    below, before = indent + "  ", text.brackets[0] + "\n"
    for key, item in text.parts:
        yield before + below + key
        yield from _lines(item, below, len(key) + 1)
        before = ",\n"
    yield f"\n{indent}{text.brackets[1]}"


def data(table: Table, include: Path) -> Json:
    """The table, and what the headers below `include` declare, as plain data."""
    return _Exporter(table, Library(table, include)).table_()


def export(exported: Json) -> str:
    """The same as text."""
    return "".join(_lines(_text(exported), "", 0)) + "\n"
