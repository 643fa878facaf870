# SPDX-License-Identifier: MIT
"""Shows what was measured: tables, JSON, and a plot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby

from measure import Case
from targets import Target

SIDES = ("rota", "batch", "handles", "drop-in", "liburing", "raw", "epoll", "cp", "cp, bytes", "pread",
         "libaio", "fio")
OTHERS = ("liburing", "epoll", "cp", "cp, bytes")  # that rota is compared with


def sides_of(cases: Iterable[Case]) -> list[str]:
    """The sides that some case has, in the usual order."""
    present = {side for case in cases for side in case.samples}
    return [side for side in SIDES if side in present] + sorted(present - set(SIDES))


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def table(cases: Sequence[Case]) -> str:
    """The cases of one part: a column for each side, then rota's share of liburing's."""
    sides = sides_of(cases)
    pairs = [(side, other) for other in OTHERS for side in ("rota", "batch")
             if side in sides and other in sides]
    head = [f"{cases[0].part} ({cases[0].unit})", *sides,
            *(f"{side}/{other}" for side, other in pairs)]
    rows = [[case.name, *(number(case.value(side)) for side in sides),
             *("-" if (ratio := case.ratio(*pair)) is None else f"{ratio:.2f}" for pair in pairs)]
            for case in cases]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return "\n".join("  ".join(cell.rjust(width) if column else cell.ljust(width)
                               for column, (cell, width) in enumerate(zip(row, widths)))
                     for row in [head, *rows])


def tables(cases: Sequence[Case]) -> str:
    return "\n\n".join(table(list(group)) for _, group in groupby(cases, lambda c: c.part))


def verdicts(targets: Sequence[Target]) -> str:
    return "\n".join(f"{'met   ' if target.met else 'MISSED'}  {target.text}: {target.figure}"
                     for target in targets)


def as_json(machine: dict[str, str], cases: Sequence[Case], targets: Sequence[Target],
            skipped: Sequence[str]) -> str:
    return json.dumps({"machine": machine, "cases": [asdict(case) for case in cases],
                       "targets": [asdict(target) for target in targets],
                       "skipped": list(skipped)}, indent=1) + "\n"
