# SPDX-License-Identifier: MIT
"""A plot of the results as SVG: one panel for each part, one line for each case, a dot per side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from measure import Case
from report import number, sides_of

COLOURS = {"rota": "#0072b2", "batch": "#56b4e9", "handles": "#009e73", "liburing": "#d55e00",
           "raw": "#777777", "epoll": "#cc79a7", "cp": "#e69f00", "pread": "#b8a000",
           "libaio": "#000000", "fio": "#882255"}
LINE, LABEL, WIDTH, GAP = 14, 210, 560, 44


def text(x: float, y: float, content: str, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}"{more}>{escape(content)}</text>'


def panel(cases: Sequence[Case], top: float) -> Iterator[str]:
    """From 0 to the largest value; each line is scaled by itself when units of time differ much."""
    values = {id(case): [value for side in case.samples
                         if (value := case.value(side)) is not None] for case in cases}
    largest = max(max(found) for found in values.values())
    relative = largest > 20 * min(max(found) for found in values.values())
    scale = "each line from 0 to its largest value" if relative else f"0 to {number(largest)}"
    yield text(0, top - 20, f"{cases[0].part}: {cases[0].unit} per operation, {scale}",
               ' font-weight="bold"')
    for row, case in enumerate(cases):
        y = top + row * LINE
        full = max(values[id(case)]) if relative else largest
        yield text(LABEL - 8, y + 4, case.name, ' text-anchor="end"')
        yield f'<path d="M{LABEL} {y:.0f}h{WIDTH}" stroke="#ddd"/>'
        for side in sides_of([case]):
            value = case.value(side)
            if value is not None:
                yield (f'<circle cx="{LABEL + WIDTH * value / full:.1f}" cy="{y:.0f}" r="4" '
                       f'fill="{COLOURS.get(side, "#444")}" fill-opacity="0.85"><title>'
                       f'{escape(f"{case.name}, {side}: {number(value)}")}</title></circle>')


def svg(cases: Sequence[Case]) -> str:
    body: list[str] = []
    for place, side in enumerate(sides_of(cases)):
        body.append(f'<circle cx="{LABEL + place * 72}" cy="12" r="5" '
                    f'fill="{COLOURS.get(side, "#444")}"/>')
        body.append(text(LABEL + place * 72 + 9, 16, side))
    top: float = 32 + GAP
    for _, group in groupby(cases, lambda case: case.part):
        rows = list(group)
        body += panel(rows, top)
        top += len(rows) * LINE + GAP
    box = f"-10 0 {LABEL + WIDTH + 30} {top:.0f}"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" font-family="sans-serif" '
            'font-size="11">\n<rect x="-10" width="100%" height="100%" fill="white"/>\n'
            + "\n".join(body) + "\n</svg>\n")
