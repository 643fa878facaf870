"""The macros that the preprocessor lists, and the files that it has read."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Macro:
    name: str
    file: str
    line: int


def macros(text: str) -> tuple[dict[str, Macro], dict[str, str]]:
    """The object-like macros that stand at the end; every file in order, with its guard."""
    found: dict[str, Macro] = {}
    files: dict[str, str] = {}
    current, number = "", 0
    for line in text.splitlines():
        mark = re.match(r'# (\d+) "(.*?)"', line)
        if mark:
            number, current = int(mark[1]) - 1, mark[2]
            files.setdefault(current, "")
            continue
        number += 1
        define = re.match(r"#define (\w+) (.*\S)", line)
        if define:
            found[define[1]] = Macro(define[1], current, number)
        elif line.startswith("#undef "):
            found.pop(line.split()[1], None)
        elif re.match(r"#define \w+ *$", line):
            files[current] = files[current] or line.split()[1]
    return found, files
