# SPDX-License-Identifier: MIT
"""What a program pays for the library before it does anything: bytes, relocations, its start."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from measure import INSTRUCTIONS, Found, Skip, call

LIBRARIES = {"rota": "librota", "liburing": "liburing"}


def bytes_of(program: Path) -> float:
    """Text and data, as size(1) counts them."""
    words = call("size", program).splitlines()[1].split()
    return float(words[0]) + float(words[1])


def relocations_of(library: Path) -> float:
    """What the loader has to mend in a library, all kinds."""
    return float(sum(bool(re.search(r" R_[A-Z0-9_]+ ", line))
                     for line in call("readelf", "-rW", library).splitlines()))


def instructions_of(program: Path) -> float:
    """Of a whole process, the dynamic loader's with them."""
    with tempfile.TemporaryDirectory() as scratch:
        dump = Path(scratch, "dump")
        call("valgrind", "--tool=callgrind", f"--callgrind-out-file={dump}", program)
        total = re.search(r"^(?:totals|summary): (\d+)", dump.read_text("utf-8"), re.MULTILINE)
    assert total, "callgrind wrote no total"
    return float(total[1])


def library_of(program: Path, side: str) -> Path:
    """The shared library that a program is linked with."""
    text = subprocess.run(["ldd", program], text=True, check=True, capture_output=True).stdout
    found = re.search(rf"{LIBRARIES[side]}\.so\S* => (\S+)", text)
    if not found:
        raise Skip(f"{program.name} is not linked with a shared library")
    return Path(found[1])


def measure(programs: Path) -> Found:
    """The three of each side that is there."""
    if missing := [tool for tool in ("size", "readelf", "ldd") if not shutil.which(tool)]:
        raise Skip(f"{', '.join(missing)} is not installed")
    found = Found()
    for side in LIBRARIES:
        smallest, start = programs / f"smallest-{side}", programs / f"start-{side}"
        if not smallest.is_file():
            continue
        found.add("size", "bytes", [("smallest program, text + data", side, bytes_of(smallest))])
        try:
            library = library_of(start, side)
        except Skip as reason:
            found.skipped.append(str(reason))
            continue
        found.add("relocations", "number", [("shared library", side, relocations_of(library))])
        if not shutil.which("valgrind"):
            found.skipped.append("instructions of the start: valgrind is not installed")
            continue
        found.add("start", INSTRUCTIONS, [("one ring, shared library", side,
                                           instructions_of(start))])
    return found
