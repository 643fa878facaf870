"""The frozen model: the table with every derived name and value, ready for templates."""

from __future__ import annotations

import re
import struct as packing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field as dc_field
from functools import cached_property
from typing import Any

from codegen.table import names
from codegen.table.conditions import Condition, is_number, parse
from codegen.table.layout import Layouts, Placed
from codegen.table.load import Source

UNSIGNED = {1: "__u8", 2: "__u16", 4: "__u32", 8: "__u64"}
SQE = "io_uring_sqe"
# Fields that io_init_req reads for every request.
GENERIC_SLOTS = ("opcode", "flags", "user_data", "personality")


@dataclass(frozen=True)
class Constant:
    name: str
    value: int
    since: str
    summary: str
    note: str | None = None
    suffix: str = ""
    form: str | None = None
    draft: bool = False
    backports: tuple[str, ...] = ()

    @property
    def literal(self) -> str:
        if self.value < 0:
            return f"({self.value})"
        if self.value > 0xFFFF:
            return f"{self.value:#x}{self.suffix}"
        return f"{self.value}{self.suffix}"


@dataclass(frozen=True)
class Entry:
    """One flag or value of a group."""

    name: str
    bit: int | None
    value: int | None
    since: str
    summary: str
    note: str | None
    refused: str | None
    needs: tuple[str, ...]
    needs_one: tuple[str, ...]
    excludes: tuple[str, ...]
    backports: tuple[str, ...]
    draft: bool

    @property
    def number(self) -> int | None:
        return self.value if self.bit is None else 1 << self.bit

    @property
    def literal(self) -> str:
        if self.bit is not None:
            return f"(1ULL << {self.bit})" if self.bit > 31 else f"(1U << {self.bit})"
        assert self.value is not None
        return str(self.value) if self.value < 0x10000 else f"{self.value:#x}"


@dataclass(frozen=True)
class Group:
    name: str
    summary: str
    values: bool
    enum: str | None
    enumerators: bool
    bits: str | None
    header: str | None
    last: str | None
    entries: tuple[Entry, ...]

    @property
    def external(self) -> bool:
        return self.header is not None

    @property
    def c_name(self) -> str:
        return f"rota_group_{self.name}"

    @property
    def as_enum(self) -> bool:
        return self.enum is not None or self.enumerators

    @property
    def mask(self) -> int:
        value = 0
        for entry in self.entries:
            value |= entry.number or 0
        return value


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


@dataclass(frozen=True)
class Slot:
    """A member of io_uring_sqe."""

    name: str
    offset: int
    size: int
    ctype: str


@dataclass(frozen=True)
class Taken:
    """A flag that an opcode takes, and since when."""

    name: str
    since: str
    backports: tuple[str, ...]


@dataclass(frozen=True)
class Field:
    slot: Slot
    summary: str
    ctype: str | None
    arg: str | None
    via: str | None
    role: str | None
    memory: str | None
    lives: str | None
    group: Group | None
    takes: tuple[Taken, ...]
    when: tuple[Condition, ...]
    otherwise_ignored: bool
    others: str
    since: str | None
    before_ignored: bool
    note: str | None
    backports: tuple[str, ...]


@dataclass(frozen=True)
class Arg:
    """A parameter of a prep function."""

    name: str
    ctype: str
    slot: Slot
    via: str | None
    summary: str
    field: Field | None

    @property
    def declaration(self) -> str:
        return names.declaration(self.ctype, self.name)

    @property
    def pointer(self) -> bool:
        return names.is_pointer(self.ctype)


@dataclass(frozen=True)
class Store:
    """One assignment of a prep function: an argument, constants, or both ORed."""

    slot: Slot
    arg: Arg | None
    constants: tuple[str, ...]
    comment: str | None

    @property
    def expression(self) -> str:
        fixed = " | ".join(self.constants)
        if self.arg is None:
            negative = fixed.startswith("-") and not self.slot.ctype.startswith("__s")
            return f"({self.slot.ctype}){fixed}" if negative else fixed
        value = self.arg.name
        if self.arg.via:
            wanted = "int" if self.arg.via == "zero_extend" else "unsigned"
            cast = "" if self.arg.ctype == wanted else f"({wanted})"
            value = f"{names.HOOKS[self.arg.via]}({cast}{value})"
            source = "__u32"
        elif self.arg.pointer:
            value, source = f"(uintptr_t){value}", "uintptr_t"
        else:
            source = self.arg.ctype
        if self.constants:
            value = f"(({UNSIGNED[max(self.slot.size, 4)]}){value} | {fixed})"
            source = UNSIGNED[max(self.slot.size, 4)]
            if self.slot.ctype == source:
                return value[1:-1]
        return value if source == self.slot.ctype else f"({self.slot.ctype}){value}"


@dataclass(frozen=True)
class Trial:
    """One request that a live test sends, or one register call that it makes."""

    scenario: str
    function: str
    args: tuple[str, ...]
    sets: tuple[tuple[str, str], ...]
    res: str
    kind: str  # exact, fd or positive
    cqes: int
    flags: tuple[str, ...]
    since: str
    backports: tuple[str, ...]
    title: str
    expects_error: bool


@dataclass(frozen=True)
class Prep:
    name: str
    summary: str
    op_name: str
    args: tuple[Arg, ...]
    stores: tuple[Store, ...]
    amends: bool
    own: bool
    differs: str | None
    since: str
    trials: tuple[Trial, ...]
    untried: str | None
    expected: tuple[tuple[str, tuple[int, ...]], ...] = dc_field(repr=False)
    probes: tuple[str, ...] = ()
    touched: tuple[int, ...] = ()
    no_handle: str | None = None

    @property
    def function(self) -> str:
        return names.prep(self.name)

    @property
    def start(self) -> str:
        return names.start(self.name)

    @property
    def awaited(self) -> str:
        return names.awaited(self.name)

    def sets(self, condition: Condition) -> bool:
        """Whether its constants alone fulfil a condition."""
        return condition.operator == "has" and any(
            store.slot.name == condition.subject and set(condition.operands) <= set(store.constants)
            for store in self.stores)

    @property
    def prototype(self) -> str:
        params = ["struct io_uring_sqe *sqe", *(arg.declaration for arg in self.args)]
        return f"void {self.function}({', '.join(params)})"


@dataclass(frozen=True)
class Rule:
    when: tuple[Condition, ...]
    must: tuple[Condition, ...]
    errno: str
    because: str
    since: str | None
    until: str | None
    at_issue: bool
    backports: tuple[str, ...]


@dataclass(frozen=True)
class Error:
    errno: str
    cause: str
    remedy: str | None
    trial: Trial | None
    untried: str | None


@dataclass(frozen=True)
class Completion:
    shape: str
    when: tuple[Condition, ...]
    res: str
    flags: tuple[str, ...]
    big: str | None


@dataclass(frozen=True)
class Ignored:
    slot: Slot
    until: str | None
    backports: tuple[str, ...]
    upper: bool = False  # of the 64 bits only the upper 32, as a number


@dataclass(frozen=True)
class Op:
    name: str
    number: int
    since: str
    summary: str
    syscall: str | None
    config: str | None
    note: str | None
    fields: tuple[Field, ...]
    ignored: tuple[Ignored, ...]
    fixed_file: str
    buffer_select: str
    cqe_skip: str
    iosqe_since: tuple[tuple[str, str], ...]
    iopoll: bool
    rings_one_of: tuple[str, ...]
    big: bool
    behind_link: bool
    rules: tuple[Rule, ...]
    completion: Completion
    errors: tuple[Error, ...]
    preps: tuple[Prep, ...]
    backports: tuple[str, ...]
    draft: bool

    @property
    def constant(self) -> str:
        return names.opcode(self.name)

    @property
    def may_stream(self) -> bool:
        return self.completion.shape == "stream"

    @property
    def started(self) -> tuple[Prep, ...]:
        """The preps that make a whole request, and one that a handle can carry."""
        return tuple(prep for prep in self.preps if not prep.amends and not prep.no_handle)

    def streams(self, prep: Prep) -> bool:
        """Whether every request of this prep gives a stream of completions."""
        return self.may_stream and all(prep.sets(item) for item in self.completion.when)

    @property
    def untried(self) -> str | None:
        """Why no prep function of it is tried; None when one is."""
        if any(prep.trials for prep in self.preps):
            return None
        return next((prep.untried for prep in self.preps), "It has no prep function.")


@dataclass(frozen=True)
class CallArg:
    name: str
    ctype: str
    summary: str

    @property
    def declaration(self) -> str:
        return names.declaration(self.ctype, self.name)


@dataclass(frozen=True)
class Call:
    """A function that makes a register call."""

    name: str
    summary: str
    args: tuple[CallArg, ...]
    passes: str | None
    struct: str | None
    members: tuple[tuple[str, str], ...]
    nr: str
    handwritten: str | None
    without_ring: bool
    own: bool
    differs: str | None
    since: str
    trials: tuple[Trial, ...]
    untried: str | None

    @property
    def function(self) -> str:
        return names.call(self.name)


@dataclass(frozen=True)
class RegisterOp:
    name: str
    number: int
    since: str
    summary: str
    note: str | None
    arg: str | None
    memory: str | None
    lives: str | None
    nr_args: str
    without_ring: str | None
    only_without_ring: bool
    needs: tuple[str, ...]
    refuses: tuple[str, ...]
    res: str
    errors: tuple[Error, ...]
    calls: tuple[Call, ...]
    backports: tuple[str, ...]
    draft: bool

    @property
    def constant(self) -> str:
        return names.register(self.name)


@dataclass(frozen=True)
class Scenario:
    name: str
    summary: str
    offers: tuple[str, ...]


@dataclass(frozen=True)
class Header:
    """A kernel header that rota/uapi.h stands in for."""

    name: str
    guard: str


@dataclass(frozen=True)
class Table:
    kernel: str
    source: str
    headers: tuple[Header, ...]
    constants: tuple[Constant, ...]
    groups: tuple[Group, ...]
    structs: tuple[Struct, ...]
    scenarios: tuple[Scenario, ...]
    ops: tuple[Op, ...]
    registers: tuple[RegisterOp, ...]

    @cached_property
    def slots(self) -> dict[str, Slot]:
        return sqe_slots(self.structs)

    @cached_property
    def preps(self) -> tuple[Prep, ...]:
        return tuple(prep for op in self.ops for prep in op.preps)

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        return tuple(call for row in self.registers for call in row.calls)

    @cached_property
    def trials(self) -> tuple[tuple[Op, Trial], ...]:
        """Every trial of a request: the successes of each prep, then the errors."""
        found: list[tuple[Op, Trial]] = []
        for op in self.ops:
            found.extend((op, trial) for prep in op.preps for trial in prep.trials)
            found.extend((op, error.trial) for error in op.errors if error.trial)
        return tuple(found)

    @cached_property
    def call_trials(self) -> tuple[tuple[Op, Prep, Trial], ...]:
        """The trials above as a handle runs them, with the prep function of each."""
        return tuple((op, prep, trial) for op, trial in self.trials for prep in op.started
                     if prep.name == trial.function)

    @cached_property
    def register_trials(self) -> tuple[tuple[RegisterOp, Trial], ...]:
        found: list[tuple[RegisterOp, Trial]] = []
        for row in self.registers:
            found.extend((row, trial) for call in row.calls for trial in call.trials)
            found.extend((row, error.trial) for error in row.errors if error.trial)
        return tuple(found)

    @cached_property
    def request_scenarios(self) -> tuple[str, ...]:
        """The scenarios in which requests are tried, each once."""
        return tuple(sorted({trial.scenario for _, trial in self.trials}))

    @cached_property
    def register_scenarios(self) -> tuple[str, ...]:
        """The scenarios in which register calls are tried, each once."""
        return tuple(sorted({trial.scenario for _, trial in self.register_trials}))

    @cached_property
    def ringless(self) -> frozenset[str]:
        """The register calls that take no ring."""
        return frozenset(call.name for call in self.calls if call.without_ring)

    @cached_property
    def group_by_name(self) -> dict[str, Group]:
        return {group.name: group for group in self.groups}

    @cached_property
    def _external(self) -> dict[str, Entry]:
        return {entry.name: entry for group in self.groups if group.external
                for entry in group.entries}

    @cached_property
    def external_headers(self) -> tuple[str, ...]:
        """The headers of other owners that define constants the table names."""
        return tuple(sorted({group.header for group in self.groups if group.header}))

    @cached_property
    def external_macros(self) -> tuple[str, ...]:
        """Constants of other owners whose value the table leaves to their header."""
        own = {constant.name for constant in self.constants}
        return tuple(name for name, entry in self._external.items()
                     if entry.number is None and name not in own)

    def c_constant(self, name: str) -> str:
        """A constant as C: its name, or its number where no macro may exist for it."""
        entry = self._external.get(name)
        if entry is not None and entry.number is not None:
            return entry.literal
        return name

    def c_constants(self, listed: tuple[str, ...]) -> str:
        """Several constants as one C value."""
        return " | ".join(self.c_constant(name) for name in listed)

    def c_operands(self, condition: Condition) -> str:
        """The operands of a condition as one C value."""
        return " | ".join(f"{int(name, 0)}ULL" if is_number(name) and int(name, 0) > 0x7FFFFFFF
                          else f"(uint64_t){name if is_number(name) else self.c_constant(name)}"
                          for name in condition.operands)

    @cached_property
    def drafts(self) -> tuple[str, ...]:
        """What `adopt` made and a person has to complete."""
        marked = [(item.name, item.draft) for item in self.constants]
        marked += [(item.name, item.draft) for group in self.groups for item in group.entries]
        marked += [(item.name, item.draft) for item in self.structs]
        marked += [(item.name, item.draft) for item in self.ops]
        marked += [(item.name, item.draft) for item in self.registers]
        return tuple(name for name, draft in marked if draft)

    @cached_property
    def guard_macros(self) -> tuple[str, ...]:
        """The newest macros: a kernel header that has them all is new enough."""
        found = [(item.since, item.name) for item in self.constants if not item.form]
        found += [(entry.since, entry.name) for group in self.groups
                  if not group.external and not group.as_enum for entry in group.entries]
        newest = max(names.version(since) for since, _ in found)
        return tuple(name for since, name in found if names.version(since) == newest)

    @cached_property
    def sentinels(self) -> tuple[tuple[str, int], ...]:
        """The kernel's names for one more than the last value, and their values."""
        found = [("IORING_OP_LAST", len(self.ops)), ("IORING_REGISTER_LAST", len(self.registers))]
        found += [(group.last, (group.entries[-1].number or 0) + 1) for group in self.groups
                  if group.last]
        return tuple(found)

    @cached_property
    def field_groups(self) -> frozenset[str]:
        """The groups whose flags some field of a request holds."""
        return frozenset(field.group.name for op in self.ops for field in op.fields
                         if field.group)

    @cached_property
    def foreign_structs(self) -> tuple[str, ...]:
        """Structures of other owners that prototypes only point to."""
        own = {item.name for item in self.structs}
        found = set()
        ctypes = [arg.ctype for prep in self.preps for arg in prep.args]
        ctypes += [arg.ctype for call in self.calls for arg in call.args]
        for ctype in ctypes:
            match = re.search(r"struct (\w+)", ctype)
            if match and match.group(1) not in own and match.group(1) != "__kernel_timespec":
                found.add(match.group(1))
        return tuple(sorted(found - {"rota_ring"}))


def sqe_slots(structs: tuple[Struct, ...]) -> dict[str, Slot]:
    sqe = next(item for item in structs if item.name == SQE)
    return {item.path: Slot(item.path, item.offset, item.size, item.ctype) for item in sqe.placed}


Ages = tuple[tuple[str, tuple[str, ...]], ...]


def age(raw: Any) -> tuple[str, tuple[str, ...]]:
    """The first release of a thing, and the older series that have it, too."""
    return raw["since"], tuple(raw.get("backports", ()))


class _Builder:
    """Builds the model of a table that has passed every check."""

    def __init__(self, source: Source) -> None:
        self.data = source.data
        self.source = source.path
        self.values: dict[str, int] = {}
        self.external: dict[str, int] = {}
        self.since: dict[str, str] = {}
        self.backports: dict[str, tuple[str, ...]] = {}
        self.ages: dict[str, Ages] = {}  # of functions, as trials need them

    def build(self) -> Table:
        data = self.data
        groups = tuple(self._group(raw) for raw in data["groups"])
        self.groups = {group.name: group for group in groups}
        constants = tuple(Constant(raw["name"], raw["value"], raw["since"], raw["summary"],
                                   raw.get("note"), raw.get("suffix", ""), raw.get("form"),
                                   raw.get("draft", False), tuple(raw.get("backports", ())))
                          for raw in data["constants"])
        for constant in constants:
            self.values[constant.name] = constant.value
            self.since[constant.name] = constant.since
            self.backports[constant.name] = constant.backports
        for group in groups:
            for entry in group.entries:
                if entry.number is not None:
                    where = self.external if group.external else self.values
                    where[entry.name] = entry.number
                self.since[entry.name] = entry.since
                self.backports[entry.name] = entry.backports
        layouts = Layouts()
        structs = tuple(self._struct(raw, layouts) for raw in data["structs"])
        self.slots = sqe_slots(structs)
        self.members = layouts.members
        scenarios = tuple(Scenario(raw["name"], raw["summary"], tuple(raw.get("offers", ())))
                          for raw in data.get("scenarios", ()))
        ops = tuple(self._op(raw) for raw in data["opcodes"])
        registers = tuple(self._register(raw) for raw in data.get("register", ()))
        headers = tuple(Header(raw["name"], raw["guard"]) for raw in data["headers"])
        return Table(data["kernel"], self.source, headers, constants, groups, structs, scenarios, ops,
                     registers)

    def _group(self, raw: Any) -> Group:
        entries = tuple(self._entry(item) for item in raw["entries"])
        return Group(raw["group"], raw["summary"], raw.get("kind") == "values", raw.get("enum"),
                     "form" in raw, raw.get("bits"), raw.get("header"), raw.get("last"), entries)

    def _entry(self, raw: Any) -> Entry:
        return Entry(raw["name"], raw.get("bit"), raw.get("value"), raw.get("since", "5.1"),
                     raw.get("summary", ""), raw.get("note"), raw.get("refused"),
                     tuple(raw.get("needs", ())), tuple(raw.get("needs_one", ())),
                     tuple(raw.get("excludes", ())), tuple(raw.get("backports", ())),
                     raw.get("draft", False))

    def _struct(self, raw: Any, layouts: Layouts) -> Struct:
        layouts.add(raw)
        return Struct(raw["name"], raw["since"], raw["summary"], raw.get("note"),
                      bool(raw.get("union")), raw.get("align"), tuple(raw["members"]),
                      layouts.shapes[raw["name"]].size, layouts.members[raw["name"]],
                      raw.get("draft", False), tuple(raw.get("backports", ())))

    def _field(self, raw: Any, op: Any) -> Field:
        group = self.groups[raw["flags"]] if "flags" in raw else None
        taken: list[Taken] = []
        default = [entry.name for entry in group.entries if not entry.refused] if group else []
        for item in raw.get("takes", default):
            name, since = next(iter(item.items())) if isinstance(item, dict) else (item, None)
            known = None if group and group.external else self.since.get(name)
            older: tuple[str, ...] = ()
            if isinstance(item, dict):
                older = tuple(item.get("backports", ()))
            elif known is not None:
                older = self.backports.get(name, ())
            taken.append(Taken(name, since or names.latest(op["since"], known), older))
        return Field(self.slots[raw["slot"]], raw["summary"], raw.get("type"), raw.get("arg"),
                     raw.get("via"), raw.get("role"), raw.get("memory"), raw.get("lives"), group,
                     tuple(taken), tuple(map(parse, raw.get("when", ()))),
                     raw.get("otherwise") == "ignored", raw.get("others", "refused"),
                     raw.get("since"),
                     raw.get("before") == "ignored", raw.get("note"),
                     tuple(raw.get("backports", ())))

    def _rule(self, raw: Any) -> Rule:
        return Rule(tuple(map(parse, raw.get("when", ()))), tuple(map(parse, raw["must"])),
                    raw["errno"], raw["because"], raw.get("since"), raw.get("until"),
                    raw.get("at") == "issue", tuple(raw.get("backports", ())))

    def _op(self, raw: Any) -> Op:
        fields = tuple(self._field(item, raw) for item in raw.get("fields", ()))
        ignored = tuple(
            Ignored(self.slots[item.removesuffix(">>32")], None, (), item.endswith(">>32"))
            if isinstance(item, str)
            else Ignored(self.slots[next(iter(item))], next(iter(item.values())),
                         tuple(item.get("backports", ())))
            for item in raw.get("ignored", ()))
        iosqe = raw.get("iosqe", {})
        rings = raw.get("rings", {})
        done = raw["completion"]
        preps = tuple(self._prep(item, raw, fields) for item in raw.get("prep", ()))
        by_name = {prep.name: prep for prep in preps}
        errors = tuple(self._error(item, raw["name"], by_name) for item in raw.get("errors", ()))
        has_file = any(item.role == "file" for item in fields)
        return Op(
            raw["name"], raw["number"], raw["since"], raw["summary"], raw.get("syscall"),
            raw.get("config"), raw.get("note"), fields, ignored,
            iosqe.get("fixed_file", "taken" if has_file else "ignored"),
            iosqe.get("buffer_select", "EOPNOTSUPP"), iosqe.get("cqe_skip", "taken"),
            tuple(raw.get("iosqe_since", {}).items()), rings.get("iopoll", False),
            tuple(rings.get("needs_one", ())), raw.get("big", False),
            raw.get("behind_link", False),
            tuple(self._rule(item) for item in raw.get("rules", ())),
            Completion(done.get("shape", "one"), tuple(map(parse, done.get("when", ()))),
                       done["res"], tuple(done.get("flags", ())), done.get("big")),
            errors, preps, tuple(raw.get("backports", ())), raw.get("draft", False))

    def _arg(self, item: Any, fields: tuple[Field, ...]) -> Arg:
        if isinstance(item, str):
            field = next(known for known in fields if known.arg == item)
            assert field.ctype is not None
            return Arg(item, field.ctype, field.slot, field.via, field.summary, field)
        slot = self.slots[item["slot"]]
        field_below = next((known for known in fields if known.slot.name == slot.name), None)
        return Arg(item["arg"], item["type"], slot, item.get("via"), item["summary"], field_below)

    def _constant(self, value: Any) -> tuple[str, str | None]:
        """The text that stands for a value in C, and a comment where it needs one."""
        if isinstance(value, str) and value.lstrip("-") in self.external:
            number = self.external[value.lstrip("-")]
            return str(-number if value.startswith("-") else number), value
        return str(value), None

    def _number(self, value: Any) -> int:
        if isinstance(value, int):
            return value
        known = {**self.values, **self.external}
        return known[value]

    def _prep(self, raw: Any, op: Any, fields: tuple[Field, ...]) -> Prep:
        args = tuple(self._arg(item, fields) for item in raw["args"])
        fixed: dict[str, Any] = {**op.get("set", {}), **raw.get("set", {})}
        amends = raw.get("amends", False)
        if amends:
            fixed = dict(raw.get("set", {}))
        stores = [Store(self.slots["opcode"], None, (names.opcode(op["name"]),), None)]
        if amends:
            stores = []
        order = {name: self.slots[name].offset for name in fixed}
        order |= {arg.slot.name: arg.slot.offset for arg in args}
        for name in sorted(order, key=lambda key: (order[key], key)):
            arg = next((item for item in args if item.slot.name == name), None)
            texts: tuple[str, ...] = ()
            comment = None
            if name in fixed:
                text, comment = self._constant(fixed[name])
                texts = tuple(text.split("|"))
            stores.append(Store(self.slots[name], arg, texts, comment))
        since = self._prep_since(raw, op, fields, args, fixed)
        trials = tuple(self._trial(item, raw["name"], tuple(arg.ctype for arg in args),
                                   op["name"], index)
                       for index, item in enumerate(raw.get("live", ())))
        probes, expected, touched = self._expect(op, stores, args)
        return Prep(raw["name"], raw.get("summary", op["summary"]), op["name"], args,
                    tuple(stores), amends, raw.get("own", False), raw.get("differs"), since,
                    trials, raw.get("untried"), expected, probes, touched,
                    raw.get("no_handle"))

    def _prep_since(self, raw: Any, op: Any, fields: tuple[Field, ...], args: tuple[Arg, ...],
                    fixed: dict[str, Any]) -> str:
        ages = [age(op), *([age(raw)] if "since" in raw else [])]
        unseen: list[str] = []  # what older kernels ignore is no reason for them to fail
        by_slot = {item.slot.name: item for item in fields}

        def needs(field: Field | None) -> None:
            if field is None or field.since is None:
                return
            if field.before_ignored:
                unseen.append(field.since)
            else:
                ages.append((field.since, field.backports))

        for arg in args:
            needs(arg.field)
        for name, value in fixed.items():
            field = by_slot.get(name)
            if field is None:
                continue
            if value != 0 and not (name == "fd" and value == -1):
                needs(field)
            taken = {item.name: (item.since, item.backports) for item in field.takes}
            for part in str(value).split("|"):
                if part in taken:
                    ages.append(taken[part])
                else:
                    ages += self._ages_of([part])
        self.ages[raw["name"]] = tuple(ages)
        return names.latest(*(since for since, _ in ages), *unseen)

    def _ages_of(self, values: Iterable[Any]) -> Ages:
        """The ages of those values that are constants of the table."""
        return tuple((self.since[text], self.backports.get(text, ()))
                     for text in map(str, values) if text in self.since)

    def _expect(self, op: Any, stores: list[Store], args: tuple[Arg, ...]) \
            -> tuple[tuple[str, ...], tuple[tuple[str, tuple[int, ...]], ...], tuple[int, ...]]:
        """Chosen arguments, and the bytes that they must give in both byte orders."""
        chosen: dict[str, int] = {}
        texts: list[str] = []
        for index, arg in enumerate(args):
            text, value = sample(arg.ctype, index)
            chosen[arg.name] = value
            texts.append(text)
        size = 128 if op.get("big") else 64
        images: list[tuple[str, tuple[int, ...]]] = []
        touched: set[int] = set()
        for order in ("little", "big"):
            image = bytearray(size)
            for store in stores:
                number = 0
                if store.arg is not None:
                    number = _hooked(store.arg.via, chosen[store.arg.name], order)
                for text in store.constants:
                    known = {**self.values, names.opcode(op["name"]): op["number"]}
                    number |= int(text, 0) if is_number(text) else known[text]
                raw = (number & ((1 << (8 * store.slot.size)) - 1)).to_bytes(
                    store.slot.size, "little" if order == "little" else "big")
                image[store.slot.offset:store.slot.offset + store.slot.size] = raw
                touched.update(range(store.slot.offset, store.slot.offset + store.slot.size))
            images.append((order, tuple(image)))
        return tuple(texts), tuple(images), tuple(sorted(touched))

    def _result(self, raw: Any) -> tuple[str, str]:
        value = raw.get("res", 0)
        if value in ("fd", "positive"):
            return "0", str(value)
        return self._live_value(value), "exact"

    def _live_value(self, value: Any) -> str:
        """A value of a trial as C: a number, a constant or what the scenario offers."""
        if isinstance(value, int):
            return str(value)
        bare = value.lstrip("-")
        if re.fullmatch(r"_*[A-Z][A-Z0-9_]*", bare):
            return str(value)
        return f"{'-' if value.startswith('-') else ''}l->{bare}"

    def _trial(self, raw: Any, function: str, ctypes: tuple[str, ...], owner: str,
               index: int, error: str | None = None) -> Trial:
        res, kind = (f"-{error}", "exact") if error else self._result(raw)
        ages = [*self.ages[function], *([age(raw)] if "since" in raw else [])]
        ages += self._ages_of(part for value in raw.get("set", {}).values()
                              for part in str(value).split("|"))
        ages += self._ages_of(raw["args"])
        sets = tuple((name, " | ".join(self._live_value(part) for part in str(value).split("|"))
                      if isinstance(value, str) else str(value))
                     for name, value in raw.get("set", {}).items())
        what = error or ("ok" if index == 0 else f"ok {index + 1}")
        args = tuple(argument(self._live_value(value), ctype)
                     for value, ctype in zip(raw["args"], ctypes, strict=True))
        return Trial(raw["in"], function, args, sets, res, kind, raw.get("cqes", 1),
                     tuple(raw.get("flags", ())), names.latest(*(since for since, _ in ages)),
                     names.backported(ages), f"{owner} {function} in {raw['in']}: {what}", error is not None)

    def _error(self, raw: Any, owner: str, functions: Mapping[str, Prep | Call]) -> Error:
        trial = None
        if "live" in raw:
            live = raw["live"]
            name = live.get("prep") or live.get("call") or next(iter(functions))
            function = functions[name]
            trial = self._trial(live, name, tuple(arg.ctype for arg in function.args), owner, 0,
                                raw["errno"])
        return Error(raw["errno"], raw["cause"], raw.get("remedy"), trial, raw.get("untried"))

    def _register(self, raw: Any) -> RegisterOp:
        calls = tuple(self._call(item, raw) for item in raw.get("calls", ()))
        by_name = {call.name: call for call in calls}
        errors = tuple(self._error(item, raw["name"], by_name) for item in raw.get("errors", ()))
        rings = raw.get("rings", {})
        return RegisterOp(
            raw["name"], raw["number"], raw["since"], raw["summary"], raw.get("note"),
            raw.get("arg"), raw.get("memory"), raw.get("lives"), raw["nr_args"],
            raw.get("without_ring"), raw.get("only_without_ring", False),
            tuple(rings.get("needs", ())), tuple(rings.get("refuses", ())), raw["res"],
            errors, calls, tuple(raw.get("backports", ())), raw.get("draft", False))

    def _call(self, raw: Any, row: Any) -> Call:
        args = tuple(CallArg(item["arg"], item["type"], item["summary"]) for item in raw["args"])
        used = self._ages_of(raw.get("set", {}).values())
        ages = (age(row), *([age(raw)] if "since" in raw else []), *used)
        self.ages[raw["name"]] = ages
        since = names.latest(*(first for first, _ in ages))
        nr = raw.get("nr", 0)
        by_name = {arg.name: arg for arg in args}
        count = f"sizeof(struct {raw['struct']})" if nr == "sizeof" else str(nr)
        if count in by_name and by_name[count].ctype != "unsigned":
            count = f"(unsigned){count}"
        members = []
        for name, value in raw.get("set", {}).items():
            arg = by_name.get(str(value))
            pointer = arg is not None and names.is_pointer(arg.ctype)
            wanted = next(item.ctype for item in self.members[raw["struct"]]
                          if item.path.rpartition(".")[2] == name)
            text = f"(uintptr_t){value}" if pointer else str(value)
            wanted = wanted.replace("__aligned_u64", "__u64")
            if arg is not None and (arg.ctype != wanted):
                text = f"({wanted}){text}"
            members.append((name, text))
        ctypes = tuple(arg.ctype for arg in args)
        trials = tuple(self._trial(item, raw["name"], ctypes, row["name"], index)
                       for index, item in enumerate(raw.get("live", ())))
        return Call(raw["name"], raw.get("summary", row["summary"]), args, raw.get("pass"),
                    raw.get("struct"), tuple(members), count, raw.get("handwritten"),
                    raw.get("without_ring", False), raw.get("own", False), raw.get("differs"),
                    since, trials, raw.get("untried"))


def argument(text: str, ctype: str) -> str:
    """A value of a trial, cast where the parameter's type is another."""
    if names.is_pointer(ctype):
        number = is_number(text)
        return f"({ctype})(uintptr_t){text}" if number else f"({ctype}){text}"
    if is_number(text) and not text.startswith("-"):
        return text
    if ctype == "int" and is_number(text):
        return text
    return f"({ctype}){text}"


def sample(ctype: str, index: int) -> tuple[str, int]:
    """An argument for the whole-SQE test, as C text and as number; no two alike."""
    if names.is_pointer(ctype):
        value = 0x9ABC0000 + 0x101 * (index + 1)
        return f"({ctype})(uintptr_t){value:#x}U", value
    if ctype in ("__u64", "uint64_t"):
        value = 0x8877665544332211 + index
        return f"{value:#x}ULL", value
    if ctype in ("__s64", "int64_t"):
        value = -(0x0102030405060708 + index)
        return f"{value}LL", value
    if ctype in ("int", "__s32"):
        value = -(0x01020304 + 0x01010101 * index)
        return f"{value}", value
    if ctype in ("__u16", "uint16_t"):
        return f"{0xF0E1 + index:#x}", 0xF0E1 + index
    if ctype in ("__u8", "uint8_t"):
        return f"{0xA1 + index:#x}", 0xA1 + index
    value = 0xA1B2C3D4 + index
    return f"{value:#x}U", value


def _hooked(via: str | None, value: int, order: str) -> int:
    """What the hooks of rota/hooks.h do, said a second time so that tests can compare."""
    if via == "poll_mask" and order == "big":
        low, high = packing.unpack("<HH", packing.pack("<I", value & 0xFFFFFFFF))
        return int(low << 16 | high)
    if via == "direct_slot":
        return value if value == 0xFFFFFFFF else value + 1
    if via == "zero_extend":
        return value & 0xFFFFFFFF
    return value


def build(source: Source) -> Table:
    return _Builder(source).build()
