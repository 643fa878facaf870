# SPDX-License-Identifier: MIT
"""The targets: what must hold, each with the figure that was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import comb
from statistics import median

from measure import Case

GET_PREP = 0.7
BATCHED = 0.5
NOP_LOOP = {"default 1": 64, "single-owner 1": 64, "default 32": 32, "single-owner 32": 32}
HANDLE = 30
NULL_CONFIG = 1.2
EMULATED = 0.9  # of the speed of what does the same without a ring
TRACED = {"strace": 1.3, "alone": 1.05}  # of the time beside it: stopped at each enter, and not
UNTOUCHED = 1.01
FILTER = 25  # ns: what the kernel needs to find that a filter lets a call pass
SEEN = 99  # per cent
EMULATED_NOP = 60  # ns more than a function call, whose own one or two are counted in
SIZE = 1.0
RELOCATIONS = 300
START = 1.0
CHANCE = 0.001  # that so many rounds are slower when both sides are equally fast
SLOWER = 1.01  # less is no difference that a program would notice
# Instructions that the drop-in's may take more, and why.
MORE = {
    "close_direct": 1,  # rota's adds 1 in a way that the compiler takes out of the loop
    "send_set_addr": 2,  # alone it is no request: liburing's leaves the opcode alone, rota's clears all
}
NAMED = 8  # cases that one line names


@dataclass(frozen=True)
class Target:
    text: str
    met: bool
    figure: str
    exact: bool  # counted, not timed


def listed(ratios: list[tuple[float, str]]) -> str:
    more = f" and {len(ratios) - NAMED} more" if len(ratios) > NAMED else ""
    return ", ".join(f"{name} {ratio:.2f}" for ratio, name in ratios[:NAMED]) + more


def costs_nothing(cases: list[Case], text: str) -> Iterator[Target]:
    """No case in which liburing's names take more instructions than rota's."""
    more = sorted(((difference, case.name) for case in cases
                   if (difference := case.difference("drop-in", "rota")) is not None), reverse=True)
    if more:
        above = [item for item in more if item[0] > MORE.get(item[1], 0) + 0.05]
        yield Target(f"{text}: the drop-in's no more than rota's", not above,
                     f"{len(above)} of {len(more)} above, by {listed(above)}" if above
                     else f"at most {more[0][0]:+.1f}, by {more[0][1]}", True)


def at_most(limit: float, text: str, cases: list[Case], side: str) -> Iterator[Target]:
    """No case of exact counts above `limit` of liburing."""
    ratios = sorted(((ratio, case.name) for case in cases
                     if (ratio := case.ratio(side, "liburing")) is not None), reverse=True)
    if ratios:
        above = [item for item in ratios if item[0] > limit]
        figure = f"{len(above)} of {len(ratios)} above: {listed(above)}" if above \
            else f"worst {listed(ratios[:1])}"
        yield Target(f"{text}: at most {limit} of liburing", not above, figure, True)


def slower(case: Case) -> bool:
    """More than liburing in so many rounds, by so much, that it is neither chance nor trifle."""
    ratios = case.ratios("rota", "liburing")
    above = sum(ratio > 1 for ratio in ratios)
    chance = sum(comb(len(ratios), n) for n in range(above, len(ratios) + 1)) / 2 ** len(ratios)
    return chance < CHANCE and median(ratios) > SLOWER


def never_slower(part: str, cases: list[Case]) -> Iterator[Target]:
    """No case in which rota takes more time than liburing with the same flags."""
    able = [case for case in cases if case.ratios("rota", "liburing") and "own" not in case.name]
    if able:
        ratios = sorted(((median(case.ratios("rota", "liburing")), case.name) for case in able),
                        reverse=True)
        slow = [(ratio, name) for ratio, name in ratios
                if any(case.name == name and slower(case) for case in able)]
        yield Target(f"{part}, same flags: never above liburing", not slow,
                     f"above: {listed(slow)}" if slow
                     else f"from {ratios[-1][0]:.2f} to {ratios[0][0]:.2f}", False)


def emulated(parts: dict[str, dict[str, Case]]) -> Iterator[Target]:
    """The emulated kernel beside the same without a ring: epoll, cp, a function call."""
    for part, name, other in (("http", "file of 1k", "epoll"), ("http", "file of 64k", "epoll"),
                              ("echo", "64 connections", "epoll"),
                              ("copy", "file of 2 GiB", "cp, bytes"),
                              ("copy", "tree of 5000 small files", "cp")):
        case = parts.get(part, {}).get(name)
        if case and (ratio := case.ratio(other, "emulated")) is not None:
            yield Target(f"emulated kernel, {part}, {name}: at least {EMULATED} of {other}",
                         ratio >= EMULATED, f"{ratio:.2f}", False)
    case = parts.get("nop-time", {}).get("single-owner 32")
    if case and (value := case.value("emulated")) is not None:
        yield Target(f"emulated kernel, NOP in batches of 32: at most {EMULATED_NOP} ns",
                     value <= EMULATED_NOP, f"{value:.0f}", False)


def traced(parts: dict[str, dict[str, Case]]) -> Iterator[Target]:
    """What a program pays for being looked at, and how much of it is seen."""
    cases = parts.get("trace", {})
    for name, side, other, limit in (("32 cached reads per enter", "trace", "strace", TRACED["strace"]),
                                     ("32 cached reads per enter", "summary", "alone", TRACED["alone"]),
                                     ("32 cached reads per enter", "no-stop", "alone", TRACED["alone"]),
                                     ("32 cached reads per enter", "top", "alone", UNTOUCHED)):
        if name in cases and (ratio := cases[name].ratio(side, other)) is not None:
            yield Target(f"looked at, {name}: {side} at most {limit} of {other}", ratio <= limit,
                         f"{ratio:.3f}", False)
    calls = cases.get("other system calls")
    if calls and (more := calls.difference("trace", "alone")) is not None:
        yield Target(f"looked at, other system calls: at most {FILTER} ns more each", more <= FILTER,
                     f"{more:.1f}", False)
    for case in parts.get("trace-seen", {}).values():
        machine = min(case.samples.get("nothing else", [100.0]))
        for side in sorted(case.samples):
            if side != "nothing else" and (value := case.value(side)) is not None:
                yield Target(f"without a stop, {case.name}, {side}: {SEEN} % of a million a second",
                             value >= SEEN, f"{value:.2f} %, from {min(case.samples[side]):.2f}; the "
                             f"machine permits from {machine:.2f}", False)


def check(cases: Iterable[Case]) -> list[Target]:
    """The targets that the measured cases say something about."""
    parts: dict[str, dict[str, Case]] = {}
    for case in cases:
        parts.setdefault(case.part, {})[case.name] = case
    preps, nop = list(parts.get("preps", {}).values()), parts.get("nop", {})
    targets = [*at_most(GET_PREP, "get, prep, user_data", preps, "rota"),
               *at_most(BATCHED, "the same in a batch", preps, "batch")]
    for part in ("preps", "nop", "reap"):
        targets += costs_nothing(list(parts.get(part, {}).values()), part)
    for name, limit in NOP_LOOP.items():
        if name in nop and (value := nop[name].value("rota")) is not None:
            targets.append(Target(f"NOP loop, {name}: at most {limit} instructions",
                                  value <= limit, f"{value:.1f}", True))
    for name in ("single-owner 1", "single-owner 32"):
        if name in nop and (more := nop[name].difference("handles", "rota")) is not None:
            targets.append(Target(f"NOP started and awaited, {name}: at most {HANDLE} more than "
                                  "the ring's", more <= HANDLE, f"{more:.1f}", True))
    targets += at_most(SIZE, "text + data of the smallest program",
                       list(parts.get("size", {}).values()), "rota")
    for case in parts.get("relocations", {}).values():
        if (value := case.value("rota")) is not None:
            targets.append(Target(f"relocations of the shared library: at most {RELOCATIONS}",
                                  value <= RELOCATIONS, f"{value:.0f}", True))
    targets += at_most(START, "start of a process that makes one ring",
                       list(parts.get("start", {}).values()), "rota")
    for part in ("nop-time", "files", "echo"):
        targets += never_slower(part, list(parts.get(part, {}).values()))
    own = parts.get("nop-time", {}).get("own defaults 1")
    if own and (ratio := own.ratio("liburing", "rota")) is not None:
        targets.append(Target(f"NULL config at depth 1: at least {NULL_CONFIG} times as fast as "
                              "liburing's defaults", ratio >= NULL_CONFIG, f"{ratio:.2f}", False))
    targets += emulated(parts)
    targets += traced(parts)
    return targets
