"""Numbers with a name: single constants, and the flags or values of a group."""

from __future__ import annotations

from dataclasses import dataclass


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
    values: tuple[tuple[str, int], ...] = ()  # usual, then of architectures; C takes the header's

    def value_on(self, machine: str) -> int:
        """The value on an architecture."""
        known = dict(self.values)
        return known.get(machine, known["usual"])

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
