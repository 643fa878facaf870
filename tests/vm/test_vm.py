# SPDX-License-Identifier: MIT
"""The parts of tests/vm that need no guest: initramfs, records, and how results are judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import guest as vm  # noqa: E402
from results import FAILED, PASSED, SKIPPED, Check, Guest, Program, as_json, describe  # noqa: E402


def records(*items: tuple[str, str], start: int = 0) -> list[str]:
    return [f"@rota:{number}:{kind}:{len(text)}:{text}"
            for number, (kind, text) in enumerate(items, start=start)]


def read(lines: list[str]) -> vm.Transcript:
    transcript = vm.Transcript()
    for line in lines:
        transcript.line(line)
    for program in transcript.programs:
        program.judge()
    return transcript


RUN = [("H", "6.12.1 x86_64 900"), ("B", "first"), ("L", "ok 1 - a"), ("L", "1..1"),
       ("E", "exit 0 12"), ("Z", "1000")]


def test_a_whole_transcript() -> None:
    transcript = read(records(*RUN))
    program, = transcript.programs
    assert transcript.complete and transcript.release == "6.12.1"
    assert (program.name, program.status, program.milliseconds) == ("first", PASSED, 12)
    assert program.checks == [Check(1, "a", PASSED)]


def test_kernel_output_around_records_does_no_harm() -> None:
    lines = records(*RUN)
    lines[2] = "[    1.0] noise " + lines[2]
    lines.insert(3, "[    1.1] more noise\r")
    transcript = read(lines)
    assert transcript.programs[0].status == PASSED
    assert "[    1.1] more noise" in transcript.last_lines


@pytest.mark.parametrize("damage", ["cut", "inserted", "lost"])
def test_a_damaged_record_fails_the_program(damage: str) -> None:
    lines = records(*RUN)
    if damage == "cut":
        lines[2] = lines[2][:-2]
    elif damage == "inserted":
        lines[2] = lines[2] + "[    1.0] noise"
    else:
        del lines[2]
    program, = read(lines).programs
    assert (program.status, program.reason) == (FAILED, "console records were lost or damaged")


def test_escapes_and_long_lines() -> None:
    lines = records(("B", "p"), ("P", "# one"), ("L", r"\x5cn \xc3\xbc\x09"), ("E", "exit 0 1"))
    assert read(lines).programs[0].output == ["# one\\n ü\t"]


def test_a_program_without_an_end_took_the_guest_down() -> None:
    program, = read(records(*RUN[:3])).programs
    assert (program.status, program.reason) == (FAILED, "the guest went down while it ran")


@pytest.mark.parametrize("ended, output, status, reason", [
    ("exit 0", ["ok 1 - a", "1..1"], PASSED, ""),
    ("exit 0", ["all is well"], PASSED, ""),
    ("exit 0", ["ok 1", "not ok 2 - b"], FAILED, "exit 0, but 1 checks failed"),
    ("exit 0", ["1..3", "ok 1"], FAILED, "exit 0, but 1 checks ran of 3 planned"),
    ("exit 1", ["not ok 1"], FAILED, "exit 1"),
    ("exit 77", ["1..0 # SKIP no NVMe"], SKIPPED, "no NVMe"),
    ("exit 77", ["ok 1 # SKIP too old", "1..1"], SKIPPED, "too old"),
    ("exit 77", ["# no network"], SKIPPED, "no network"),
    ("exit 77", [], SKIPPED, "no reason given"),
    ("signal 11", [], FAILED, "signal 11"),
    ("timeout 60", ["ok 1"], FAILED, "timeout 60"),
])
def test_verdicts(ended: str, output: list[str], status: str, reason: str) -> None:
    program = Program("p", output=output, ended=ended)
    program.judge()
    assert (program.status, program.reason) == (status, reason)


def test_skipped_checks_keep_their_reason() -> None:
    program = Program("p", output=["ok 1 - a#b", "ok 2 - c # SKIP old kernel"], ended="exit 0")
    program.judge()
    assert program.checks == [Check(1, "a#b", PASSED), Check(2, "c", SKIPPED, "old kernel")]


def test_the_status_of_a_guest() -> None:
    passed = Program("p", status=PASSED)
    assert Guest("6.1", "amd64", programs=[passed]).status == PASSED
    assert Guest("6.1", "amd64", programs=[passed, Program("q")]).status == FAILED
    assert Guest("6.1", "amd64", programs=[passed], state="went down").status == FAILED
    unavailable = Guest("6.3", "amd64", state="unavailable", reason="no such kernel")
    assert unavailable.status == SKIPPED
    assert describe(unavailable) == ["6.3 amd64: skipped: no such kernel"]
    assert as_json([unavailable])["guests"][0]["reason"] == "no such kernel"


def test_the_report_shows_why_a_check_failed() -> None:
    program = Program("p", output=["ok 1", "not ok 2 - b", "#  got: 1", "ok 3"], ended="exit 1")
    program.judge()
    text = describe(Guest("6.1", "amd64", programs=[program]))
    assert text[2:5] == ["  FAILED  p: exit 1", "      not ok 2 - b", "      #  got: 1"]


def test_the_archive_is_one_that_cpio_reads(tmp_path: Path) -> None:
    archive = vm.Archive()
    archive.directory("etc")
    archive.file("etc/odd", b"12345", executable=True)
    archive.file("etc/empty", b"")
    try:
        run = subprocess.run(["cpio", "-i", "--quiet"], input=archive.bytes(), cwd=tmp_path,
                             check=True)
    except FileNotFoundError:
        pytest.skip("cpio is not installed")
    assert run.returncode == 0
    assert (tmp_path / "etc/odd").read_bytes() == b"12345"
    assert (tmp_path / "etc/odd").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "etc/empty").read_bytes() == b""


def test_modules_come_after_what_they_need(tmp_path: Path) -> None:
    for name, needs in (("nvme", "nvme-core"), ("nvme-core", "nvme-auth"), ("nvme-auth", ""),
                        ("other", "")):
        text = f"\0license=GPL\0depends={needs}\0name={name}\0"
        (tmp_path / f"{name}.ko").write_bytes(text.encode())
    found = [name for name, _ in vm.needed_modules(tmp_path, ["nvme", "built_in"])]
    assert found == ["nvme_auth", "nvme_core", "nvme"]
