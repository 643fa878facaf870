"""The whole table, frozen, with every list and look-up that templates ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from codegen.table import images, names
from codegen.table.calls import Call, RegisterOp
from codegen.table.commands import Command, Family
from codegen.table.conditions import Condition, is_number
from codegen.table.numbers import Constant, Entry, Group
from codegen.table.requests import Op, Prep
from codegen.table.structs import Slot, Struct, sqe_slots
from codegen.table.trials import Error, Scenario, Trial


@dataclass(frozen=True)
class Header:
    """A kernel header that rota/uapi.h stands in for."""

    name: str
    guard: str


@dataclass(frozen=True)
class Architecture:
    """A machine, as far as those have to know it who have no C compiler."""

    name: str
    pointer: int
    align64: int
    endian: str
    macros: tuple[str, ...]

    @property
    def abi(self) -> str:
        """Those of one name lay out memory alike."""
        return "lp64" if self.pointer == 8 else f"ilp32_{self.align64}"


@dataclass(frozen=True)
class Limit:
    """A number that the kernel keeps to itself."""

    name: str
    value: int
    summary: str

    @property
    def literal(self) -> str:
        return f"UINT64_C({self.value})" if self.value > 0xFFFFFFFF else f"{self.value}U"


@dataclass(frozen=True)
class Table:
    kernel: str
    source: str
    headers: tuple[Header, ...]
    architectures: tuple[Architecture, ...]
    constants: tuple[Constant, ...]
    groups: tuple[Group, ...]
    structs: tuple[Struct, ...]
    scenarios: tuple[Scenario, ...]
    families: tuple[Family, ...]
    ops: tuple[Op, ...]
    registers: tuple[RegisterOp, ...]
    limits: tuple[Limit, ...]

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
    def commands(self) -> tuple[Command, ...]:
        return tuple(command for family in self.families for command in family.commands)

    @cached_property
    def coded(self) -> frozenset[str]:
        """The prep functions that store a number of which machines make different ones."""
        names_ = {command.name for command in self.commands if command.code}
        return frozenset(prep.name for prep in self.preps for store in prep.stores
                         if names_ & set(store.constants))

    @cached_property
    def drop_in_commands(self) -> tuple[Command, ...]:
        """Commands of the system's headers that functions of liburing's send: older headers lack them."""
        sent = {name for prep in self.preps if prep.in_drop_in for store in prep.stores
                for name in store.constants}
        return tuple(command for command in self.commands if command.own and command.name in sent)

    @cached_property
    def command_functions(self) -> dict[str, tuple[Family, Command]]:
        """The command that each prep function of one sends, by the function's name."""
        return {command.function: (family, command) for family in self.families
                for command in (*family.commands, *((family.every,) if family.every else ()))
                if command.function}

    def command_slot(self, command: Command, member: str) -> Slot:
        """Where a member of a command's structure lies, or else one of that name, in the SQE."""
        start = self.slots["cmd"].offset
        for item in command.payload.placed if command.payload else ():
            if item.path.rpartition(".")[2] == member:
                return Slot(member, start + item.offset, item.size, item.ctype)
        return self.slots[member]

    @property
    def payload_sample(self) -> bytes:
        """What the whole-SQE tests copy."""
        return images.PAYLOAD

    @cached_property
    def payloads(self) -> tuple[tuple[Family, Struct], ...]:
        """Structures of other owners that commands bring."""
        return tuple((family, struct) for family in self.families for struct in family.payloads)

    @cached_property
    def breakages(self) -> tuple[tuple[Op, int, Error], ...]:
        """The errors that a breakage provokes, with the number of each in its row, from 1 on."""
        return tuple((op, number, error) for op in self.ops
                     for number, error in enumerate(op.errors, 1) if error.broken)

    @cached_property
    def call_breakages(self) -> tuple[tuple[RegisterOp, int, Error], ...]:
        """The same of register calls."""
        return tuple((row, number, error) for row in self.registers
                     for number, error in enumerate(row.errors, 1) if error.broken)

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
    def single_bits(self) -> frozenset[str]:
        """The flags that are one bit each."""
        return frozenset(entry.name for group in self.groups for entry in group.entries
                         if entry.bit is not None)

    @cached_property
    def external_headers(self) -> tuple[str, ...]:
        """The headers of other owners that define constants the table names."""
        return tuple(sorted({group.header for group in self.groups if group.header}))

    @cached_property
    def valued_headers(self) -> tuple[str, ...]:
        """Those of them whose constants differ between machines."""
        return tuple(sorted({group.header for group in self.groups for entry in group.entries
                             if group.header and entry.values}))

    @cached_property
    def external_macros(self) -> tuple[str, ...]:
        """Constants of other owners whose value the table leaves to their header."""
        own = {constant.name for constant in self.constants}
        return tuple(name for name, entry in self._external.items()
                     if entry.number is None and name not in own)

    def c_constant(self, name: str) -> str:
        """A constant as C: its name, or its number where no macro may exist for it."""
        for limit in self.limits:
            if limit.name == name:
                return limit.literal
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
