"""A register opcode, and the functions that make its call."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.table import names
from codegen.table.conditions import Condition
from codegen.table.emulation import Emulation
from codegen.table.layout import Placed
from codegen.table.trials import Error, Trial


@dataclass(frozen=True)
class CallArg:
    name: str
    ctype: str
    liburing: str
    summary: str

    @property
    def declaration(self) -> str:
        return names.declaration(self.ctype, self.name)

    @property
    def drop_in(self) -> str:
        """The same with liburing's type."""
        return names.declaration(self.liburing.replace("struct rota_ring", "struct io_uring"),
                                 self.name)

    @property
    def ring(self) -> bool:
        return self.ctype == "struct rota_ring *"


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
    by_hand: bool

    @property
    def liburing(self) -> str:
        return names.liburing(self.name)

    @property
    def gnu(self) -> bool:
        """Whether liburing's types are those of _GNU_SOURCE."""
        return any(names.is_gnu(arg.liburing) for arg in self.args)

    @property
    def function(self) -> str:
        return names.call(self.name)


@dataclass(frozen=True)
class Items:
    """The array that a register call goes through."""

    of: str
    bytes: int
    at: str | None
    count: str | None
    inside: str | None
    first: str | None
    tags: str | None
    descriptor: str | None
    part: bool
    written: bool
    must: tuple[Condition, ...]
    members: tuple[Placed, ...]  # of an element

    @property
    def kind(self) -> str:
        if self.descriptor:
            return "ROTA_ITEMS_DESCRIPTORS"
        return {"__s32": "ROTA_ITEMS_DESCRIPTORS", "struct iovec": "ROTA_ITEMS_VECTORS",
                "slot": "ROTA_ITEMS_SLOTS"}.get(self.of, "ROTA_ITEMS_BYTES")

    @property
    def descriptor_at(self) -> str:
        """Where the descriptor of an element is, and its bytes."""
        return _where(self.members, self.descriptor) if self.descriptor else "0, 4"

    def place(self, subject: str) -> str:
        """Where a condition finds its value in an element; vectors look alike on all machines."""
        if subject == "value":
            return f"0, {self.bytes}"
        if self.of == "struct iovec":
            return {"iov_base": "0, 8", "iov_len": "8, 8"}[subject]
        return _where(self.members, subject)


def _member(members: tuple[Placed, ...], name: str) -> Placed:
    return next(item for item in members if item.path.rpartition(".")[2] == name)


def _where(members: tuple[Placed, ...], name: str) -> str:
    """Offset and bytes, of an array all of them."""
    found = _member(members, name)
    return f"{found.offset}, {found.size}"


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
    emulate: Emulation
    backports: tuple[str, ...]
    draft: bool
    count: tuple[int, int] | None
    items: Items | None
    must: tuple[Condition, ...]  # on the structure, or the answer is EINVAL
    members: tuple[Placed, ...]  # of the structure behind the argument
    arg_bytes: int

    @property
    def constant(self) -> str:
        return names.register(self.name)

    def member(self, name: str) -> Placed:
        return _member(self.members, name)

    def place(self, subject: str) -> str:
        """Where a condition finds its value: offset and bytes."""
        special = {"nr_args": "ROTA_COND_ON_COUNT, 4", "arg": "ROTA_COND_ON_ARG, 8"}
        if subject in special:
            return special[subject]
        return _where(self.members, subject)

    @property
    def written(self) -> bool:
        """Whether the kernel writes behind the argument."""
        return self.memory in ("written", "both")

    def field_number(self, subject: str) -> str:
        """What a look is at."""
        return "ROTA_LOOK_AT_ITEMS" if subject == "items" else str(self.member(subject).offset)
