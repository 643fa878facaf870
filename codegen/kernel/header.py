"""Reads a kernel header with the C compiler: what it defines, in the table's own terms.

The compiler is the only parser here. Its debug information tells structures and enumerators as it
understood them; the preprocessor lists the macros, and the compiler evaluates them.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from codegen.table.layout import FOREIGN, SCALARS

# C's own types as the table writes them, for members that use no kernel typedef.
_PLAIN = {
    "unsigned char": "__u8", "signed char": "__s8", "char": "char", "_Bool": "__u8",
    "unsigned short": "__u16", "short unsigned int": "__u16",
    "short": "__s16", "short int": "__s16",
    "unsigned int": "__u32", "int": "int",
    "unsigned long long": "__u64", "long long unsigned int": "__u64",
    "long long": "__s64", "long long int": "__s64",
}
_OURS = re.compile(r"(^|/)linux/io_uring(\.h|/[^/]+\.h)$")
_FLAGS = ("-w", "-g", "-gdwarf-4", "-fno-eliminate-unused-debug-types")


class HeaderError(Exception):
    """The header cannot be read; the message says why."""


@dataclass(frozen=True)
class Spot:
    """Where a definition stands; `file` counts the files in the order of their reading."""

    file: int
    line: int


@dataclass(frozen=True)
class Constant:
    name: str
    value: int
    spot: Spot
    suffix: str = ""
    enum: Enum | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Enum:
    """An enum; the tag is empty when the kernel gives none."""

    tag: str
    spot: Spot
    names: tuple[str, ...]


@dataclass(frozen=True)
class Member:
    """A member; a container (`kind` is union or struct) has members of its own."""

    name: str
    kind: str
    ctype: str
    count: int | None
    offset: int
    size: int
    members: tuple[Member, ...] = ()
    problem: str = ""  # why the table cannot say this


@dataclass(frozen=True)
class Place:
    """A named member, seen from the outermost structure."""

    path: str
    offset: int
    size: int
    ctype: str
    count: int | None


@dataclass(frozen=True)
class Struct:
    name: str
    union: bool
    size: int
    align: int | None
    spot: Spot
    members: tuple[Member, ...]

    @property
    def placed(self) -> tuple[Place, ...]:
        return tuple(_place(self.members, 0, ""))


def _place(members: Sequence[Member], base: int, prefix: str) -> Iterator[Place]:
    for item in members:
        if item.name:
            yield Place(prefix + item.name, base + item.offset, item.size, item.kind or item.ctype,
                        item.count)
        if item.kind:
            below = f"{prefix}{item.name}." if item.name else prefix
            yield from _place(item.members, base + item.offset, below)


@dataclass(frozen=True)
class Header:
    """All that some header files define of io_uring, in the order in which it stands there."""

    files: dict[str, str]  # name as it is included, and include guard
    constants: dict[str, Constant]
    enums: tuple[Enum, ...]
    structs: dict[str, Struct]


# -- which files, which compiler ----------------------------------------------

def belonging(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The headers named and those beside them: linux/io_uring/*.h goes with linux/io_uring.h."""
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_file():
            raise HeaderError(f"{path}: there is no such file")
        found[path.resolve()] = None
    for path in list(found):
        for beside in sorted(path.with_suffix("").glob("*.h")):
            found[beside.resolve()] = None
    return tuple(found)


def _roots(files: Sequence[Path]) -> list[str]:
    """The include directories of the trees that the headers stand in."""
    found: list[str] = []
    for path in files:
        match = _OURS.search(path.as_posix())
        if match:
            root = path.as_posix()[:match.start()] or "/"
            if root not in found:
                found.append(root)
    return found


class _Compiler:
    def __init__(self, files: Sequence[Path], include: Sequence[Path], scratch: Path) -> None:
        self.command = shlex.split(os.environ.get("CC", "")) or ["cc"]
        self.scratch = scratch
        self.files = files
        self.text = "".join(f'#include "{path}"\n' for path in files)
        roots = _roots(files) + [str(path.resolve()) for path in include]
        triplet = self._run([*self.command, "-print-multiarch"], check=False).stdout.strip()
        if triplet:
            roots += [f"{root}/{triplet}" for root in roots if Path(root, triplet).is_dir()]
        self.flags = [f"-I{root}" for root in roots]

    def _run(self, command: Sequence[str], check: bool = True) -> subprocess.CompletedProcess[str]:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False,
                                  cwd=self.scratch, env={**os.environ, "LC_ALL": "C"})
        except FileNotFoundError:
            package = "binutils" if command[0] == "readelf" else "gcc, or set CC"
            raise HeaderError(f"{command[0]} is missing; install {package}") from None
        if check and done.returncode != 0:
            reason = next((line for line in done.stderr.splitlines() if "error:" in line),
                          done.stderr.strip() or f"exit status {done.returncode}")
            raise HeaderError(f"{command[0]} cannot read it: {reason}")
        return done

    def _probe(self, extra: str) -> str:
        path = self.scratch / "probe.c"
        path.write_text(self.text + extra, "utf-8")
        return path.name

    def preprocess(self) -> str:
        return self._run([*self.command, *self.flags, "-E", "-dD", self._probe("")]).stdout

    def complaints(self, extra: str) -> set[int]:
        """The lines of `extra`, counted from 1, that are not C."""
        done = self._run([*self.command, *self.flags, "-w", "-fsyntax-only", "-fmax-errors=0"
                          if self._gcc() else "-ferror-limit=0",
                          self._probe('#line 1 "extra"\n' + extra)], check=False)
        return {int(line) for line in re.findall(r"^extra:(\d+):.*error:", done.stderr, re.M)}

    def _gcc(self) -> bool:
        about = self._run([*self.command, "--version"], check=False).stdout
        return "clang" not in about

    def debug_information(self, extra: str) -> tuple[str, str]:
        """What the compiler understood of the headers and of `extra`, as readelf prints it."""
        self._run([*self.command, *self.flags, *_FLAGS, "-c", self._probe(extra), "-o", "probe.o"])
        return (self._run(["readelf", "--debug-dump=info", "probe.o"]).stdout,
                self._run(["readelf", "--debug-dump=rawline", "probe.o"]).stdout)


# -- macros ---------------------------------------------------------------------

@dataclass(frozen=True)
class _Macro:
    name: str
    file: str
    line: int


def _macros(text: str) -> tuple[dict[str, _Macro], dict[str, str]]:
    """The object-like macros that stand at the end; every file in order, with its guard."""
    macros: dict[str, _Macro] = {}
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
            macros[define[1]] = _Macro(define[1], current, number)
        elif line.startswith("#undef "):
            macros.pop(line.split()[1], None)
        elif re.match(r"#define \w+ *$", line):
            files[current] = files[current] or line.split()[1]
    return macros, files


# -- debug information ----------------------------------------------------------

@dataclass
class _Entry:
    """One entry of the debug information."""

    tag: str
    depth: int
    facts: dict[str, str] = field(default_factory=dict)
    below: list[_Entry] = field(default_factory=list)

    def number(self, key: str, default: int = 0) -> int:
        return int(self.facts.get(key, str(default)), 0)

    @property
    def name(self) -> str:
        return self.facts.get("name", "")


_ENTRY = re.compile(r"^ *<([0-9a-f]+)><([0-9a-f]+)>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)")
_FACT = re.compile(r"^ +<[0-9a-f]+> +DW_AT_(\w+) *: (.*)$")


class _Debug:
    def __init__(self, information: str, lines: str) -> None:
        self.entries: dict[str, _Entry] = {}
        self.files = dict(_file_table(lines))
        self.top: list[_Entry] = []
        stack: list[_Entry] = []
        for line in information.splitlines():
            match = _ENTRY.match(line)
            if match:
                depth = int(match[1])
                entry = _Entry(match[3], depth)
                self.entries[match[2]] = entry
                del stack[depth:]
                if stack:
                    stack[-1].below.append(entry)
                stack.append(entry)
                continue
            match = _FACT.match(line)
            if match and stack:
                value = re.sub(r"^\(indirect[^)]*\): ", "", match[2])
                value = value.split("\t")[0].strip()
                stack[-1].facts[match[1]] = value.strip("<>") if match[1] == "type" else value
        for entry in self.entries.values():
            if entry.depth == 1:
                self.top.append(entry)

    def type_of(self, entry: _Entry) -> _Entry | None:
        return self.entries.get(entry.facts.get("type", "").removeprefix("0x"))

    def file_of(self, entry: _Entry) -> str:
        return self.files.get(entry.number("decl_file"), "")

    def enumerations(self) -> Iterator[_Entry]:
        return (entry for entry in self.entries.values() if entry.tag == "enumeration_type")

    def members(self, owner: _Entry) -> tuple[Member, ...]:
        found: list[Member] = []
        for item in owner.below:
            if item.tag != "member":
                continue
            member = self._member(item)
            if member.kind == "struct" and not member.name and len(member.members) == 1 \
                    and member.members[0].count == 0:
                # What __DECLARE_FLEX_ARRAY wraps around an array.
                inner = member.members[0]
                member = replace(inner, offset=member.offset + inner.offset)
            if not (member.size == 0 and member.count is None):
                found.append(member)
        return tuple(found)

    def _member(self, item: _Entry) -> Member:
        offset = item.number("data_member_location")
        problem = "a bit-field" if "bit_size" in item.facts else ""
        target = self.type_of(item)
        count: int | None = None
        if target is not None and target.tag == "array_type":
            bounds = [self._bound(bound) for bound in target.below if bound.tag == "subrange_type"]
            if len(bounds) != 1:
                problem = "an array of arrays"
            count = bounds[0] if bounds else 0
            target = self.type_of(target)
        kind, ctype, size, why = self._type(target)
        if ctype == "__u64" and item.number("alignment") == 8:
            ctype = "__aligned_u64"  # a macro, which leaves no name behind
        size *= 1 if count is None else count
        if kind and count is not None:
            why = why or "an array of a structure without a tag"
        inner = self.members(target) if kind and target is not None else ()
        return Member(item.name, kind, ctype, count, offset, size, inner, problem or why)

    def _bound(self, bound: _Entry) -> int:
        if "count" in bound.facts:
            return bound.number("count")
        if "upper_bound" in bound.facts:
            return bound.number("upper_bound") + 1
        return 0

    def _type(self, entry: _Entry | None) -> tuple[str, str, int, str]:
        """Kind of container, the table's name of the type, its size, and why it has no name."""
        seen = entry
        while entry is not None and entry.tag in ("typedef", "const_type", "volatile_type"):
            if entry.name in SCALARS:
                return "", entry.name, SCALARS[entry.name], ""
            entry = self.type_of(entry)
        if entry is None:
            return "", "void", 0, "a member without a type"
        size = entry.number("byte_size")
        if entry.tag in ("structure_type", "union_type"):
            kind = "struct" if entry.tag == "structure_type" else "union"
            if entry.name:
                name = f"{kind} {entry.name}"
                return "", name, FOREIGN[name][0] if name in FOREIGN else size, ""
            return kind, "", size, ""
        if entry.tag == "enumeration_type":
            return "", "__u32", size, ""
        if entry.tag == "base_type" and entry.name in _PLAIN:
            return "", _PLAIN[entry.name], size, ""
        what = seen.name if seen is not None and seen.name else entry.tag.replace("_type", "")
        return "", what, size, f"the type '{what}', which has not the same size everywhere"


def _file_table(lines: str) -> Iterator[tuple[int, str]]:
    directories: dict[int, str] = {}
    part = ""
    for line in lines.splitlines():
        if "Directory Table" in line or "File Name Table" in line:
            part = "directory" if "Directory" in line else "file"
            continue
        cells = line.split("\t")
        number = cells[0].strip()
        if not number.isdigit():
            continue
        if part == "directory" and len(cells) == 2:
            directories[int(number)] = cells[1]
        elif part == "file" and len(cells) == 5:
            name = cells[4]
            base = directories.get(int(cells[1]), "")
            yield int(number), name if name.startswith("/") or not base else f"{base}/{name}"


# -- the whole header -------------------------------------------------------------

def read(paths: Sequence[Path], include: Sequence[Path] = ()) -> Header:
    """Reads headers and those that belong to them; raises HeaderError when that fails."""
    files = belonging(paths)
    with tempfile.TemporaryDirectory(prefix="codegen-") as scratch:
        return _read(_Compiler(files, include, Path(scratch)), files)


def _read(compiler: _Compiler, files: Sequence[Path]) -> Header:
    macros, order = _macros(compiler.preprocess())
    named = {str(path) for path in files}
    ours = [name for name in order
            if name in named or str(Path(name).resolve()) in named or _OURS.search(name)]
    rank = {str(Path(name).resolve()): index for index, name in enumerate(ours)}

    def spot(name: str, line: int) -> Spot | None:
        index = rank.get(str(Path(name).resolve()))
        return None if index is None else Spot(index, line)

    probes = [item for item in macros.values() if spot(item.file, item.line)]
    wrong = compiler.complaints("".join(f"enum {{ rota_{n} = ({item.name}) }};\n"
                                        for n, item in enumerate(probes)))
    probes = [item for n, item in enumerate(probes, 1) if n not in wrong]
    extra = "".join(
        f"enum {{ rota_value_{item.name} = ({item.name}) }};\n"
        f"enum {{ rota_suffix_{item.name} = _Generic(({item.name}), unsigned: 1, unsigned long: 2, "
        f"unsigned long long: 2, default: 0) }};\n" for item in probes)
    extra += ("struct rota_wide { char c; unsigned long long v; };\n"
              "enum { rota_size = sizeof(struct rota_wide) };\n")
    debug = _Debug(*compiler.debug_information(extra))

    values: dict[str, int] = {}
    constants: list[Constant] = []
    enums: list[Enum] = []
    for entry in debug.enumerations():
        inside = [item for item in entry.below if item.tag == "enumerator"]
        values |= {item.name: item.number("const_value") for item in inside}
        where = spot(debug.file_of(entry), entry.number("decl_line"))
        if where and inside:
            enum = Enum(entry.name, where, tuple(item.name for item in inside))
            enums.append(enum)
            constants += [Constant(item.name, item.number("const_value"), where, "", enum)
                          for item in inside]
    if values.get("rota_size") != 16:
        raise HeaderError("the compiler aligns 64-bit members otherwise than the table; "
                          "set CC to one for a 64-bit machine")
    suffixes = {0: "", 1: "U", 2: "ULL"}
    enumerators = {item.name for item in constants}
    for macro in probes:
        where = spot(macro.file, macro.line)
        if where and macro.name not in enumerators:
            constants.append(Constant(macro.name, values[f"rota_value_{macro.name}"], where,
                                      suffixes[values[f"rota_suffix_{macro.name}"]]))
    constants.sort(key=lambda item: (item.spot.file, item.spot.line))

    structs: list[Struct] = []
    for entry in debug.top:
        where = spot(debug.file_of(entry), entry.number("decl_line"))
        if entry.tag in ("structure_type", "union_type") and entry.name and where \
                and "declaration" not in entry.facts:
            align = entry.number("alignment") or None
            structs.append(Struct(entry.name, entry.tag == "union_type", entry.number("byte_size"),
                                  align, where, debug.members(entry)))
    structs.sort(key=lambda item: (item.spot.file, item.spot.line))
    if not constants and not structs:
        raise HeaderError(f"{files[0]}: it defines nothing")
    included = ((_OURS.search(name), guard) for name, guard in order.items() if name in ours)
    return Header({match[0].lstrip("/"): guard for match, guard in included if match},
                  {item.name: item for item in constants}, tuple(enums),
                  {item.name: item for item in structs})
