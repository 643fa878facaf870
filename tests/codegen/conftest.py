# SPDX-License-Identifier: MIT
"""What the generator's tests share: the tiny table, the command line, and reasons to skip."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
TINY = HERE / "tiny.yaml"
sys.path.insert(0, str(ROOT))

from codegen import cli  # noqa: E402 (the path comes first)


@dataclass(frozen=True)
class Run:
    """What a command did."""

    status: int
    out: str
    err: str


Command = Callable[..., Run]


@pytest.fixture
def codegen(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line, called in this process."""
    def run(*args: object) -> Run:
        capsys.readouterr()
        status = cli.main([str(arg) for arg in args])
        said = capsys.readouterr()
        return Run(status, said.out, said.err)
    return run


def compiler() -> str:
    """A C compiler with readelf, or a skip."""
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            if shutil.which("readelf") is None:
                pytest.skip("readelf is missing (package binutils)")
            return name
    pytest.skip("there is no C compiler")


def compile_c(source: Path, *flags: object) -> None:
    """Fails with what the compiler says if the file is not C."""
    command = [compiler(), "-std=c11", "-Wall", "-Wextra", "-Werror", *map(str, flags), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"


def kernel_headers(series: str) -> Path:
    """The linux/io_uring.h of a kernel, fetched; or a skip with the reason."""
    fetch = ROOT / "tests" / "oracle" / "fetch"
    done = subprocess.run([fetch, "headers", series], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        said = (done.stdout + done.stderr).strip().splitlines()
        pytest.skip(said[-1] if said else f"the headers of Linux {series} cannot be fetched")
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip()) / "linux" / "io_uring.h"


def whole_table() -> Path:
    path = ROOT / "ops.yaml"
    if not path.is_file():
        pytest.skip("there is no ops.yaml")
    return path
