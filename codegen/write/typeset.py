"""Typesetting of generated text: comments wrapped at 79 columns, aligned columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

WIDTH = 79


def wrap(text: str, indent: str = "", first: str | None = None, width: int = WIDTH) -> str:
    return textwrap.fill(" ".join(text.split()), width, subsequent_indent=indent,
                         initial_indent=indent if first is None else first,
                         break_long_words=False, break_on_hyphens=False)


def star(text: str, indent: int = 0) -> str:
    """The lines of a block comment, without its first and last line."""
    lead = " " * indent + " * "
    return wrap(text, lead)


def line_comment(text: str, indent: int = 0) -> str:
    """One comment: on one line if it fits, as a block otherwise."""
    lead = " " * indent
    whole = f"{lead}/* {text} */"
    if len(whole) <= WIDTH:
        return whole
    return f"{lead}/*\n{star(text, indent)}\n{lead} */"


def entry(name: str, text: str, indent: int = 0, column: int = 14) -> str:
    """`name  text` inside a block comment, the text hanging at a column."""
    lead = " " * indent + " * "
    hang = lead + " " * column
    head = lead + name
    first = head.ljust(len(hang) - 1) + " " if len(head) < len(hang) else head + " "
    return wrap(text, hang, first)


def prototype(head: str, params: Iterable[str], tail: str = "", width: int = 100) -> str:
    """A function head; parameters that do not fit one line hang below the parenthesis."""
    items = list(params) or ["void"]
    whole = f"{head}({', '.join(items)}){tail}"
    if len(whole) <= width:
        return whole
    pad = " " * (len(head) + 1)
    lines, current = [], head + "("
    for index, item in enumerate(items):
        piece = item + ("," if index + 1 < len(items) else f"){tail}")
        if current.strip() and len(current) + len(piece) + 1 > width and current != head + "(":
            lines.append(current.rstrip())
            current = pad
        current += piece + " "
    lines.append(current.rstrip())
    return "\n".join(lines)


def byte_rows(values: Iterable[int], indent: int = 8, per_row: int = 8) -> str:
    items = [f"0x{value:02x}" for value in values]
    rows = [", ".join(items[index:index + per_row]) for index in range(0, len(items), per_row)]
    return ",\n".join(" " * indent + row for row in rows)


def c_string(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def roff(text: str) -> str:
    """Text for a manual page: backslashes and leading dots made harmless."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(("\\&" + line if line.startswith((".", "'")) else line)
                     for line in safe.split("\n"))
