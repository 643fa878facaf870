#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs every test of rota in stages and counts the cases: the body of tests/run.

Each stage is a function that yields cases. A case that is skipped has a
reason; a stage whose tool is missing is one skipped case.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("ROTA_BUILD", ROOT / "build"))
PYTHON = "/usr/bin/python3"
FORMATTER = "14"  # the major version of clang-format
LIMIT = 900  # seconds for one command: two cores take two minutes for the longest, busy ones more


@dataclass
class Case:
    """One check, and how it came out."""

    name: str
    status: str  # passed, failed or skipped
    text: str = ""  # the reason of a skip, the output of a failure


Stage = Callable[[], Iterator[Case]]
STAGES: dict[str, Stage] = {}
LONG: set[str] = set()  # the stages that run only when they are named


def stage(function: Stage) -> Stage:
    STAGES[function.__name__.replace("_", "-")] = function
    return function


def long_stage(function: Stage) -> Stage:
    LONG.add(function.__name__.replace("_", "-"))
    return stage(function)


class Died(Exception):
    """A command that a stage is made of came to no end; the message has its last lines."""


def run(*command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return run_within(LIMIT, *command, **env)


def run_within(limit: int, *command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    words = [str(part) for part in command]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        # In a session of its own, so that what it started can be ended with it.
        process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True,
                                   env={**os.environ, **env})
        status = None
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if status is None:
                end(process)
        output.seek(0)
        text = output.read()
    if status is None:
        raise Died("\n".join([f"{shlex.join(words[:8])}: took longer than {limit} s",
                              *text.splitlines()[-25:]]))
    return subprocess.CompletedProcess(words, status, text)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a command and its group; meson, when asked, ends the groups of its tests as well."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass


def one(name: str, *command: str | Path, **env: str) -> Case:
    """A command that is one case: 0 passes, 77 skips with its last line as reason."""
    done = run(*command, **env)
    if done.returncode == 77:
        lines = done.stdout.strip().splitlines()
        return Case(name, "skipped", lines[-1] if lines else "no reason given")
    return Case(name, "failed" if done.returncode else "passed", done.stdout)


def ended(name: str, done: subprocess.CompletedProcess[str]) -> Case:
    """A command that failed without a failed check to show for it."""
    return Case(name, "failed", "\n".join([f"ended with status {done.returncode}",
                                          *done.stdout.splitlines()[-25:]]))


TAP = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*(.*?)(?:\s*#\s*(skip|todo)\S*\s*(.*))?$", re.I)


NAMED_REASON = re.compile(r"(.+): ((?:needs Linux|this kernel) .*)")


def skip(where: str, name: str, reason: str) -> Case:
    """A skipped check; one without a name may begin its reason with it."""
    match = None if name else NAMED_REASON.fullmatch(reason)
    if match:
        name, reason = match.groups()
    return Case(f"{where}: {name or 'check'}", "skipped", reason)


def tap(name: str, output: str, status: int) -> Iterator[Case]:
    """The checks of one TAP program; its exit status counts as well."""
    failed = False
    found = False
    lines = output.splitlines()
    for index, line in enumerate(lines):
        if line.lower().startswith("1..0"):
            yield Case(name, "skipped", line.partition("#")[2].strip()[4:].strip() or "all")
            return
        match = TAP.match(line)
        if match is None:
            continue
        found = True
        title = f"{name}: {match.group(2)}"
        if match.group(3) and match.group(3).lower() == "skip":
            yield skip(name, match.group(2), match.group(4))
        elif match.group(1):
            failed = True
            notes = []
            for note in lines[index + 1:]:
                if not note.startswith("#"):
                    break
                notes.append(note)
            yield Case(title, "failed", "\n".join(notes))
        else:
            yield Case(title, "passed")
    if status not in (0, 77) and not failed:
        yield Case(name, "failed", f"ended with status {status}\n" + "\n".join(lines[-25:]))
    elif not found:
        yield Case(name, "failed", "printed no check\n" + "\n".join(lines[-25:]))


def junit(path: Path, name: str) -> Iterator[Case]:
    for case in ET.parse(path).iter("testcase"):
        title = f"{name}: {case.get('classname', '')}.{case.get('name', '')}"
        skipped = case.find("skipped")
        broken = case.find("failure")
        if broken is None:
            broken = case.find("error")
        if skipped is not None:
            yield Case(title, "skipped", skipped.get("message") or "no reason given")
        elif broken is not None:
            yield Case(title, "failed", (broken.text or "")[-3000:])
        else:
            yield Case(title, "passed")


def meson(name: str, *options: str, setup: str = "", suite: str = "",
          without: tuple[str, ...] = (), compiler: str = "gcc", **env: str) -> Iterator[Case]:
    """Configures, builds without a warning, runs the tests, reads their TAP."""
    if shutil.which(compiler) is None:
        yield Case(name, "skipped", f"{compiler} is not installed")
        return
    where = BUILD / name
    if (where / "build.ninja").exists():
        made = run("meson", "configure", where, *options)
    else:
        shutil.rmtree(where, ignore_errors=True)
        made = run("meson", "setup", where, "-Dwerror=true", "-Dtests=enabled", *options,
                   CC=compiler)
    if made.returncode == 0:
        made = run("ninja", "-C", where, *(needed(where, suite, without) if suite else ()))
    yield Case(f"{name}: builds without a warning", "failed" if made.returncode else "passed",
               made.stdout[-4000:])
    if made.returncode:
        return
    extra = ["--setup", setup] if setup else []
    extra += ["--suite", suite] if suite else []
    extra += [word for left in without for word in ("--no-suite", left)]
    log = where / "meson-logs" / (f"testlog-{setup}.json" if setup else "testlog.json")
    log.unlink(missing_ok=True)
    done = run("meson", "test", "-C", where, "--no-rebuild", *extra, **env)
    failed = False
    for line in log.read_text("utf-8").splitlines() if log.exists() else []:
        for case in meson_test(name, json.loads(line)):
            failed |= case.status == "failed"
            yield case
    if done.returncode and not failed:
        yield ended(f"{name}: meson test", done)


def needed(where: Path, suite: str, without: tuple[str, ...]) -> set[str]:
    """The files that the tests of a suite depend on, as ninja calls them."""
    left_out = {f"rota:{name}" for name in without}
    tests, targets = (json.loads(run("meson", "introspect", f"--{what}", where).stdout)
                      for what in ("tests", "targets"))
    wanted = {target for test in tests for target in test["depends"]
              if f"rota:{suite}" in test["suite"] and not left_out & set(test["suite"])}
    return {os.path.relpath(file, where) for target in targets if target["id"] in wanted
            for file in target["filename"]}


def meson_test(name: str, test: dict[str, Any]) -> Iterator[Case]:
    """The checks of one test in meson's log."""
    text = test.get("stdout", "")
    if test["result"] == "TIMEOUT":
        yield Case(f"{name}: {test['name']}", "failed", "timed out\n" + text[-2000:])
    else:
        yield from tap(f"{name}: {test['name']}", text + test.get("stderr", ""),
                       test["returncode"])


@stage
def table() -> Iterator[Case]:
    """The table is valid and the generated files are what it says."""
    yield one("generated files are fresh (python3 -m codegen check)", PYTHON, "-m", "codegen",
              "check")
    yield one("any python3 finds the generator's packages", "python3", "-m", "codegen", "list")


def pytest(name: str, where: str) -> Iterator[Case]:
    """The tests of a directory or file that pytest runs."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        # By files, so that what a file needs is made once.
        done = run(PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist",
                   "loadfile", f"--junitxml={report}", where)
        cases = list(junit(report, name)) if report.exists() else []
        yield from cases
        if done.returncode and not any(case.status == "failed" for case in cases):
            yield ended(f"{name}: pytest", done)


@stage
def generator() -> Iterator[Case]:
    """The generator's own tests."""
    yield from pytest("generator", "tests/codegen")


def formatted() -> Case:
    """clang-format has nothing to change; versions differ in what they would."""
    name = "clang-format leaves the handwritten C alone"
    found = re.search(r"version (\d+)", run("clang-format", "--version").stdout)
    if found and found.group(1) != FORMATTER:
        return Case(name, "skipped", f"version {FORMATTER} decides, this is {found.group(1)}")
    files = run("git", "ls-files", "include/*.h", "src/*.c", "src/*.h", "tests/*.c", "tests/*.h",
                ":!tests/codegen")
    return one(name, "clang-format", "--dry-run", "-Werror", *files.stdout.split())


@stage
def style() -> Iterator[Case]:
    """Handwritten C is formatted, and no line of the tree ends in white space."""
    yield formatted()
    yield one("no white space at the end of a line", "sh", "-c",
              "! git grep -nI '[[:space:]]$' -- . ':!*.svg'")
    yield one("Python is type-checked", PYTHON, "-m", "mypy", "--config-file",
              "codegen/mypy.ini", "--strict", "codegen", "tests/lib/suite.py")


def script(name: str, *command: str | Path, limit: int = LIMIT) -> Iterator[Case]:
    """A TAP program that is no part of the build; it may also skip itself with plain words."""
    done = run_within(limit, *command)
    lines = done.stdout.strip().splitlines() or ["no reason given"]
    if done.returncode == 77 and not any(TAP.match(line) or line.startswith("1..0")
                                         for line in lines):
        yield Case(name, "skipped", lines[-1].lstrip("# "))
    else:
        yield from tap(name, done.stdout, done.returncode)


@stage
def oracles() -> Iterator[Case]:
    """Kernel headers 5.10 to 7.3 and liburing's bytes agree with the table; nothing is untried."""
    yield from script("headers", "tests/oracle/headers")
    yield from script("bytes", "tests/oracle/bytes")
    yield from script("drop-in", "tests/oracle/liburing")
    yield one("every row, prep function and register call is tried or says why not", PYTHON, "-m",
              "codegen", "coverage")


@long_stage
def liburing() -> Iterator[Case]:
    """liburing's own test programs and examples, built with the drop-in and with liburing."""
    yield from script("installed", "tests/liburing/install")
    # Each of 260 programs is built and run twice, some for a minute; a busy machine takes an hour.
    yield from script("liburing", "tests/liburing/run", limit=4 * LIMIT)


@long_stage
def liburing_guests() -> Iterator[Case]:
    """liburing's own test programs in guests of Linux 6.1, 6.12 and 7.3, with both libraries."""
    # Six times 250 programs on an emulated processor.
    yield from script("liburing-guests", "tests/liburing/run", "--guest", "6.1", "--guest", "6.12",
                      "--guest", "7.3", limit=24 * LIMIT)


@long_stage
def liburing_emulated() -> Iterator[Case]:
    """liburing's own test programs with the drop-in on the emulated kernel, where io_uring is refused."""
    yield from script("liburing-emulated", "tests/liburing/run", "--emulated", limit=4 * LIMIT)


@long_stage
def programs() -> Iterator[Case]:
    """Programs of Debian's, built against the prefix for liburing without a change, and their tests."""
    # PostgreSQL is built and tested for half an hour, or longer.
    yield from script("programs", "tests/liburing/programs", limit=4 * LIMIT)


@stage
def gcc() -> Iterator[Case]:
    """Built by gcc; all C tests."""
    yield from meson("gcc", "-Dtool=enabled")


@stage
def clang() -> Iterator[Case]:
    """Built by clang; the C tests that are not slow and no examples."""
    yield from meson("clang", without=("slow", "examples"), compiler="clang")


@stage
def sanitizers() -> Iterator[Case]:
    """Address and undefined-behaviour sanitizers on the same tests."""
    # Their checks cost the optimizer more time than they cost the tests.
    yield from meson("sanitizers", "-Db_sanitize=address,undefined", "-Db_lundef=false",
                     "-Doptimization=1",
                     without=("slow", "build", "examples"),
                     ASAN_OPTIONS="detect_leaks=1", UBSAN_OPTIONS="halt_on_error=1")


@long_stage
def watch() -> Iterator[Case]:
    """The tests with the memory of every request watched: only when it is named."""
    # Tests of explanations, and of rules (slow), are wrong on purpose.
    yield from meson("watch", "-Dwatch=true", "-Dtool=disabled",
                     "-Db_sanitize=address,undefined", "-Db_lundef=false",
                     without=("slow", "build", "examples", "explain"), ASAN_OPTIONS="detect_leaks=0",
                     UBSAN_OPTIONS="halt_on_error=1")


@stage
def threads() -> Iterator[Case]:
    """The tests of several threads under ThreadSanitizer."""
    yield from meson("threads", "-Db_sanitize=thread", "-Db_lundef=false", suite="threads",
                     without=("examples",),
                     TSAN_OPTIONS="halt_on_error=1")


@stage
def valgrind() -> Iterator[Case]:
    """All C tests that can bear it under valgrind, in the build of stage gcc."""
    yield from meson("gcc", setup="valgrind")


def guest_program(title: str, program: dict[str, Any]) -> Iterator[Case]:
    """The checks of one program in a guest; the program itself when they do not tell its fate."""
    output = program["output"]
    for check in program["checks"]:
        if check["status"] == "skipped":
            yield skip(title, check["name"], check["reason"])
            continue
        text = "\n".join(line for line in output if line.startswith(("not ok", "#")))[-3000:]
        yield Case(f"{title}: {check['name'] or 'check'}", check["status"],
                   text if check["status"] == "failed" else "")
    statuses = {check["status"] for check in program["checks"]}
    if program["status"] == "failed" and "failed" not in statuses:
        yield Case(title, "failed", "\n".join([program["reason"], *output[-25:]]))
    elif not statuses:
        yield Case(title, program["status"], program["reason"])


def guests(*arguments: str) -> Iterator[Case]:
    """Test programs in guests, as tests/vm/run takes them."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "results.json"
        done = run("tests/vm/run", *arguments, "--json", report, "--timeout", str(LIMIT * 2 // 3))
        if not report.exists():
            yield ended("tests/vm/run", done)
            return
        guests = json.loads(report.read_text("utf-8"))["guests"]
    for guest in guests:
        title = f"Linux {guest['kernel']} ({guest['arch']})"
        for program in guest["programs"]:
            yield from guest_program(f"{title}: {program['name']}", program)
        if guest["state"] == "unavailable":
            yield Case(title, "skipped", guest["reason"])
        elif guest["state"] != "ran":
            yield Case(title, "failed", "\n".join([guest["reason"], *guest["last_lines"]]))


@stage
def kernels() -> Iterator[Case]:
    """All C tests on the oldest and the newest kernel, each in a guest; the matrix of all kernels."""
    yield from pytest("guests", "tests/vm/test_vm.py")
    listed = run(PYTHON, "-c", "import json, programs; print(json.dumps(programs.LEFT_OUT))",
                 PYTHONPATH=str(ROOT / "tests/vm"), PYTHONDONTWRITEBYTECODE="1")
    for name, reason in json.loads(listed.stdout).items():
        yield Case(f"guests: {name}", "skipped", reason)
    yield from guests("5.10", "7.3")


@long_stage
def drivers() -> Iterator[Case]:
    """The drivers in guests, with fio, file systems and bad days: only when it is named."""
    yield from script("the module of mock files", "tests/vm/mock", "7.3")
    programs = ("ublk", "disk", "nvme", "fuse", "commands", "mock")
    only = [word for name in programs for word in ("--only", f"driver-{name}")]
    yield from guests("6.12", "6.18", "7.3", "7.3-generic", *only)


@long_stage
def trace_guests() -> Iterator[Case]:
    """rota trace on arm64 and as a program of 32 bits, in guests: only when it is named."""
    yield from guests("6.12:arm64", "6.12:i386", "--only", "tool-traced-here")


@long_stage
def roots() -> Iterator[Case]:
    """Bare Debian systems, quickstart and README typed in them: only when it is named."""
    yield from script("roots", "tests/build/roots")


@stage
def cross() -> Iterator[Case]:
    """Other architectures, compilers and C libraries: built, and tested as far as qemu can."""
    yield from script("cross", "tests/cross/run")


def long_run(name: str, seconds: int, *command: str) -> Iterator[Case]:
    """A script that goes on for long and speaks TAP."""
    done = run_within(seconds, *command)
    if done.returncode == 77:
        yield Case(name, "skipped", done.stdout.strip().splitlines()[-1])
        return
    yield from tap(name, done.stdout, done.returncode)


@long_stage
def fuzz() -> Iterator[Case]:
    """New inputs for the fuzz targets, an hour long (ROTA_FUZZ_SECONDS): only when it is named."""
    seconds = int(os.environ.get("ROTA_FUZZ_SECONDS", "3600"))
    targets = len(list((ROOT / "tests" / "fuzz").glob("fuzz_*.c")))
    yield from long_run("fuzz", seconds + LIMIT, "tests/fuzz/run", str(ROOT),
                        str(max(1, seconds // targets)))


@long_stage
def stress() -> Iterator[Case]:
    """Rings and handles at random for some hours (ROTA_STRESS_STEPS, _COMPLETIONS): only when it is named."""
    steps = os.environ.get("ROTA_STRESS_STEPS", "10000000")
    completions = os.environ.get("ROTA_STRESS_COMPLETIONS", "100000000")
    yield from long_run("stress", 12 * 3600, "tests/stress/run", str(ROOT), steps, completions)


@long_stage
def emulated() -> Iterator[Case]:
    """The emulated kernel: random programs on both kernels and stress for long: only when it is named."""
    sequences = os.environ.get("ROTA_EMULATED_SEQUENCES", "100000")
    completions = os.environ.get("ROTA_EMULATED_COMPLETIONS", "10000000")
    yield from long_run("emulated", 4 * 3600, "tests/emulated/run", str(ROOT), sequences, completions)


def guarded(name: str, function: Stage) -> Iterator[Case]:
    """The cases of a stage; when it dies, those found by then and a failure."""
    try:
        yield from function()
    except Died as failure:
        yield Case(name, "failed", str(failure))
    except Exception:  # whatever it was: the other stages run, and the end is counted
        yield Case(name, "failed", traceback.format_exc())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="stages:\n" + "\n".join(f"  {name:12} {function.__doc__}"
                                       for name, function in STAGES.items()))
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="only these stages")
    parser.add_argument("--without", action="append", default=[], metavar="STAGE",
                        help="leave a stage out (as a skip)")
    parser.add_argument("--list", action="store_true", help="name the stages to run, and stop")
    args = parser.parse_args()
    wanted = args.stages or [name for name in STAGES if name not in LONG]
    unknown = [name for name in (*args.stages, *args.without) if name not in STAGES]
    if unknown:
        parser.error(f"no such stage: {', '.join(unknown)}")
    if args.list:
        print("\n".join(name for name in wanted if name not in args.without))
        return 0
    # What is running has a session of its own: it is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    cases: list[Case] = []
    for name in wanted:
        start = time.monotonic()
        found = ([Case(name, "skipped", "left out on request")] if name in args.without
                 else list(guarded(name, STAGES[name])))
        count = {status: sum(case.status == status for case in found)
                 for status in ("passed", "failed", "skipped")}
        print(f"{name}: {count['passed']} passed, {count['failed']} failed, "
              f"{count['skipped']} skipped in {time.monotonic() - start:.0f} s", flush=True)
        for case in found:
            if case.status == "failed":
                print(f"  FAILED {case.name}")
                for line in case.text.strip().splitlines():
                    print(f"    {line}")
        cases += found
    print_skips(cases)
    total = {status: sum(case.status == status for case in cases)
             for status in ("passed", "failed", "skipped")}
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    return 1 if total["failed"] or not total["passed"] else 0


def print_skips(cases: list[Case]) -> None:
    """Every skip with its reason, equal reasons together."""
    reasons: dict[str, list[str]] = {}
    for case in cases:
        if case.status == "skipped":
            reasons.setdefault(case.text, []).append(case.name)
    if reasons:
        print("\nSkipped:")
    for reason, names in reasons.items():
        print(f"  {len(names)} x {reason}" if len(names) > 1 else f"  {names[0]}: {reason}")
    if reasons:
        print()


if __name__ == "__main__":
    sys.exit(main())
