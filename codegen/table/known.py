"""What the names of the table stand for while its rows are built: values, ages, places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from codegen.table.commands import Command
from codegen.table.layout import Placed
from codegen.table.numbers import Constant, Group
from codegen.table.structs import Slot

Age = tuple[str, tuple[str, ...]]  # first release, and the older series that have it, too
Ages = tuple[Age, ...]


def age(raw: Any) -> Age:
    """The age of a row."""
    return raw["since"], tuple(raw.get("backports", ()))


@dataclass
class Known:
    """Filled in the order of the table's sections; a row may name what came before."""

    slots: dict[str, Slot]
    members: dict[str, tuple[Placed, ...]]
    groups: dict[str, Group] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    external: dict[str, int] = field(default_factory=dict)  # constants of other owners
    since: dict[str, str] = field(default_factory=dict)
    backports: dict[str, tuple[str, ...]] = field(default_factory=dict)
    spellings: dict[str, str] = field(default_factory=dict)  # of commands that have no macro here
    ages: dict[str, Ages] = field(default_factory=dict)  # of functions, as trials need them

    def add_constant(self, constant: Constant) -> None:
        self.values[constant.name] = constant.value
        self.since[constant.name] = constant.since
        self.backports[constant.name] = constant.backports

    def add_group(self, group: Group) -> None:
        self.groups[group.name] = group
        for entry in group.entries:
            if entry.number is not None:
                where = self.external if group.external else self.values
                where[entry.name] = entry.number
            self.since[entry.name] = entry.since
            self.backports[entry.name] = entry.backports

    def add_command(self, command: Command) -> None:
        if command.own:
            self.values[command.name] = command.number
            self.since[command.name] = command.since
            self.backports[command.name] = command.backports
            self.spellings[command.name] = command.literal

    def ages_of(self, names: Iterable[Any]) -> Ages:
        """The ages of those names that are constants of the table."""
        return tuple((self.since[text], self.backports.get(text, ()))
                     for text in map(str, names) if text in self.since)
