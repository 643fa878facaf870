"""The C compiler, told to look at kernel headers: it is the only parser of them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from codegen.kernel.header import HeaderError

OURS = re.compile(r"(^|/)linux/io_uring(\.h|/[^/]+\.h)$")
_FLAGS = ("-w", "-g", "-gdwarf-4", "-fno-eliminate-unused-debug-types")


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
        match = OURS.search(path.as_posix())
        if match:
            root = path.as_posix()[:match.start()] or "/"
            if root not in found:
                found.append(root)
    return found


class Compiler:
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
