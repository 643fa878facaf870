"""A header as one architecture sees it: conditions decided, comments kept, macros collected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_WORD = re.compile(r"\bdefined\s*\(\s*(\w+)\s*\)|\bdefined\s+(\w+)|\b([A-Za-z_]\w*)\b")
_NUMBER = re.compile(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]*\b")


class DeclarationError(Exception):
    """A header says something in a way that this reader does not understand."""


@dataclass(frozen=True)
class Macro:
    """An object-like macro, with the comment beside or above it."""

    name: str
    text: str
    comment: str


def evaluate(text: str, macros: Mapping[str, str], depth: int = 0) -> int | None:
    """The number that an expression is; None when it is none."""
    if depth > 8:
        return None

    def replaced(match: re.Match[str]) -> str:
        inner = macros.get(match[0])
        value = evaluate(inner, macros, depth + 1) if inner else None
        return "?" if value is None else f"({value})"

    plain = _NUMBER.sub(lambda match: str(int(match[1], 0)), text)
    plain = re.sub(r"\b[A-Za-z_]\w*\b", replaced, plain)
    if not plain.strip() or not re.fullmatch(r"[\d\s()|&<>+*~-]+", plain):
        return None
    try:
        value = eval(plain, {"__builtins__": {}})  # digits and operators only, see above
    except (SyntaxError, TypeError):
        return None
    return value if isinstance(value, int) else None


def _holds(condition: str, defined: set[str]) -> bool:
    """Whether an #if is taken; a macro that nobody has defined is 0."""
    def truth(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return str(name in defined) if name else "False" if match[3] not in defined else "True"

    # What a compiler may have, this one has not.
    condition = re.sub(r"\b__has_\w+\s*\([^()]*\)", "0", condition)
    text = _WORD.sub(truth, condition)
    text = re.sub(r"!(?!=)", " not ", text.replace("&&", " and ").replace("||", " or "))
    if not re.fullmatch(r"(True|False|and|or|not|\d+[uUlL]*|[\s()<>=+]+)+", text) \
            or re.search(r"(True|False|\d[uUlL]*)\s*\(", text):
        raise DeclarationError(f"#if {condition}")
    return bool(eval(re.sub(r"(\d+)[uUlL]+", r"\1", text), {"__builtins__": {}}))


def preprocess(text: str, known: tuple[str, ...]) -> tuple[str, list[Macro]]:
    """The text without directives and without what is not compiled; its macros in order."""
    text = text.replace("\\\n", " ")
    defined, macros = set(known), list[Macro]()
    kept: list[str] = []
    taken: list[bool] = []  # for each open #if, whether its branch is compiled
    done: list[bool] = []  # and whether one of its branches was
    inside = False  # a comment
    above = ""
    for line in text.split("\n"):
        directive = re.match(r"\s*#\s*(\w+)\s*(.*)", line) if not inside else None
        if directive is None:
            if all(taken):
                kept.append(line)
            begin, end = line.rfind("/*"), line.rfind("*/")
            inside = begin > end if begin >= 0 else inside and end < 0
            above = line if line.strip() else ""
            continue
        kept.append("")
        word, rest = directive[1], re.sub(r"/\*.*?\*/", "", directive[2]).strip()
        if word in ("if", "ifdef", "ifndef"):
            holds = rest in defined if word == "ifdef" else rest not in defined \
                if word == "ifndef" else _holds(rest, defined)
            taken.append(holds)
            done.append(holds)
        elif word in ("elif", "else"):
            taken[-1] = not done[-1] and (word == "else" or _holds(rest, defined))
            done[-1] = done[-1] or taken[-1]
        elif word == "endif":
            taken.pop()
            done.pop()
        elif word == "define" and all(taken):
            match = re.match(r"(\w+)(\(.*?\))?\s*(.*)", rest)
            assert match is not None
            defined.add(match[1])
            beside = re.search(r"/\*\s*(.*?)\s*\*/", directive[2])
            comment = beside[1] if beside else ""
            one_line = re.fullmatch(r"\s*/\*\s*(.*?)\s*\*/", above)
            if not comment and one_line:
                comment = one_line[1]
            if not match[2] and match[3]:
                macros.append(Macro(match[1], match[3], comment))
    return "\n".join(kept), macros
