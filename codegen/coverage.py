"""Which rows, functions and errors of the table some trial hits, and why others are left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from codegen.table.calls import Call
from codegen.table.model import Table
from codegen.table.requests import Prep
from codegen.table.trials import Error, Trial

_CHECK = re.compile(r"^(not )?ok\b *\d* *(?:- )?(.*)$")


@dataclass
class Tally:
    """The things of one kind: how many there are, and which of them no trial hits."""

    what: str
    total: int = 0
    hit: int = 0
    excused: list[tuple[str, str]] = field(default_factory=list)
    refused_only: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def count(self, name: str, hit: bool, untried: str | None) -> None:
        self.total += 1
        self.hit += hit
        if hit and untried:
            self.refused_only.append((name, untried))
        elif untried:
            self.excused.append((name, untried))
        elif not hit:
            self.missing.append(name)


def _row(tally: Tally, name: str, functions: Iterable[Prep | Call], hit: set[str]) -> None:
    """A row is hit when one of its functions is."""
    listed = list(functions)
    reasons = [item.untried for item in listed if item.untried]
    tally.count(name, any(item.function in hit for item in listed),
                reasons[0] if reasons and len(reasons) == len(listed) else None)


def _trials(functions: Iterable[Prep | Call], errors: Iterable[Error]) -> Iterator[Trial]:
    for item in functions:
        yield from item.trials
    for error in errors:
        if error.trial:
            yield error.trial


def tallies(table: Table) -> list[Tally]:
    """Opcodes, prep functions, their errors, register opcodes, functions and their errors; commands'."""
    found = [Tally("opcodes"), Tally("prep functions"), Tally("errors of opcodes"),
             Tally("register calls"), Tally("register functions"),
             Tally("errors of register calls"), Tally("errors of commands")]
    for op in table.ops:
        hit = {f"rota_prep_{trial.function}" for trial in _trials(op.preps, op.errors)}
        _row(found[0], op.name, op.preps, hit)
        for prep in op.preps:
            found[1].count(prep.function, prep.function in hit or prep.tried is not None,
                           prep.untried)
        for error in op.errors:
            found[2].count(f"{op.name} {error.errno}", error.provoked, error.untried)
    for row in table.registers:
        hit = {f"rota_{trial.function}" for trial in _trials(row.calls, row.errors)}
        _row(found[3], row.name, row.calls, hit)
        for call in row.calls:
            found[4].count(call.function, call.function in hit, call.untried)
        for error in row.errors:
            found[5].count(f"{row.name} {error.errno}", error.provoked, error.untried)
    for family in table.families:
        for owner, errors in family.errors_of():
            for refusal in errors:
                found[6].count(f"{owner} {refusal.errno}", refusal.tried is not None,
                               refusal.untried)
    return found


@dataclass
class Run:
    """What the live programs said of the trials on one machine."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def titles(table: Table) -> list[str]:
    """The titles of all trials, as the live programs print them."""
    return [trial.title for _, trial in (*table.trials, *table.register_trials)]


def read_run(table: Table, output: str) -> Run:
    """The TAP output of the live programs; a trial that it does not mention is absent."""
    run = Run()
    known = sorted(set(titles(table)), key=len, reverse=True)
    seen: set[str] = set()
    for line in output.splitlines():
        match = _CHECK.match(line)
        if not match:
            continue
        text = match[2]
        skip = re.match(r"# SKIP (.*)", text, re.I)
        if skip:
            title = next((name for name in known if skip[1].startswith(f"{name}: ")), None)
            if title:
                seen.add(title)
                run.skipped.append((title, skip[1].removeprefix(f"{title}: ")))
        elif text in known:
            seen.add(text)
            (run.failed if match[1] else run.passed).append(text)
    run.absent = [name for name in titles(table) if name not in seen]
    return run


def report(found: list[Tally], run: Run | None) -> Iterator[str]:
    """The lines to print."""
    width = max(len(tally.what) for tally in found)
    for tally in found:
        line = f"{tally.what:{width}}  {tally.hit}/{tally.total} tried"
        if tally.excused:
            line += f", {len(tally.excused)} with a reason why not"
        yield line
    for tally in found:
        for name in tally.missing:
            yield f"neither tried nor excused: {tally.what[:-1]} {name}"
    refused = [item for tally in found for item in tally.refused_only]
    if refused:
        yield "\nTried with a request that fails only:"
        yield from (f"  {name}: {reason}" for name, reason in refused)
    excused = [item for tally in found for item in tally.excused]
    if excused:
        yield "\nNot tried anywhere:"
        yield from (f"  {name}: {reason}" for name, reason in excused)
    if run is None:
        return
    yield (f"\nOn this machine: {len(run.passed)} trials passed, {len(run.failed)} failed, "
           f"{len(run.skipped)} skipped")
    yield from (f"  {name}: {reason}" for name, reason in run.skipped)
    yield from (f"not run: {name}" for name in run.absent)


def complete(found: list[Tally], run: Run | None) -> bool:
    """Everything is hit or excused, and every trial was run or skipped."""
    whole = not any(tally.missing for tally in found)
    return whole and not (run and (run.absent or run.failed))
