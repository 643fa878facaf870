# SPDX-License-Identifier: MIT
"""What a program pays for being looked at by rota trace and rota top, beside strace."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from measure import Found, Skip, call

TURNS = 11
SEEN_TURNS = 7
MS = 100
RATE = 1000000
QUEUES = (64, 256)
# Of each second the kernel leaves 50 ms to others, however urgent a program is; after a rest it
# does not have to take them while something is measured.
REST = 0.6


def before_all() -> Sequence[str]:
    """A prefix by which what runs has its processors for itself, where that is permitted: the
    figures are for a machine with one that is free."""
    prefix = ("chrt", "-f", "1")
    able = shutil.which("chrt") and not subprocess.run([*prefix, "true"], check=False,
                                                       capture_output=True).returncode
    return prefix if able else ()


@contextlib.contextmanager
def top(command: Sequence[str]) -> Iterator[None]:
    with subprocess.Popen([*command, "top", "-d", "1", "--json"], stdout=subprocess.DEVNULL) as run:
        time.sleep(0.05)
        yield
        run.terminate()


def seen(rota: Sequence[str], program: Path, scratch: Path, entries: int, option: str) -> float:
    """The share of the requests that is seen while the program is not stopped; without an option
    the share that a thread could see which does nothing but look."""
    log = scratch / "log"
    time.sleep(REST)
    if not option:
        return float(call(*rota[:-1], program, "gaps", str(4 * MS), str(RATE), str(entries)))
    count = int(call(*rota, "trace", *option.split(), "-o", log, program, "paced", str(4 * MS),
                     str(RATE), str(entries)))
    text = log.read_text("utf-8")
    if option == "--summary":
        part = re.search(r"seen: (\d+) of (\d+) requests", text)
        assert part is None or int(part[2]) == count, f"{part[0]}, of {count}"
        return 100.0 * int(part[1]) / count if part else 100.0
    line, gap = ((r'"op": "READ"', r'"lost".* "requests": (\d+)') if "--json" in option
                 else (r" READ\(", r"not seen: (\d+) requests"))
    found = len(re.findall(line, text))
    lost = sum(int(number) for number in re.findall(gap, text))
    assert found + lost >= count, f"{found} seen, {lost} counted as lost, of {count}"
    return 100.0 - 100.0 * lost / count


def measure(programs: Path) -> Found:
    found = Found()
    prefix = before_all()
    program, rota = programs / "traced", [*prefix, str(programs.parent.parent / "src/tool/rota")]
    if not Path(rota[-1]).is_file():
        raise Skip("built without the tool")
    if not shutil.which("strace"):
        found.skipped.append("strace is not installed")
    if not prefix:
        found.skipped.append("a processor for itself: not permitted, so that other programs may slow it")
    with tempfile.TemporaryDirectory(dir=programs, prefix="bench-") as name:
        scratch = Path(name)
        log = str(scratch / "log")
        strace = [*prefix, "strace", "-f", "--seccomp-bpf", "-e", "trace=io_uring_enter", "-o", log]
        sides: dict[str, Sequence[str]] = {
            "alone": prefix,
            "trace": [*rota, "trace", "-o", log],
            "summary": [*rota, "trace", "--summary", "-o", log],
            "no-stop": [*rota, "trace", "--no-stop", "-o", log],
            "top": prefix,
        }
        if shutil.which("strace"):
            sides["strace"] = strace
        for case, what in (("32 cached reads per enter", "reads"), ("other system calls", "calls")):
            names = [side for side in sorted(sides) if what == "reads" or side in ("alone", "trace")]
            for turn in range(TURNS):
                for place in range(len(names)):
                    side = names[(place + turn) % len(names)]
                    with top(rota) if side == "top" else contextlib.nullcontext():
                        taken = float(call(*sides[side], program, what, str(MS)))
                    found.add("trace", "ns", [(case, side, taken)])
        for entries in QUEUES:
            for _ in range(SEEN_TURNS):
                found.add("trace-seen", "% of a million a second",
                          [(f"queue of {entries}", side, seen(rota, program, scratch, entries, option))
                           for side, option in (("nothing else", ""), ("printed", "--no-stop"),
                                                 ("JSON", "--no-stop --json"),
                                                 ("summary", "--summary"))])
    return found
