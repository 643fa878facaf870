# SPDX-License-Identifier: MIT
"""Programs that run on this machine instead of in a guest."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from results import Program


def run_here(name: str, command: Sequence[str], directory: Path, limit: int) -> Program:
    """A program and its checks without a guest."""
    program = Program(name)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        with subprocess.Popen(command, cwd=scratch, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, start_new_session=True) as running:
            try:
                output, _ = running.communicate(timeout=limit)
                program.ended = f"exit {running.returncode}"
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                output, _ = running.communicate()
                program.ended = f"did not end in {limit} s"
    program.output = output.splitlines()
    program.milliseconds = int((time.monotonic() - start) * 1000)
    program.judge()
    return program
