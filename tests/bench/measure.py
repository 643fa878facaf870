# SPDX-License-Identifier: MIT
"""Builds the benchmark program and runs it: counted under callgrind, or timed in turns."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
INSTRUCTIONS = "instructions"


class Skip(Exception):
    """A part, or a side of it, cannot run here; the message is the reason."""


@dataclass
class Case:
    """One row: what each side needs for one operation; in turns, a sample of each round."""

    part: str
    name: str
    unit: str
    samples: dict[str, list[float]] = field(default_factory=dict)

    def value(self, side: str) -> float | None:
        samples = self.samples.get(side)
        return median(samples) if samples else None

    def ratios(self, side: str, other: str) -> list[float]:
        """Of each round: what slowed a whole round down cancels out."""
        return [one / two for one, two in zip(self.samples.get(side, []),
                                              self.samples.get(other, []))]

    def ratio(self, side: str, other: str) -> float | None:
        ratios = self.ratios(side, other)
        return median(ratios) if ratios else None

    def difference(self, side: str, other: str) -> float | None:
        one, two = self.value(side), self.value(other)
        return None if one is None or two is None else one - two


@dataclass
class Found:
    """What a part brought: its cases, and what was skipped and why."""

    cases: list[Case] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, part: str, unit: str, rows: list[tuple[str, str, float]]) -> None:
        """Rows of case, side and sample, in the order of their rounds."""
        known = {case.name: case for case in self.cases if case.part == part}
        for name, side, sample in rows:
            if name not in known:
                known[name] = Case(part, name, unit)
                self.cases.append(known[name])
            known[name].samples.setdefault(side, []).append(sample)


def call(*command: str | Path, cwd: Path | None = None) -> str:
    """The output of a command; its failure ends the run, with what it said and exit status 2."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        print(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}", file=sys.stderr)
        raise SystemExit(2)
    return done.stdout


def build(directory: Path) -> Path:
    """Configures the build directory once, and brings the programs in it up to date."""
    if not (directory / "build.ninja").is_file():
        call("meson", "setup", directory, ROOT, "-Dbench=enabled", "-Dtests=enabled")
    call("ninja", "--quiet", "-C", directory, "bench-programs")
    return directory / "tests" / "bench"


def missing(programs: Path) -> list[str]:
    """Why liburing's side is not there, if it is not."""
    if (programs / "echo-liburing").is_file():
        return []
    for what in (("liburing", "2.15"), ("headers", "7.3")):
        done = subprocess.run([HERE.parent / "oracle" / "fetch", *what], text=True, check=False,
                              capture_output=True)
        if done.returncode:
            return [f"liburing: {done.stderr.strip().splitlines()[-1]}"]
    return [f"liburing: was not there when {programs.parent.parent} was set up; remove that"]


def rows_of(output: str, found: Found) -> list[list[str]]:
    """The lines of the program, split at tabs; those that say SKIP go to `found`."""
    rows = []
    for line in output.splitlines():
        words = line.split("\t")
        if words[2] == "SKIP":
            found.skipped.append(f"{words[0]} on {words[1]}: {words[3]}")
        else:
            rows.append(words)
    return rows


def count(programs: Path, part: str) -> Found:
    """Instructions per operation: of what runs inside measured_*, one callgrind dump a case."""
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not installed")
    found = Found()
    count_in(programs / "bench", part, found, {})
    # liburing's side of this one is the drop-in, and its other sides are known.
    count_in(programs / "bench-drop-in", part, found, {"liburing": "drop-in", "rota": ""})
    return found


def count_in(program: Path, part: str, found: Found, names: dict[str, str]) -> None:
    """The counts of one program; its sides get other names, and those without one are left out."""
    totals = dict[str, int]()
    with tempfile.TemporaryDirectory() as scratch:
        output = call("valgrind", "--tool=callgrind", f"--callgrind-out-file={scratch}/dump",
                      "--collect-atstart=no", "--toggle-collect=measured_*",
                      program, "count", part, cwd=Path(scratch))
        for dump in Path(scratch).glob("dump.*"):
            text = dump.read_text("utf-8")
            if label := re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.MULTILINE):
                total = re.search(r"^totals: (\d+)$", text, re.MULTILINE)
                assert total, f"callgrind wrote no total for {label[1]}"
                totals[label[1]] = int(total[1])
    if not totals:
        raise Skip("built without valgrind/callgrind.h, or callgrind wrote nothing")
    found.add(part, INSTRUCTIONS,
              [(name, names.get(side, side), totals[f"{name}/{side}"] / int(operations))
               for name, side, operations in rows_of(output, found) if names.get(side, side)])


def clock(programs: Path, part: str, topic: str, rounds: int, ms: int) -> Found:
    """Nanoseconds per operation: each side in turn, in one process."""
    found = Found()
    output = call(programs / "bench", "clock", topic, str(rounds), str(ms))
    found.add(part, "ns", [(name, side, float(ns))
                           for name, side, _, ns in rows_of(output, found)])
    return found
