# SPDX-License-Identifier: MIT
"""What came out of a guest: programs, their TAP, and how both are judged and printed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
EMULATED = "emulated"  # in the place of a kernel's series: the library's own, without a guest
LAST_LINES = 20  # of the output of a failed program, and of a console that fell silent


@dataclass(frozen=True)
class Check:
    """One line of TAP."""

    number: int
    name: str
    status: str
    reason: str = ""


@dataclass
class Program:
    """One run of one program; `ended` is None when the guest went down before it did."""

    name: str
    output: list[str] = field(default_factory=list)
    kernel_log: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ended: str | None = None
    milliseconds: int = 0
    damaged: bool = False
    checks: list[Check] = field(default_factory=list)
    status: str = FAILED
    reason: str = ""

    def judge(self) -> None:
        """Read the TAP, and decide: every doubt is a failure."""
        self.checks = list(parse_checks(self.output))
        self.status, self.reason = self._verdict()

    def _verdict(self) -> tuple[str, str]:
        if self.damaged:
            return FAILED, "console records were lost or damaged"
        if self.ended is None:
            return FAILED, "the guest went down while it ran"
        if self.ended == "exit 77":
            return SKIPPED, skip_reason(self.output, self.checks)
        if self.ended != "exit 0":
            return FAILED, self.ended
        failed = sum(check.status == FAILED for check in self.checks)
        if failed:
            return FAILED, f"exit 0, but {failed} checks failed"
        planned = parse_plan(self.output)
        if planned is not None and planned != len(self.checks):
            return FAILED, f"exit 0, but {len(self.checks)} checks ran of {planned} planned"
        return PASSED, ""


@dataclass
class Guest:
    """What one kernel did: `state` is "ran", "went down" or "unavailable" (see `reason`)."""

    kernel: str
    arch: str
    state: str = "ran"
    reason: str = ""
    release: str = ""
    packages: list[str] = field(default_factory=list)
    boots: int = 0
    boot_seconds: float = 0.0
    seconds: float = 0.0
    programs: list[Program] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last_lines: list[str] = field(default_factory=list)

    def with_status(self, status: str) -> list[Program]:
        return [program for program in self.programs if program.status == status]

    @property
    def status(self) -> str:
        if self.state == "unavailable":
            return SKIPPED
        if self.state != "ran" or self.with_status(FAILED):
            return FAILED
        return PASSED if self.with_status(PASSED) else SKIPPED


def parse_checks(lines: Iterable[str]) -> Iterable[Check]:
    """The check lines of TAP, at the top level."""
    pattern = re.compile(r"(not )?ok\b ?(\d*)(?: -)? ?(.*)")
    for number, match in enumerate(filter(None, map(pattern.fullmatch, lines)), start=1):
        name, _, directive = match[3].partition("#")
        word, _, reason = directive.strip().partition(" ")
        status = FAILED if match[1] else PASSED
        if word.upper() in ("SKIP", "TODO"):
            status = SKIPPED
        else:
            name, reason = match[3], ""
        yield Check(int(match[2] or number), name.strip(), status, reason.strip())


def parse_plan(lines: Iterable[str]) -> int | None:
    for line in lines:
        match = re.match(r"1\.\.(\d+)", line)
        if match:
            return int(match[1])
    return None


def skip_reason(lines: Sequence[str], checks: Sequence[Check]) -> str:
    """Why a program skipped as a whole: its plan says so, or else its checks or its last line."""
    for line in lines:
        match = re.match(r"1\.\.0\s*#\s*SKIP\S*\s*(.*)", line, re.IGNORECASE)
        if match:
            return match[1] or "no reason given"
    reasons = sorted({check.reason for check in checks if check.reason})
    if reasons:
        return "; ".join(reasons)
    return lines[-1].lstrip("# ") if lines else "no reason given"


# ---- text --------------------------------------------------------------------------------------

def count_checks(programs: Iterable[Program]) -> Counter[str]:
    return Counter(check.status for program in programs for check in program.checks)


def counts(of: Counter[str]) -> str:
    return ", ".join(f"{of[status]} {status}" for status in (PASSED, FAILED, SKIPPED))


def indent(lines: Iterable[str], depth: int = 6) -> list[str]:
    return [" " * depth + line for line in lines]


def describe_failure(program: Program) -> list[str]:
    text = [f"  FAILED  {program.name}: {program.reason}"]
    failed = [index for index, line in enumerate(program.output) if line.startswith("not ok")]
    shown = [line for index in failed for line in with_comments(program.output, index)]
    text += indent(shown or program.output[-LAST_LINES:])
    text += indent(f"[kernel] {line}" for line in program.kernel_log[-LAST_LINES:])
    return text + indent(f"[guest] {line}" for line in program.notes[-LAST_LINES:])


def with_comments(lines: Sequence[str], index: int) -> list[str]:
    """A line and the comments right after it: what a failed check has to say."""
    end = index + 1
    while end < len(lines) and lines[end].startswith("#"):
        end += 1
    return list(lines[index:end])


def describe_skips(programs: Sequence[Program]) -> list[str]:
    text = [f"  skipped {program.name}: {program.reason}"
            for program in programs if program.status == SKIPPED]
    for program in programs:
        reasons = Counter(check.reason or "no reason given" for check in program.checks
                          if check.status == SKIPPED and program.status != SKIPPED)
        text += [f"  skipped {number} of {program.name}: {reason}"
                 for reason, number in sorted(reasons.items())]
    return text


def describe(guest: Guest) -> list[str]:
    """The report of one guest, as lines."""
    title = f"{guest.kernel} {guest.arch}"
    if guest.state == "unavailable":
        return [f"{title}: skipped: {guest.reason}"]
    by_status = Counter(program.status for program in guest.programs)
    text = [f"{title} ({guest.release or 'did not boot'}): boot {guest.boot_seconds:.1f} s, "
            f"all {guest.seconds:.1f} s",
            f"  programs: {counts(by_status)}; checks: {counts(count_checks(guest.programs))}"]
    for program in guest.with_status(FAILED):
        text += describe_failure(program)
    text += describe_skips(guest.programs)
    text += [f"  note: {note}" for note in guest.notes]
    if guest.last_lines:
        text += [f"  {guest.reason or 'the guest went down'}; the last lines of its console:"]
        text += indent(guest.last_lines)
    return text


# ---- machine-readable --------------------------------------------------------------------------

def as_json(guests: Sequence[Guest]) -> dict[str, Any]:
    """Everything that was observed, raw output too, so that other reports can be made of it."""
    return {"format": 1, "guests": [asdict(guest) | {"status": guest.status} for guest in guests]}
