"""Text for man(7): sentences of the table marked up and wrapped, prototypes, references.

Sentences carry names as they are. Which words are constants, functions or pages is found here,
so that a row stays plain text.
"""

from __future__ import annotations

import errno
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from codegen.table import names
from codegen.table.model import Table

WIDTH = 79
SYNOPSIS_WIDTH = 72  # what a terminal of 80 columns leaves beside the margin

# Markers of glue: they survive the markup of plain text and become fonts at the end.
_BOLD, _ITALIC, _END = "\x01", "\x02", "\x03"

_TOKEN = re.compile(
    r"(?P<marked>[\x01\x02][^\x03]*\x03)"
    r"|`(?P<code>[^`]*)`"
    r"|(?P<page>\b[a-z_][a-z0-9_]*\([1-9]\))"
    r"|(?P<struct>\b(?:struct|union) [a-z]\w*)"
    r"|(?P<function>\b(?:rota_)?[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b)"
    r"|(?P<constant>\b_*[A-Z][A-Z0-9_]*[A-Z0-9](?:_\*)?(?!\w))")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\x01\x02`_])")


def bold(text: str) -> str:
    return f"{_BOLD}{text}{_END}"


def italic(text: str) -> str:
    return f"{_ITALIC}{text}{_END}"


def page(name: str, section: int = 3) -> str:
    """A reference to a page, or a function in a sentence."""
    return f"{bold(name)}({section})"


def clause(sentence: str) -> str:
    """A sentence of the table as the end of another one: `reads bytes from a file`."""
    text = sentence.removesuffix(".")
    return text[0].lower() + text[1:] if len(text) > 1 and text[1].islower() else text


def listed(items: Iterable[str], word: str = "and") -> str:
    found = list(items)
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} {word} {found[-1]}"


def escape(text: str) -> str:
    """Plain text that roff prints as it stands."""
    text = text.replace("\\", "\\e").replace("…", "...")
    return re.sub(r"(?<![A-Za-z0-9])-(?=\w)", r"\\-", text)


def literal(text: str) -> str:
    """C source, where each minus sign must be one."""
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line
                     for line in text.replace("\\", "\\e").replace("-", "\\-").split("\n"))


def word(text: str) -> str:
    """One argument of a macro."""
    text = text.replace('"', '""')
    return f'"{text}"' if " " in text or not text or '"' in text else text


@dataclass(frozen=True)
class Item:
    """A tagged paragraph: a request line for the tag, then text, then items below it."""

    tag: str
    text: str
    items: tuple["Item", ...] = ()


class Prose:
    """Turns sentences into roff: knows which words are names of the table."""

    def __init__(self, table: Table) -> None:
        self.ops = {op.name for op in table.ops}
        self.registers = {row.name for row in table.registers}
        self.calls = {call.name for call in table.calls}
        self.pages = {prep.function for prep in table.preps}
        self.pages |= {call.function for call in table.calls} | handwritten_names()
        self.known = {item.name for item in table.constants}
        self.known |= {entry.name for group in table.groups for entry in group.entries}

        self._made: dict[tuple[str | None, ...], str] = {}

    def __call__(self, *texts: str | None) -> str:
        """Sentences as filled text; None and empty ones are left out."""
        if texts not in self._made:
            self._made[texts] = self._fill(texts)
        return self._made[texts]

    def _fill(self, texts: Iterable[str | None]) -> str:
        lines: list[str] = []
        for text in texts:
            if not text:
                continue
            for sentence in _SENTENCE.split(" ".join(text.split())):
                marked = self._fonts(self._mark(sentence))
                lines += textwrap.wrap(marked, WIDTH, break_long_words=False,
                                       break_on_hyphens=False)
        return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in lines)

    def inline(self, text: str) -> str:
        return self._fonts(self._mark(text))

    def _mark(self, sentence: str) -> str:
        return _TOKEN.sub(self._token, sentence)

    def _token(self, match: re.Match[str]) -> str:
        text = match.group(0)
        kind = match.lastgroup
        if kind == "code":
            return bold(match.group("code"))
        if kind == "page":
            name, section = text[:-3], text[-3:]
            return bold(name) + section
        if kind == "struct":
            return italic(text)
        if kind == "function":
            name = text.removeprefix("rota_")
            if name in self.calls:
                return page(names.call(name))
            if not text.startswith("rota_"):
                return text
            return page(text) if text in self.pages else bold(text)
        if kind == "constant":
            return self._constant(text)
        return text

    def _constant(self, text: str) -> str:
        if text in self.known:
            return bold(text)
        if text in self.ops:
            return bold(names.opcode(text))
        if text in self.registers:
            return bold(names.register(text))
        if "_" in text or hasattr(errno, text) or re.fullmatch(r"SIG[A-Z]+", text):
            return bold(text)
        return text

    @staticmethod
    def _fonts(text: str) -> str:
        text = text.replace(f" a {_BOLD}IO", f" an {_BOLD}IO")
        text = escape(text).replace(_BOLD, "\\fB").replace(_ITALIC, "\\fI")
        return text.replace(_END, "\\fP")


def synopsis(head: str, parameters: list[tuple[str, str, str]]) -> str:
    """A prototype as requests of man(7): types bold, names slanted, lines that fit."""
    pieces = [f"{before}{name}{after}" for before, name, after in parameters]
    hang = len(head) + 1
    if hang + max((len(piece) for piece in pieces), default=0) + 2 > SYNOPSIS_WIDTH:
        hang = 8
    lines: list[list[tuple[str, str, str]]] = [[]]
    column = len(head) + 1
    for parameter, piece in zip(parameters, pieces):
        if lines[-1] and column + len(piece) + 1 > SYNOPSIS_WIDTH:
            lines.append([])
            column = hang
        elif not lines[-1] and len(lines) == 1 and column + len(piece) + 1 > SYNOPSIS_WIDTH:
            lines.append([])
            column = hang
        lines[-1].append(parameter)
        column += len(piece) + 2
    texts: list[str] = []
    for number, line in enumerate(lines):
        last = number + 1 == len(lines)
        fonts: list[str] = [f"{head}(" if number == 0 else " " * hang]
        for index, (before, name, after) in enumerate(line):
            fonts[-1] += before
            fonts.append(name)
            closing = ");" if last and index + 1 == len(line) else ","
            fonts.append(after + closing + (" " if index + 1 < len(line) else ""))
        if not line:
            fonts[-1] += "void);" if last else ""
        texts.append((".BI " if len(fonts) > 1 else ".B ") +
                     " ".join(word(text) for text in fonts))
    return "\n".join(texts)


def name_line(function: str, summary: str) -> str:
    """What stands below NAME."""
    return textwrap.fill(f"{function} \\- {escape(clause(summary))}", WIDTH,
                         break_long_words=False, break_on_hyphens=False)


def parameter(ctype: str, name: str) -> tuple[str, str, str]:
    whole = names.declaration(ctype, name)
    return whole[:-len(name)], name, ""


def tag(ctype: str, name: str) -> str:
    """The tag of an argument's paragraph."""
    return f".BI {word(names.declaration(ctype, name)[:-len(name)])} {name}"


def references(pages: Iterable[tuple[str, int]]) -> str:
    """The requests below SEE ALSO: by section, then by name."""
    ordered = sorted(set(pages), key=lambda item: (item[1], item[0]))
    return "\n".join(f".BR {name} ({section}){',' if index + 1 < len(ordered) else ''}"
                     for index, (name, section) in enumerate(ordered))


_NAMES = re.compile(r"^\.SH NAME\n(.*?)\s\\-\s", re.MULTILINE | re.DOTALL)


def functions_of(text: str) -> list[str]:
    """The functions that stand below NAME."""
    section = _NAMES.search(text)
    return [name.strip() for name in section.group(1).split(",")] if section else []


@cache
def handwritten_names() -> frozenset[str]:
    """The functions whose pages are written by hand, as templates without a loop."""
    folder = Path(__file__).parents[1] / "templates" / "man" / "man3"
    return frozenset(name for path in folder.glob("rota_*.j2")
                     for name in functions_of(path.read_text("utf-8")))


def links(path: str, text: str) -> dict[str, str]:
    """A page that describes several functions: for each further name, a page that leads to it."""
    if not path.startswith("man/"):
        return {}
    folder, _, own = path.rpartition("/")
    kind = own.rpartition(".")[2]
    banner = '.\\" Generated by codegen from NAME in that page: do not edit; run\n' \
             '.\\"     python3 -m codegen generate\n'
    return {f"{folder}/{name}.{kind}": f".so {folder.removeprefix('man/')}/{own}\n{banner}"
            for name in functions_of(text) if f"{name}.{kind}" != own}
