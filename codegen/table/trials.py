"""What a live test sends, in which scenario, and what it expects back."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.table.conditions import Condition
from codegen.table.looks import Look


@dataclass(frozen=True)
class Scenario:
    name: str
    summary: str
    offers: tuple[str, ...]


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
    row: int  # 1 and up: which of the errors it provokes; 0: it succeeds


@dataclass(frozen=True)
class Error:
    errno: str
    cause: str
    remedy: str | None
    when: tuple[Condition, ...]
    looks: tuple[Look, ...]
    element: tuple[Condition, ...]  # of the array of a register call
    partial: bool
    sole: bool
    done: tuple[Condition, ...]
    since: str | None
    until: str | None
    trial: Trial | None
    untried: str | None
    broken: str | None  # the breakage of the oracle of explanations that provokes it

    @property
    def provoked(self) -> bool:
        return self.trial is not None or self.broken is not None
