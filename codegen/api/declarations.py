"""What the handwritten headers declare: functions, structures, enumerators, with their comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from codegen.api.preprocess import DeclarationError, Macro, evaluate, preprocess

ERRNO = re.compile(r"-?\b(E[A-Z0-9]{2,})\b")
_ATTRIBUTE = r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)"
_FUNCTION = re.compile(
    r"^(ROTA_API|ROTA_INLINE|ROTA_INLINE_ALWAYS)\s+(?P<head>[^;{}()=]+?)(?P<name>\w+)"
    r"\((?P<args>(?:[^(){};]|\([^()]*\))*)\)\s*(?P<extra>(?:" + _ATTRIBUTE + r"\s*)*)[;{]", re.M)
_STRUCT = re.compile(r"^struct (?P<name>\w+) \{\n(?P<body>.*?)^\}(?P<after>[^;]*);", re.M | re.S)
_ENUM = re.compile(r"^enum (?P<name>\w+) \{\n(?P<body>.*?)^\};", re.M | re.S)
_VARIABLE = re.compile(r"^ROTA_API extern (?P<type>[^;()]+?)(?P<name>\w+);", re.M)
_CALLBACK = re.compile(r"^typedef (?P<returns>[\w ]+\*?) ?(?P<name>rota_\w+)\((?P<args>[^;]*?)\);",
                       re.M | re.S)


@dataclass(frozen=True)
class Parameter:
    name: str
    ctype: str


@dataclass(frozen=True)
class Failure:
    """An errno that a comment names, and what it says about it."""

    errno: str
    cause: str


@dataclass(frozen=True)
class Function:
    name: str
    returns: str
    parameters: tuple[Parameter, ...]
    inline: bool
    header: str
    library: str
    doc: str
    failures: tuple[Failure, ...]

    @property
    def summary(self) -> str:
        text = re.sub(r"^(\w+, )*\w+ - ", "", self.doc.split("\n\n")[0].replace("\n", " "))
        match = re.match(r"(.*?[.:;])(\s|$)", text)
        first = (match[1][:-1] + "." if match else text).strip()
        return first[:1].upper() + first[1:]


@dataclass(frozen=True)
class Member:
    name: str
    ctype: str
    count: int | None
    comment: str


@dataclass(frozen=True)
class Record:
    """A structure of rota's own."""

    name: str
    header: str
    doc: str
    members: tuple[Member, ...]
    align: int | None


@dataclass(frozen=True)
class Callback:
    """A type of function that the caller provides."""

    name: str
    returns: str
    parameters: tuple[Parameter, ...]
    header: str


@dataclass(frozen=True)
class Variable:
    """An object that the library exports."""

    name: str
    ctype: str
    header: str
    doc: str
    library: str


@dataclass(frozen=True)
class Constant:
    name: str
    value: int
    header: str
    comment: str
    enum: str = ""


@dataclass(frozen=True)
class Api:
    """All handwritten headers, as one architecture sees them."""

    functions: tuple[Function, ...]
    records: tuple[Record, ...]
    callbacks: tuple[Callback, ...]
    variables: tuple[Variable, ...]
    constants: tuple[Constant, ...]
    start_failures: tuple[Failure, ...]


def squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _plain(comment: str) -> str:
    """The words of a comment, paragraphs apart."""
    inner = re.sub(r"^\s*/\*+|\*+/\s*$", "", comment.strip())
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in inner.split("\n")]
    return "\n".join(lines).strip()


def _doc(text: str, at: int) -> str:
    """The comment right above a declaration, or above the group without blank line it is in."""
    before = text[:at].rstrip("\n")
    gap = text[len(before):at].count("\n")
    if gap > 1:
        return ""
    if before.endswith("*/"):
        return _plain(before[before.rfind("/*"):])
    start = max(before.rfind("\n\n"), 0)
    group = before[start:].lstrip("\n")
    if group.startswith("/*"):
        return _plain(group[:group.index("*/") + 2])
    # Inside a long comment is a blank line of its own: it begins with a star.
    opened = before.rfind("/*", 0, len(before))
    closed = before.find("*/", opened)
    if opened >= 0 and "\n\n" not in before[closed:] and "}" not in before[closed:]:
        return _plain(before[opened:closed + 2])
    return ""


def failures(doc: str) -> Iterator[Failure]:
    """The errors of a comment: first its list, then what sentences name."""
    seen: set[str] = set()
    for item in re.split(r"\n(?=- )", "\n" + doc):
        match = re.match(r"- ([E][A-Z0-9, E]+?)(?: and the other errors[^:]*)?: (.*?)(\n\n|$)",
                         item.lstrip("\n"), re.S)
        if match:
            for errno in ERRNO.findall(match[1]):
                seen.add(errno)
                yield Failure(errno, squeeze(match[2]))
    rest = re.sub(r"\n- E[^\n]*(\n  [^\n]*)*", "", doc)
    for sentence in (each for paragraph in rest.split("\n\n")
                     for each in re.split(r"(?<=[.;])\s+", squeeze(paragraph))):
        for errno in re.findall(r"-(E[A-Z0-9]{2,})\b", sentence):
            if errno not in seen:
                seen.add(errno)
                yield Failure(errno, sentence)


def _type_and_name(text: str) -> tuple[str, str]:
    text = squeeze(text)
    pointer = re.match(r"(.*?)\(\*(?:const )?(\w+)\)\s*\((.*)\)$", text)
    if pointer:
        return f"{pointer[1].strip()} (*)({pointer[3]})", pointer[2]
    match = re.match(r"(.*?)(\w+)$", text)
    if not match or not match[1].strip():
        raise DeclarationError(f"a declaration: {text}")
    return match[1].strip(), match[2]


def _parameters(text: str) -> tuple[Parameter, ...]:
    text = squeeze(re.sub(r"/\*.*?\*/", "", text, flags=re.S))
    if text in ("void", ""):
        return ()
    parts, depth, current = [], 0, ""
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += letter
    found = []
    for part in [*parts, current]:
        array = re.match(r"(.*\w)\[[^\]]*\]$", part.strip())
        ctype, name = _type_and_name(array[1] if array else part)
        found.append(Parameter(name, f"{ctype} *" if array else ctype))
    return tuple(found)


def _members(body: str, values: dict[str, str]) -> Iterator[Member]:
    body = re.sub(r"/\*.*?\*/", lambda match: match[0].replace(";", "\0"), body, flags=re.S)
    for match in re.finditer(r"(?P<text>[^;{}]+);[ \t]*(?P<beside>/\*.*?\*/)?", body, re.S):
        text = match["text"]
        above = re.findall(r"/\*.*?\*/", text, re.S)
        plain = squeeze(re.sub(r"/\*.*?\*/", "", text, flags=re.S))
        comment = squeeze(_plain(match["beside"] or (above[-1] if above else "")))
        comment = comment.replace("\0", ";")
        array = re.match(r"(.*\w)\s*\[([^\]]*)\]$", plain)
        count = evaluate(array[2], values) if array else None
        if array and count is None:
            raise DeclarationError(f"the length of {plain}")
        ctype, name = _type_and_name(array[1] if array else plain)
        yield Member(name, ctype, count, comment)


def _enumerators(name: str, body: str, header: str) -> Iterator[Constant]:
    following = 0
    for match in re.finditer(r"(\w+)(?:\s*=\s*([^,/]+))?,?[ \t]*(?:/\*(.*?)\*/)?",
                             re.sub(r"(?m)^\s*/\*.*?\*/", "", body, flags=re.S)):
        value = following if match[2] is None else evaluate(match[2], {})
        if value is None:
            raise DeclarationError(f"the value of {match[1]}")
        yield Constant(match[1], value, header, squeeze(match[3] or ""), name)
        following = value + 1


def _library(text: str) -> str:
    """The library that has what a header declares, as its first comment says."""
    own = re.search(r"library of its own, (librota-\w+)", re.sub(r"[\s*]+", " ", text))
    return own[1] if own else "librota"


@cache
def _functions(header: str, text: str) -> tuple[Function, ...]:
    """The functions of a header; most headers look alike to all machines."""
    library = _library(text)
    found: list[Function] = []
    for match in _FUNCTION.finditer(text):
        doc = _doc(text, match.start())
        found.append(Function(match["name"], squeeze(match["head"]), _parameters(match["args"]),
                              match[1] != "ROTA_API", header, library, doc, tuple(failures(doc))))
    return tuple(found)


class _Reader:
    def __init__(self, macros: tuple[str, ...]) -> None:
        self.known = macros
        self.functions: list[Function] = []
        self.records: list[Record] = []
        self.callbacks: list[Callback] = []
        self.variables: list[Variable] = []
        self.constants: list[Constant] = []
        self.values: dict[str, str] = {}
        self.starts: tuple[Failure, ...] = ()

    def header(self, name: str, raw: str) -> None:
        text, macros = preprocess(raw, self.known)
        self.values |= {item.name: item.text for item in macros}
        self.functions += _functions(name, text)
        for match in _STRUCT.finditer(text):
            if not match["name"].startswith("rota_"):
                continue
            aligned = re.search(r"aligned\((\d+)\)", match["after"])
            self.records.append(Record(
                match["name"], name, _doc(text, match.start()),
                tuple(_members(match["body"], self.values)),
                int(aligned[1]) if aligned else None))
        for match in _ENUM.finditer(text):
            self.constants += _enumerators(match["name"], match["body"], name)
        for match in _CALLBACK.finditer(text):
            self.callbacks.append(Callback(match["name"], match["returns"].strip(),
                                           _parameters(match["args"]), name))
        for match in _VARIABLE.finditer(text):
            self.variables.append(Variable(match["name"], match["type"].strip(), name,
                                           _doc(text, match.start()), _library(text)))
        self.constants += self._numbers(name, macros)
        general = re.search(r"/\*\n \* Every rota_start_NAME\(\) returns .*?\*/", text, re.S)
        if general:
            self.starts = tuple(failures(_plain(general[0])))

    def _numbers(self, header: str, macros: list[Macro]) -> Iterator[Constant]:
        for item in macros:
            value = evaluate(item.text, self.values)
            if value is not None and item.name.startswith("ROTA_"):
                yield Constant(item.name, value, header, item.comment)

    def result(self) -> Api:
        return Api(tuple(self.functions), tuple(self.records), tuple(self.callbacks),
                   tuple(self.variables), tuple(self.constants), self.starts)


def read(include: Path, macros: tuple[str, ...]) -> Api:
    """The headers below `include`, as a compiler with these macros sees them; none is no error."""
    reader = _Reader(macros)
    for path in sorted(include.glob("rota/*.h")):
        try:
            reader.header(f"rota/{path.name}", path.read_text("utf-8"))
        except DeclarationError as failure:
            raise DeclarationError(f"{path}: cannot read {failure}") from None
    return reader.result()
