"""Reads a kernel header with the C compiler.

Its debug information tells structures and enumerators as it understood them; the preprocessor
lists the macros, and the compiler evaluates them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from codegen.kernel.compiler import OURS, Compiler, belonging
from codegen.kernel.debug import Debug
from codegen.kernel.header import Constant, Enum, Header, HeaderError, Spot, Struct
from codegen.kernel.macros import macros


def read_header(paths: Sequence[Path], include: Sequence[Path] = ()) -> Header:
    """Reads headers and those that belong to them; raises HeaderError when that fails."""
    files = belonging(paths)
    with tempfile.TemporaryDirectory(prefix="codegen-") as scratch:
        return _read(Compiler(files, include, Path(scratch)), files)


def _read(compiler: Compiler, files: Sequence[Path]) -> Header:
    defined, order = macros(compiler.preprocess())
    named = {str(path) for path in files}
    ours = [name for name in order
            if name in named or str(Path(name).resolve()) in named or OURS.search(name)]
    rank = {str(Path(name).resolve()): index for index, name in enumerate(ours)}

    def spot(name: str, line: int) -> Spot | None:
        index = rank.get(str(Path(name).resolve()))
        return None if index is None else Spot(index, line)

    probes = [item for item in defined.values() if spot(item.file, item.line)]
    wrong = compiler.complaints("".join(f"enum {{ rota_{n} = ({item.name}) }};\n"
                                        for n, item in enumerate(probes)))
    probes = [item for n, item in enumerate(probes, 1) if n not in wrong]
    extra = "".join(
        f"enum {{ rota_value_{item.name} = ({item.name}) }};\n"
        f"enum {{ rota_suffix_{item.name} = _Generic(({item.name}), unsigned: 1, unsigned long: 2, "
        f"unsigned long long: 2, default: 0) }};\n" for item in probes)
    extra += ("struct rota_wide { char c; unsigned long long v; };\n"
              "enum { rota_size = sizeof(struct rota_wide) };\n")
    debug = Debug(*compiler.debug_information(extra))

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
    included = ((OURS.search(name), guard) for name, guard in order.items() if name in ours)
    return Header({match[0].lstrip("/"): guard for match, guard in included if match},
                  {item.name: item for item in constants}, tuple(enums),
                  {item.name: item for item in structs})
