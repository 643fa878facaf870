"""What the handwritten headers of the drop-in declare, and the names of rota that mean the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codegen.api.declarations import Api, squeeze

_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_FUNCTION = re.compile(
    r"^(?:(?:IOURINGINLINE|_LOCAL_INLINE) )?(?P<returns>(?!return)[a-z_][\w ]*?[ *]+)"
    r"(?P<name>_*(?:io_)?uring_\w+)\((?P<args>[^;{}]*?)\)\s*"
    r"(?:LIBURING_NOEXCEPT\s*|ROTA_LIBURING_IS\(\"(?P<symbol>\w+)\"\)\s*)?"
    r"(?P<end>;|\{(?P<body>.*?)^\})", re.M | re.S)
_MACRO = re.compile(r"^#define (?P<name>_*(?:io_|lib)?uring_\w+)(?P<args>\([^)]*\))?", re.M | re.I)
_NOT = re.compile(r"(\w+)(?:\[\d+\])?\s+ROTA_LIBURING_NOT\(\"(?!reserved)([^\"]*)\"\)")
_INCLUDE = re.compile(r"^#include <([^>]*)>", re.M)
_RECORD = re.compile(r"^struct (?P<name>io_uring\w*) \{\n(?P<body>.*?)^\}", re.M | re.S)
_ONLY_CALL = re.compile(r"\s*(?:return )?(?P<name>rota_\w+)\((?P<args>[^;]*)\);\s*")


@dataclass(frozen=True)
class Alias:
    """A name of liburing's, and the one of rota that takes and does the same, if there is one."""

    name: str
    rota: str | None


def _split(args: str) -> list[str]:
    """The parameters or arguments of a list; commas inside of parentheses divide none."""
    args = squeeze(args)
    while re.search(r"\([^()]*\)", args):
        args = re.sub(r"\([^()]*\)", "", args)
    return [] if args in ("", "void") else args.split(",")


def _shape(declaration: str) -> tuple[str, int]:
    """What makes two parameters different things: the structure and the depth of pointers."""
    tag = re.search(r"\bstruct (\w+)", declaration)
    return tag[1] if tag else "", declaration.count("*")


class DropIn:
    """The handwritten headers below `include`, beside those of rota."""

    def __init__(self, include: Path, api: Api) -> None:
        self.api = api
        self.functions = {item.name: item for item in api.functions}
        self.records = {item.name: {member.name for member in item.members}
                        for item in api.records}
        paths = sorted(include.glob("rota/liburing/*.h")) + \
            sorted(include.glob("rota-liburing/**/*.h"))
        self.text = _COMMENT.sub("", "\n".join(path.read_text("utf-8") for path in paths))
        own = "".join(path.read_text("utf-8") for path in sorted(include.glob("rota/*.h")))
        self.own_headers = set(_INCLUDE.findall(own))
        self.own_macros = {match[1]: len(_split(match[2])) for match in
                           re.finditer(r"^#define (rota_\w+)\(([^)]*)\)", own, re.M)}

    def headers(self) -> list[str]:
        """The headers of the system that come along, and do not with rota's."""
        return sorted({name for name in _INCLUDE.findall(self.text)
                       if not re.match(r"rota|asm/|atomic$", name)} - self.own_headers)

    def members(self) -> dict[str, str]:
        """Members in which rota has something else, and what the compiler says of them."""
        return dict(_NOT.findall(self.text))

    def tags(self) -> Iterator[Alias]:
        """Structures that are not the kernel's."""
        for match in _RECORD.finditer(self.text):
            inside = re.search(r"^\s*struct (rota_\w+) rota;", match["body"], re.M)
            name = inside[1] if inside else match["name"].replace("io_uring_", "rota_")
            same = bool(inside) or name in self.records and \
                self._members(match["body"]) <= self.records[name]
            yield Alias(match["name"], name if same else None)

    @staticmethod
    def _members(body: str) -> set[str]:
        """The members that a program may use."""
        found = re.findall(r"(\w+)(?:\[\d+\])?;", body)
        return {name for name in found if not name.startswith("rota_")}

    def names(self) -> Iterator[Alias]:
        """Functions and macros, each once."""
        unlike = {alias.name for alias in self.tags() if alias.rota is None}
        seen: set[str] = set()
        for match in _FUNCTION.finditer(self.text):
            if match["name"] not in seen:
                seen.add(match["name"])
                types = set(re.findall(r"\bstruct (\w+)", match["returns"] + match["args"]))
                yield Alias(match["name"], None if types & unlike else self._function(match))
        for match in _MACRO.finditer(self.text):
            name = match["name"]
            if name not in seen and not name.endswith("_H"):
                seen.add(name)
                yield Alias(name, self._macro(name, match["args"]))

    def _macro(self, name: str, args: str | None) -> str | None:
        wanted = name.replace("io_uring_", "rota_")
        same = args is not None and \
            self.own_macros.get(wanted) == len(_split(args[1:-1]))
        return wanted if same else None

    def _function(self, match: re.Match[str]) -> str | None:
        """The symbol that it is, the function that it calls and nothing else, or its namesake."""
        wanted = [match["symbol"]]
        only = _ONLY_CALL.fullmatch(match["body"] or "")
        if only and len(_split(only["args"])) == len(_split(match["args"])):
            wanted.append(only["name"])
        wanted.append(re.sub(r"^_*io_uring_", "rota_", match["name"]))
        for name in wanted:
            function = self.functions.get(name or "")
            if function and self._shapes([match["returns"], *_split(match["args"])]) == \
                    [_shape(function.returns), *(_shape(item.ctype) for item in
                                                 function.parameters)] \
                    and (function.returns == "void") == (match["returns"].strip() == "void"):
                return function.name
        return None

    def _shapes(self, declarations: list[str]) -> list[tuple[str, int]]:
        known = {alias.name: alias.rota or alias.name for alias in self.tags()}
        return [(known.get(tag, tag), stars) for tag, stars in map(_shape, declarations)]
