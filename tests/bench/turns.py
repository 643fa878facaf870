# SPDX-License-Identifier: MIT
"""What needs more than one process: files beside fio, servers under load."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from measure import Found, Skip, call, rows_of

FILE_SIZE = 256 << 20
CONNECTIONS = (1, 64, 512)
TREE = 5000  # small files
LARGE = 2 << 30  # bytes of the large one
COPIES = 5  # turns of each side
WRK_SECONDS = 2
WRK_TURNS = 5
FIO_SECONDS = 1
FIO_ROUNDS = 3


@contextlib.contextmanager
def random_file(directory: Path) -> Iterator[Path]:
    """A file of random bytes that is on the disk and in the page cache."""
    with tempfile.NamedTemporaryFile(dir=directory, prefix="bench-") as file:
        for _ in range(FILE_SIZE >> 20):
            file.write(os.urandom(1 << 20))
        file.flush()
        os.fsync(file.fileno())
        yield Path(file.name)


def fio(path: Path, name: str) -> float:
    """Nanoseconds per read of fio's io_uring engine, in the terms of a case's name."""
    kind, _, depth = name.partition(", depth ")
    output = call("fio", "--name=read", f"--filename={path}", "--rw=randread", "--bs=4k",
                  "--ioengine=io_uring", "--fixedbufs=1", "--registerfiles=1", "--norandommap",
                  f"--direct={int(kind == 'O_DIRECT')}", f"--iodepth={depth}",
                  f"--iodepth_batch_submit={depth}", f"--iodepth_batch_complete_max={depth}",
                  "--time_based", f"--runtime={FIO_SECONDS}", "--invalidate=0",
                  "--gtod_reduce=1", "--output-format=json")
    return 1e9 / float(json.loads(output[output.index("{"):])["jobs"][0]["read"]["iops"])


def files(programs: Path, rounds: int, ms: int) -> Found:
    found = Found()
    with random_file(programs) as path:
        os.environ["ROTA_BENCH_FILE"] = str(path)
        output = call(programs / "bench", "clock", "files", str(rounds), str(ms))
        rows = [(name, side, float(ns)) for name, side, _, ns in rows_of(output, found)]
        found.add("files", "ns", rows)
        if shutil.which("fio"):
            names = [case.name for case in found.cases if "own" not in case.name]
            found.add("files", "ns", [(name, "fio", fio(path, name))
                                      for name in names for _ in range(FIO_ROUNDS)])
        else:
            found.skipped.append("fio is not installed")
    sides = {side for case in found.cases for side in case.samples}
    if "libaio" not in sides:
        found.skipped.append("libaio's headers are not installed")
    return found


def on_cpu(number: int) -> Sequence[str]:
    """A prefix that keeps a process on one processor, where there are two."""
    cpus = sorted(os.sched_getaffinity(0))
    able = len(cpus) > 1 and shutil.which("taskset")
    return ("taskset", "-c", str(cpus[number])) if able else ()


@contextlib.contextmanager
def servers(commands: Mapping[str, Sequence[str | Path]]) -> Iterator[dict[str, tuple[str, int]]]:
    """Runs servers whose first line ends in their port; port and process of each."""
    with contextlib.ExitStack() as stack:
        running = {}
        for side, command in commands.items():
            server = stack.enter_context(subprocess.Popen(
                [*on_cpu(0), *command], stdout=subprocess.PIPE, text=True))
            stack.callback(server.kill)
            assert server.stdout
            port = re.search(r"(\d+)\s*$", server.stdout.readline())
            if not port:
                raise Skip(f"the server on {side} did not start")
            running[side] = port[1], server.pid
        yield running


def echo(programs: Path, rounds: int, ms: int) -> Found:
    found = Found()
    commands = {side: [programs / f"echo-{side}"] for side in ("rota", "liburing", "emulated", "epoll")
                if (programs / f"echo-{side}").is_file()}
    with servers(commands) as running:
        words = [str(word) for side, (port, pid) in running.items() for word in (side, port, pid)]
        for connections in CONNECTIONS:
            output = call(*on_cpu(1), programs / "load", str(connections), str(rounds), str(ms),
                          *words)
            found.add("echo", "ns", [(name, side, float(ns))
                                     for name, side, _, ns in rows_of(output, found)])
    return found


def example(programs: Path, name: str) -> Path:
    """A program of tests/examples, built now."""
    program = programs.parent / "examples" / name
    done = subprocess.run(["ninja", "--quiet", "-C", programs.parent.parent,
                           f"tests/examples/{name}"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()[-1]
        raise Skip(f"tests/examples/{name} does not build: {said}")
    return program


def wrk(port: str, name: str) -> float:
    """Nanoseconds per request of wrk with 64 connections; a failed request ends the run."""
    output = call(*on_cpu(1), "wrk", "-t1", "-c64", f"-d{WRK_SECONDS}",
                  f"http://127.0.0.1:{port}/{name}")
    if re.search(r"Non-2xx|Socket errors", output):
        raise SystemExit(f"wrk had errors:\n{output}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert rate, output
    return 1e9 / float(rate[1])


def http(programs: Path) -> Found:
    """The example `http` on both kernels beside the same server on epoll."""
    if not shutil.which("wrk"):
        raise Skip("wrk is not installed")
    found = Found()
    with tempfile.TemporaryDirectory(dir=programs, prefix="bench-") as name:
        cases = {"1k": 1 << 10, "64k": 64 << 10}
        for case, size in cases.items():
            (Path(name) / case).write_bytes(os.urandom(size))
        commands = {side: [str(example(programs, server)), "--port", "0", *more, name]
                    for side, server, *more in (("rota", "http"), ("epoll", "http-epoll"),
                                                ("emulated", "http", "--kernel", "emulated"))}
        with servers(commands) as running:
            for case in cases:
                for turn in range(WRK_TURNS * len(running)):
                    side = sorted(running)[(turn + turn // len(running)) % len(running)]
                    found.add("http", "ns", [(f"file of {case}", side,
                                              wrk(running[side][0], case))])
    return found


def make_tree(root: Path) -> None:
    """Small files in a hundred directories, sizes from nothing to 16 KiB."""
    chance = random.Random(1)
    for number in range(TREE):
        directory = root / f"{number % 100:02}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / str(number)).write_bytes(chance.randbytes(chance.randrange(16 << 10)))


def make_large(path: Path) -> None:
    block = os.urandom(64 << 20)
    with path.open("wb") as file:
        for _ in range(LARGE // len(block)):
            file.write(block)


def copy(programs: Path, where: Path) -> Found:
    """The example `copy` on both kernels beside cp -a, and beside cp made to read and write every byte."""
    found = Found()
    sides = {"rota": [str(example(programs, "copy"))],
             "emulated": [str(example(programs, "copy")), "--kernel", "emulated"],
             "cp": ["cp", "-a"],
             "cp, bytes": ["cp", "-a", "--reflink=never", "--sparse=always"]}
    with tempfile.TemporaryDirectory(dir=where, prefix="bench-") as name:
        scratch = Path(name)
        make_tree(scratch / "tree")
        make_large(scratch / "large")
        sources = {f"tree of {TREE} small files": "tree", "file of 2 GiB": "large"}
        for case, source in sources.items():
            for turn in range(COPIES * len(sides)):
                side = sorted(sides)[(turn + turn // len(sides)) % len(sides)]
                os.sync()
                start = time.monotonic()
                call(*sides[side], scratch / source, scratch / "copied")
                taken = time.monotonic() - start
                found.add("copy", "ms", [(case, side, taken * 1e3)])
                call("rm", "-r", scratch / "copied")
    return found
