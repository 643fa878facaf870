"""An opcode: what a request reads, what it refuses, what comes back, who fills it."""

from __future__ import annotations

from dataclasses import dataclass, field as dc_field

from codegen.table import names
from codegen.table.conditions import Condition, is_number
from codegen.table.emulation import Emulation
from codegen.table.numbers import Group
from codegen.table.structs import Slot
from codegen.table.trials import Error, Trial

# The members that each prep function of liburing writes, with their places; the opcode is stored
# anyway. All others are as io_uring_get_sqe() has left them.
RESETS = (("fd", 4, 4), ("off", 8, 8), ("addr", 16, 8), ("len", 24, 4))
UNSIGNED = {1: "__u8", 2: "__u16", 4: "__u32", 8: "__u64"}


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
    liburing: str | None
    arg: str | None
    via: str | None
    role: str | None
    memory: str | None
    lives: str | None
    slot_when: tuple[Condition, ...]
    vector_when: tuple[Condition, ...]
    optional: bool
    elements: str | None
    group: Group | None
    takes: tuple[Taken, ...]
    when: tuple[Condition, ...]
    low: bool  # of its 64 bits the kernel looks at the lower 32
    otherwise_ignored: bool
    others: str
    since: str | None
    before_ignored: bool
    note: str | None
    backports: tuple[str, ...]
    length: str | int | None = None


@dataclass(frozen=True)
class Arg:
    """A parameter of a prep function."""

    name: str
    ctype: str
    liburing: str
    slot: Slot
    via: str | None
    summary: str
    field: Field | None
    bytes: int | None = None  # so many are copied from where it leads

    @property
    def declaration(self) -> str:
        return names.declaration(self.ctype, self.name)

    @property
    def drop_in(self) -> str:
        """The same with liburing's type."""
        return names.declaration(self.liburing, self.name)

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
    spelling: str | None = None  # the constants as C where no macro may exist for them

    @property
    def copied(self) -> int | None:
        """How many bytes are copied into the SQE, from the slot on."""
        return self.arg.bytes if self.arg else None

    @property
    def cuts(self) -> bool:
        """Whether the slot is narrower than what the caller gives: a size_t for 32 bits."""
        return self.arg is not None and self.arg.ctype == "size_t" and self.slot.size < 8

    @property
    def expression(self) -> str:
        """What is assigned, the argument having our type."""
        return self._expression(self.arg.ctype if self.arg else "")

    @property
    def adds(self) -> bool:
        """Whether liburing adds the flags to those that are there: ioprio keeps what it has."""
        return self.slot.name == "ioprio" and self.arg is None

    @property
    def drop_in(self) -> str:
        """The same, the argument having liburing's type."""
        return self._expression(self.arg.liburing if self.arg else "")

    def _expression(self, ctype: str) -> str:
        fixed = self.spelling or " | ".join(self.constants)
        if self.arg is None:
            negative = fixed.startswith("-") and not self.slot.ctype.startswith("__s")
            coded = self.spelling is not None and not is_number(fixed)
            return f"({self.slot.ctype}){fixed}" if negative or coded else fixed
        value = self.arg.name
        if self.arg.via:
            wanted = "int" if self.arg.via == "zero_extend" else "unsigned"
            cast = "" if ctype == wanted else f"({wanted})"
            value = f"{names.HOOKS[self.arg.via]}({cast}{value})"
            source = "__u32"
        elif self.arg.pointer:
            value, source = f"(uintptr_t){value}", "uintptr_t"
        else:
            source = ctype
        if self.constants:
            value = f"(({UNSIGNED[max(self.slot.size, 4)]}){value} | {fixed})"
            source = UNSIGNED[max(self.slot.size, 4)]
            if self.slot.ctype == source:
                return value[1:-1]
        return value if source == self.slot.ctype else f"({self.slot.ctype}){value}"


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
    drop_in: str | None = None
    tried: str | None = None  # the program of tests/drivers that tries it

    @property
    def function(self) -> str:
        return names.prep(self.name)

    @property
    def big(self) -> bool:
        """Whether what it copies needs an SQE of 128 bytes."""
        return any(store.slot.offset + (store.copied or 0) > 64 for store in self.stores)

    @property
    def liburing(self) -> str:
        return names.liburing_prep(self.name)

    @property
    def in_drop_in(self) -> bool:
        """Whether the generator writes the drop-in's function of this name."""
        return self.drop_in == "later" or not self.own and self.drop_in is None

    @property
    def resets(self) -> tuple[str, ...]:
        """What a prep function of liburing sets to zero beside what this one stores."""
        if self.amends:
            return ()
        stored = {byte for store in self.stores
                  for byte in range(store.slot.offset, store.slot.offset + store.slot.size)}
        return tuple(name for name, first, size in RESETS
                     if not stored.issuperset(range(first, first + size)))

    @property
    def gnu(self) -> bool:
        """Whether liburing's types are those of _GNU_SOURCE."""
        return any(names.is_gnu(arg.liburing) for arg in self.args)

    @property
    def start(self) -> str:
        return names.start(self.name)

    @property
    def awaited(self) -> str:
        return names.awaited(self.name)

    def sets(self, condition: Condition) -> bool:
        """Whether its constants alone fulfil a condition."""
        return condition.operator in ("has", "is") and any(
            store.slot.name == condition.subject
            and set(condition.operands) <= set(store.constants)
            and (condition.operator == "has" or store.arg is None)
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
class Completion:
    shape: str
    when: tuple[Condition, ...]
    or_when: tuple[Condition, ...]
    res: str
    short_fails: bool
    short_when: tuple[Condition, ...]
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
    fixed_file_before: str  # what IOSQE_FIXED_FILE did before: EBADF, EINVAL or ignored
    iopoll: bool
    rings_one_of: tuple[str, ...]
    big: bool
    large: str | None  # the opcode that does the same with 128 bytes where sizes are mixed
    behind_link: bool
    rules: tuple[Rule, ...]
    completion: Completion
    errors: tuple[Error, ...]
    preps: tuple[Prep, ...]
    emulate: Emulation
    backports: tuple[str, ...]
    draft: bool
    left_over: tuple[Condition, ...]  # what its prep functions store although nobody reads it

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

    @property
    def large_constant(self) -> str:
        return names.opcode(self.large or self.name)

    def field_number(self, name: str) -> int:
        """Which of its fields has that name."""
        return next(index for index, item in enumerate(self.fields) if item.slot.name == name)

    def streams(self, prep: Prep) -> bool:
        """Whether every request of this prep gives a stream of completions."""
        done = self.completion
        return self.may_stream and (all(prep.sets(item) for item in done.when) or bool(
            done.or_when and all(prep.sets(item) for item in done.or_when)))

    @property
    def untried(self) -> str | None:
        """Why no prep function of it is tried; None when one is."""
        if any(prep.trials for prep in self.preps):
            return None
        return next((prep.untried for prep in self.preps), "It has no prep function.")
