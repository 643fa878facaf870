# SPDX-License-Identifier: MIT
"""TAP, and ways to run the command, for the tests of `rota`."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

_run = _failed = _skipped = 0


def ok(passed: object, name: str, *notes: object) -> bool:
    """One check; the notes are printed when it fails."""
    global _run, _failed
    _run += 1
    print(f"{'' if passed else 'not '}ok {_run} - {name}", flush=True)
    if not passed:
        _failed += 1
        for note in notes:
            for line in (str(note).splitlines() or [""])[:40]:
                print(f"#   {line}")
        sys.stdout.flush()
    return bool(passed)


def same(got: object, wanted: object, name: str) -> bool:
    return ok(got == wanted, name, f"got:    {got!r}", f"wanted: {wanted!r}")


def skip(name: str, reason: str) -> None:
    global _run, _skipped
    _run += 1
    _skipped += 1
    print(f"ok {_run} - {name} # SKIP {reason}", flush=True)


def done() -> NoReturn:
    print(f"1..{_run}")
    if not _run or _failed:
        sys.exit(1)
    sys.exit(77 if _skipped == _run else 0)


@dataclass(frozen=True)
class Done:
    """How a run ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(**changes: str) -> dict[str, str]:
    """Without what would colour, and in no particular locale."""
    kept = {name: value for name, value in os.environ.items()
            if name not in ("NO_COLOR", "COLUMNS", "LC_ALL", "LANG")}
    return {**kept, "LC_ALL": "C", **changes}


def without_leaks() -> str:
    """ASAN_OPTIONS without the look for leaks, which is done by ptrace and ends a traced program."""
    return ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "detect_leaks=0"]))


class Tool:
    """The command, and the wrapper that puts a seccomp filter before it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, *args: str, stdin: bytes = b"", before: list[str] | None = None,
                 prepare: Callable[[], None] | None = None, **env: str) -> Done:
        run = subprocess.run([*(before or []), self.path, *args], input=stdin,
                             capture_output=True, preexec_fn=prepare, timeout=60, check=False,
                             env=environment(**env))
        return Done(run.returncode, run.stdout.decode("utf-8", "replace"),
                    run.stderr.decode("utf-8", "replace"))

    def on_terminal(self, *args: str, columns: int = 80, **env: str) -> Done:
        """Its standard output is a terminal; line ends as the program wrote them."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        mode = termios.tcgetattr(slave)
        mode[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, mode)
        env = {"TERM": "xterm", **env}
        with subprocess.Popen([self.path, *args], stdin=subprocess.DEVNULL, stdout=slave,
                              stderr=subprocess.PIPE, env=environment(**env)) as process:
            os.close(slave)
            chunks: list[bytes] = []
            while select.select([master], [], [], 30)[0]:
                try:
                    chunk = os.read(master, 65536)
                except OSError:  # EIO: the other side is closed
                    break
                if not chunk:
                    break
                chunks.append(chunk)
            assert process.stderr is not None
            error = process.stderr.read().decode()
            status = process.wait(timeout=30)
        os.close(master)
        return Done(status, b"".join(chunks).decode(), error)


def is_sane_json(value: object, name: str) -> bool:
    return ok(isinstance(value, (dict, list)) and value, f"{name}: is JSON and not empty", value)
