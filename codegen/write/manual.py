"""The manual: a page for each function, and what rota_ops(7) says about the whole table.

Every property that a template uses holds finished roff: escaped, marked up, one sentence a
line, and wrapped.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from codegen.table import names
from codegen.table.calls import Call, RegisterOp
from codegen.table.commands import Family
from codegen.table.emulation import Emulation
from codegen.table.model import Table
from codegen.table.numbers import Group
from codegen.table.requests import Op, Prep
from codegen.write.call_page import CallPage
from codegen.write.prep_page import PrepPage
from codegen.write.prose import Item, Prose, bold, italic, listed, page, word
from codegen.write.sentences import entry, series


@dataclass(frozen=True)
class Line:
    """A row of a table: finished cells."""

    number: int
    name: str
    since: str
    summary: str


class Manual:
    """All pages, and what rota_ops(7) says about the whole table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.prose = Prose(table)
        self._shown: set[str] = set()

    def prep(self, op: Op, prep: Prep) -> PrepPage:
        return PrepPage(self.table, self.prose, op, prep)

    def call(self, row: RegisterOp, call: Call) -> CallPage:
        return CallPage(self.prose, row, call)

    # -- rota_ops(7) --------------------------------------------------------

    @cached_property
    def opcodes(self) -> tuple[Line, ...]:
        return tuple(Line(op.number, op.constant, op.since, self.prose(op.summary))
                     for op in self.table.ops)

    @cached_property
    def register_opcodes(self) -> tuple[Line, ...]:
        return tuple(Line(row.number, row.constant, row.since, self.prose(row.summary))
                     for row in self.table.registers)

    @cached_property
    def requests(self) -> tuple[Item, ...]:
        """Each opcode: its functions, its flags, what comes back."""
        return tuple(Item(f'.BR {op.constant} " ({op.number}, Linux {op.since})"',
                          self.prose(op.summary, op.note, series(op.backports),
                                     f"It needs {op.config}." if op.config else None),
                          self._request(op)) for op in self.table.ops)

    def _request(self, op: Op) -> tuple[Item, ...]:
        found: list[Item] = []
        if op.preps:
            found.append(Item("Functions", self.prose(
                f"{', '.join(page(prep.function) for prep in op.preps)}.")))
        for field in op.fields:
            if field.group is None:
                continue
            named = [bold(taken.name) + (f" ({taken.since})" if taken.since != op.since else "")
                     for taken in field.takes]
            if named:
                found.append(Item(f".I {field.slot.name}", self.prose(f"{', '.join(named)}.")))
        done = op.completion
        shape = {"one": None, "notification": "The result, then a notification.",
                 "stream": "Many completions." if not done.when else "Many completions with "
                 f"{listed(bold(name) for item in done.when for name in item.operands)}."}
        found.append(Item("Result", self.prose(done.res, shape[done.shape])))
        return tuple(found)

    @cached_property
    def calls(self) -> tuple[Item, ...]:
        """Each register opcode."""
        return tuple(Item(f'.BR {row.constant} " ({row.number}, Linux {row.since})"',
                          self.prose(row.summary, row.note, series(row.backports)),
                          self._call(row)) for row in self.table.registers)

    def _call(self, row: RegisterOp) -> tuple[Item, ...]:
        found: list[Item] = []
        if row.calls:
            found.append(Item("Functions", self.prose(
                f"{', '.join(page(call.function) for call in row.calls)}.")))
        if row.arg:
            found.append(Item(".I arg", self.prose(f"{row.arg}.")))
        found.append(Item(".I nr_args", self.prose(row.nr_args)))
        rings: list[str | None] = []
        if row.needs:
            rings.append(f"Made with {listed(map(bold, row.needs))}.")
        if row.refuses:
            rings.append(f"Made without {listed(map(bold, row.refuses))}.")
        if row.only_without_ring:
            rings.append(f"None: it is called with the descriptor -1 (Linux {row.without_ring}).")
        elif row.without_ring:
            rings.append(f"It also works with the descriptor -1 (Linux {row.without_ring}).")
        if rings:
            found.append(Item("Ring", self.prose(*rings)))
        found.append(Item("Result", self.prose(row.res)))
        return tuple(found)

    def emulated(self, way: str) -> tuple[Item, ...]:
        """The requests that the emulated kernel does in this way, and how."""
        return tuple(Item(f".B {op.constant}", self._emulated(
            op.emulate, f"{op.syscall}." if op.syscall else op.summary))
                     for op in self.table.ops if op.emulate.way == way)

    @cached_property
    def emulated_calls(self) -> tuple[Item, ...]:
        """The register calls that are refused, or do less."""
        return tuple(Item(f".B {row.constant}", self._emulated(row.emulate, None))
                     for row in self.table.registers
                     if row.emulate.because or row.emulate.note)

    def _emulated(self, emulate: Emulation, meaning: str | None) -> str:
        """How it is done; of one that is not refused, `meaning` unless it is a single call."""
        call = f"{emulate.call}({', '.join(emulate.args)})." if emulate.call else meaning
        wait = f"It waits until the file is {emulate.wait}." if emulate.wait else None
        return self.prose(None if emulate.refused else call, wait, emulate.because, emulate.note)

    @cached_property
    def lifetimes(self) -> dict[str, str]:
        """For each lifetime, the fields of opcodes whose memory has it."""
        found: dict[str, dict[str, list[str]]] = {}
        for op in self.table.ops:
            for field in op.fields:
                if field.lives:
                    below = found.setdefault(field.lives, {}).setdefault(op.constant, [])
                    below.append(italic(field.arg or field.slot.name))
        return {lives: self.prose(", ".join(f"{bold(constant)} ({', '.join(fields)})"
                                            for constant, fields in below.items()) + ".")
                for lives, below in found.items()}

    def opcodes_where(self, key: str, *values: str | bool) -> str:
        """The opcodes whose attribute has one of the values, as a sentence."""
        found = [bold(op.constant) for op in self.table.ops if getattr(op, key) in values]
        return self.prose(f"{', '.join(found)}." if found else "None.")

    def part(self, name: str) -> tuple[Item, ...]:
        """The entries of a group for a page that is not the overview."""
        group = self.table.group_by_name.get(name)
        return self._entries(group) if group else ()

    def group(self, name: str) -> tuple[Item, ...]:
        """The entries of a group; nothing where the table has no such group."""
        self._shown.add(name)
        group = self.table.group_by_name.get(name)
        return self._entries(group) if group else ()

    def _entries(self, group: Group) -> tuple[Item, ...]:
        return tuple(entry(self.prose, each, each.since) for each in group.entries)

    @cached_property
    def families(self) -> tuple[tuple[str, str, tuple[Item, ...]], ...]:
        """The families of commands: name, what they are about, and each command."""
        return tuple((family.name, self._family(family), tuple(
            Item(f".B {word(command.name or 'every number')}", self.prose(
                f"({command.since}) {command.summary}",
                f"It brings a {italic('struct ' + command.payload.name)}." if command.payload
                else None,
                page(names.prep(command.function), 3) + " sends it." if command.function else None))
            for command in (*family.commands, *((family.every,) if family.every else ()))))
            for family in self.table.families)

    def _family(self, family: Family) -> str:
        header = f"Names and structures are those of <{family.header}>." if family.header else None
        big = any(command.big for command in family.commands) or bool(
            family.every and family.every.big)
        sizes = [text for needed, text in ((big, "requests of 128 bytes"),
                                           (family.big_cqe, "completions of 32 bytes")) if needed]
        return self.prose(family.summary, f"They go to {family.place}.", header,
                          f"The ring has {listed(sizes)}." if sizes else None, family.note)

    @property
    def other_groups(self) -> tuple[tuple[str, str, tuple[Item, ...]], ...]:
        """The groups that the page has not shown so far: name, summary, entries."""
        return tuple((group.name, self.prose(group.summary), self._entries(group))
                     for group in self.table.groups
                     if not group.external and group.name not in self._shown)
