# SPDX-License-Identifier: MIT
"""What the oracles share: TAP, the table, foreign headers, compiler, list of differences."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGES = ("jinja2", "yaml", "jsonschema")
SKIP = 77


def skip_all(reason: str) -> NoReturn:
    print(f"1..0 # SKIP {reason}")
    sys.exit(SKIP)


def ensure_packages() -> None:
    """Goes on in a Python that has the generator's packages, or skips."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        return
    system = "/usr/bin/python3"
    if os.path.exists(system) and os.path.realpath(system) != os.path.realpath(sys.executable):
        os.execv(system, [system, *sys.argv])
    skip_all(f"Python lacks {', '.join(missing)}")


class Tap:
    """Counts and prints checks; every difference of a failed one is printed below it."""

    def __init__(self) -> None:
        self.number = 0
        self.failed = 0
        self.skipped = 0

    def check(self, title: str, differences: Iterable[str]) -> None:
        found = list(differences)
        self.number += 1
        print(f"{'not ' if found else ''}ok {self.number} - {title}")
        for line in found:
            print(f"#   {line}")
        self.failed += bool(found)

    def skip(self, title: str, reason: str) -> None:
        self.number += 1
        self.skipped += 1
        print(f"ok {self.number} - {title} # SKIP {reason}")

    def done(self) -> int:
        print(f"1..{self.number}")
        if self.failed or not self.number:
            return 1
        return SKIP if self.skipped == self.number else 0


class CannotFetch(Exception):
    """The thing cannot be had here; the message is the reason."""


def fetch(*what: str) -> Path:
    """A directory that tests/oracle/fetch prints."""
    done = subprocess.run([HERE / "fetch", *what], capture_output=True, text=True, check=False)
    if done.returncode == SKIP:
        raise CannotFetch((done.stderr + done.stdout).strip().splitlines()[-1])
    if done.returncode:
        sys.exit(f"fetch {' '.join(what)}: {done.stderr.strip()}")
    return Path(done.stdout.strip())


def liburing_include(version: str) -> Path:
    root = fetch("liburing", version)
    return next(root.rglob("liburing.h")).parent


def differences(section: str) -> list[dict[str, Any]]:
    """The known differences of a section of differences.yaml."""
    import yaml
    data = yaml.safe_load((HERE / "differences.yaml").read_text("utf-8"))
    found: list[dict[str, Any]] = data[section]
    return found


def compile_c(command: Sequence[str | Path], text: str,
              directory: Path) -> subprocess.CompletedProcess[str]:
    """Runs a compiler on a text, which it reads as `probe.c` in the directory."""
    (directory / "probe.c").write_text(text, "utf-8")
    return subprocess.run([str(part) for part in command] + ["probe.c"], cwd=directory,
                          capture_output=True, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C"})
