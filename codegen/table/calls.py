"""A register opcode, and the functions that make its call."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.table import names
from codegen.table.emulation import Emulation
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

    @property
    def constant(self) -> str:
        return names.register(self.name)
