# SPDX-License-Identifier: MIT
"""The matrix: what the table says of each opcode against what each kernel did.

It is made of the results of a run, and checked in as tests/vm/MATRIX.md. It holds nothing that
changes from run to run (no time, no date), so that a difference is a difference in behaviour.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from results import EMULATED, FAILED, PASSED, SKIPPED, Check, Guest, Program

COMMAND = "tests/vm/run all --matrix tests/vm/MATRIX.md"
LIVE, LIVE_REGISTER = "live", "live-register"
LATER = "needs Linux "  # how the trials begin the reason of what a kernel is too old for
ABSENT, UNTRIED, BROKEN = "–", "·", "✗"

LEGEND = f"""\
# Every opcode on every kernel

Made by `{COMMAND}`, which boots Debian's kernels and runs the
tests of this tree on each (see [README.md](README.md)). Do not edit.

A column is a kernel, for x86-64 where it names no other architecture; i386 means 32-bit programs on
an x86-64 kernel, and s390x is big-endian. `{EMULATED}` is no kernel but the library's own, on the
machine that made this, for the programs that have a second run on it. A trial is a real request, or register call, whose result,
completions and effects must be what `ops.yaml` says.

| cell | meaning |
|---|---|
| `9` | nine trials ran and came out as the table says |
| `9+3` | three more use something that the table has from a later kernel on, and were refused |
| `{ABSENT}` | the table has the whole opcode from a later kernel on, and every trial was refused; or the emulated kernel refuses it |
| `9 ?1` | one more trial could not be made here, or differs by design; the reason stands at the end |
| `?` | the program with the trials was left out here; the reason stands at the end |
| `{UNTRIED}` | no trial: the table says why none can be made |
| `{BROKEN}2` | two trials came out against the table. The suite fails, and this file has none |

That a kernel refuses what it is too old for is checked as well: a trial that works on a kernel
older than its `since` fails here, unless the table lists that kernel's series under `backports`; and
what is listed there has to work.
"""


class Incomplete(Exception):
    """There are no results for a whole matrix; the message says what is missing."""


@dataclass(frozen=True)
class Row:
    """An opcode as the table has it."""

    name: str
    since: tuple[int, int]
    backports: frozenset[tuple[int, int]]
    refused: bool  # by the emulated kernel

    def on(self, guest: Guest) -> bool:
        if guest.kernel == EMULATED:
            return not self.refused
        kernel = series(guest.kernel)
        return self.since <= kernel or kernel in self.backports


def series(text: str) -> tuple[int, int]:
    major, minor = text.partition("-")[0].split(".")[:2]
    return int(major), int(minor)


def rows(table: dict[str, Any], section: str) -> list[Row]:
    return [Row(item["name"], series(item["since"]),
                frozenset(series(text) for text in item.get("backports", ())),
                item["emulate"]["way"] == "refused")
            for item in table[section]]


# ---- cells -------------------------------------------------------------------------------------

def program_of(guest: Guest, name: str) -> Program:
    found = [program for program in guest.programs if program.name == name]
    if not found:
        raise Incomplete(f"{title(guest)}: the program {name} is missing")
    return found[0]


def trials_of(guest: Guest, program: str) -> dict[str, list[Check]]:
    """The checks of a program by opcode, which begins the name of each."""
    found: dict[str, list[Check]] = defaultdict(list)
    for check in program_of(guest, program).checks:
        found[(check.name or check.reason).partition(" ")[0]].append(check)
    return found


def split_skip(check: Check) -> tuple[str, str]:
    """The trial that was skipped and the reason: most lines of TAP have both in their reason."""
    if check.name:
        return check.name, check.reason
    trial, _, reason = check.reason.rpartition(": ")
    return trial, reason


def is_later(check: Check) -> bool:
    return check.status == SKIPPED and split_skip(check)[1].startswith(LATER)


def trial_cell(row: Row, guest: Guest, checks: Sequence[Check]) -> str:
    """A cell of the tables of opcodes."""
    if not checks:
        return UNTRIED
    failed = sum(check.status == FAILED for check in checks)
    later = sum(map(is_later, checks))
    untried = sum(check.status == SKIPPED for check in checks) - later
    ran = len(checks) - failed - later - untried
    if failed:
        return f"{BROKEN}{failed}"
    if not row.on(guest):
        # What passes here expects the error with which an unknown opcode is refused.
        return ABSENT
    return f"{ran}" + (f"+{later}" if later else "") + (f" ?{untried}" if untried else "")


def program_cell(guest: Guest, name: str) -> str:
    """A cell of the table of programs: how many checks passed, and how many were skipped."""
    found = [program for program in guest.programs if program.name == name]
    if not found:
        return ABSENT
    program = found[0]
    count = Counter(check.status for check in program.checks)
    if program.status == FAILED:
        return f"{BROKEN}{count[FAILED] or ''}"
    if program.status == SKIPPED and not count[PASSED]:
        return "?"
    return f"{count[PASSED]}" + (f" ?{count[SKIPPED]}" if count[SKIPPED] else "")


# ---- text --------------------------------------------------------------------------------------

def title(guest: Guest) -> str:
    return guest.kernel if guest.arch == "amd64" else f"{guest.kernel} {guest.arch}"


def table_lines(head: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return lines + [f"| {' | '.join(cells)} |" for cells in body]


def kernel_lines(guests: Sequence[Guest]) -> list[str]:
    body = [[title(guest), guest.release, "<br>".join(guest.packages)] for guest in guests]
    return table_lines(("kernel", "release", "Debian package"), body)


def opcode_lines(guests: Sequence[Guest], table_rows: Sequence[Row], program: str) -> list[str]:
    trials = [trials_of(guest, program) for guest in guests]
    known = {row.name for row in table_rows}
    for guest, found in zip(guests, trials, strict=True):
        strangers = sorted(set(found) - known)
        if strangers:
            raise Incomplete(f"{title(guest)}: {program} has trials of {strangers[0]}, which is "
                             "no opcode of the table")
    body = [[row.name, *("?" if not found and program_of(guest, program).status == SKIPPED
                         else trial_cell(row, guest, found.get(row.name, ()))
                         for guest, found in zip(guests, trials, strict=True))]
            for row in table_rows]
    return table_lines(("opcode", *map(title, guests)), body)


def program_lines(guests: Sequence[Guest]) -> list[str]:
    names = sorted({program.name for guest in guests for program in guest.programs}
                   - {LIVE, LIVE_REGISTER})
    body = [[name, *(program_cell(guest, name) for guest in guests)] for name in names]
    return table_lines(("program", *map(title, guests)), body)


def skips(guest: Guest) -> Iterator[tuple[str, str]]:
    """What was not tried for a reason other than the kernel's age: program and reason."""
    for program in guest.programs:
        if program.status == SKIPPED and not program.checks:
            yield program.name, program.reason
        for check in program.checks:
            if check.status == SKIPPED and not is_later(check):
                if program.name in (LIVE, LIVE_REGISTER):
                    yield split_skip(check)
                else:
                    yield program.name, check.reason or "no reason given"


def skip_lines(guests: Sequence[Guest]) -> list[str]:
    where: dict[tuple[str, str], list[str]] = defaultdict(list)
    for guest in guests:
        for key in dict.fromkeys(skips(guest)):
            where[key].append(title(guest))
    body = [[what, reason.replace("|", "\\|"), ", ".join(kernels)]
            for (what, reason), kernels in sorted(where.items())]
    return table_lines(("what", "reason", "kernels"), body)


def render(guests: Sequence[Guest], table: dict[str, Any]) -> str:
    """The whole document; raises Incomplete when a kernel or a program is missing."""
    for guest in guests:
        if guest.state != "ran":
            raise Incomplete(f"{title(guest)}: {guest.reason or guest.state}")
    parts = [
        LEGEND,
        "## Kernels\n", *kernel_lines(guests),
        "\n## Requests\n", *opcode_lines(guests, rows(table, "opcodes"), LIVE),
        "\n## Register calls\n", *opcode_lines(guests, rows(table, "register"), LIVE_REGISTER),
        "\n## Other tests\n",
        "How many checks of each program passed; after `?` how many were skipped, most of them for want\n"
        f"of what a later kernel has. `{ABSENT}` is a program that is not run there.\n",
        *program_lines(guests),
        "\n## What was skipped, and why\n",
        "Without the trials that need a later kernel.\n",
        *skip_lines(guests),
    ]
    return "\n".join(parts) + "\n"
