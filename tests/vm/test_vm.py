# SPDX-License-Identifier: MIT
"""The parts of tests/vm that need no guest: initramfs, records, and how results are judged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import guest as vm  # noqa: E402
import matrix  # noqa: E402
import programs  # noqa: E402
from here import run_here  # noqa: E402
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


def test_a_kernel_that_crashes_before_init_is_booted_again(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    boots: list[int] = []

    def run_boot(guest: Guest, *_: object) -> list[Path]:
        boots.append(1)
        if len(boots) == 1:
            guest.state, guest.reason = "went down", "the guest went down (qemu exit 0)"
            return [tmp_path / "p"]
        guest.release = "6.1.9"
        guest.programs.append(Program("p", output=["ok 1"], ended="exit 0"))
        return []

    monkeypatch.setattr(vm, "run_boot", run_boot)
    guest = Guest("6.1", "amd64")
    vm.run_guest(guest, tmp_path, [tmp_path / "p"], tmp_path, vm.Settings(tmp_path, 1, 1))
    assert (len(boots), guest.status, guest.state) == (2, PASSED, "ran")
    assert guest.notes == ["did not start init and was booted again: "
                           "the guest went down (qemu exit 0)"]

    monkeypatch.setattr(vm, "run_boot", lambda guest, kernel, left, *_: list(left))
    guest = Guest("6.1", "amd64", state="went down")
    vm.run_guest(guest, tmp_path, [tmp_path / "p"], tmp_path, vm.Settings(tmp_path, 1, 1))
    assert guest.status == FAILED


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


def test_a_program_has_its_modules_before_it() -> None:
    plan = vm.make_plan(vm.MACHINES["amd64"], ["nvme"], {"a": [], "driver-commands": ["null_blk"]},
                        5, [vm.BTRFS, vm.TOOLS]).splitlines()
    places = [next(i for i, line in enumerate(plan) if line.startswith(start)) for start in (
        "module /modules/nvme.ko poll_queues", "filesystem 256 ext4 /tools",
        "disk 128 ROTA_BTRFS", "run /programs/a",
        "module /modules/null_blk.ko gb=", "run /programs/driver-commands")]
    assert places == sorted(places)


def test_a_long_program_has_more_time() -> None:
    plan = vm.make_plan(vm.MACHINES["amd64"], [], {"driver-disk": [], "z": []}, 5, []).splitlines()
    assert plan[-4:] == ["timeout 20", "run /programs/driver-disk", "timeout 5", "run /programs/z"]


def test_what_takes_long_runs_when_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    built = {"targets": [{"type": "executable", "filename": [f"/b/{name}"]} for name in
                         ("quick", "driver-disk")],
             "tests": [{"cmd": [f"/b/{name}"]} for name in ("driver-disk", "quick")]}
    monkeypatch.setattr(programs, "introspect", lambda target, what: built[what])
    assert programs.test_executables(Path("/b")) == [Path("/b/quick")]
    assert programs.test_executables(Path("/b"), ["driver-disk"]) == [Path("/b/driver-disk")]


def test_a_tool_brings_its_libraries(tmp_path: Path) -> None:
    vm.copy_tools(["sh", "no-such-program"], tmp_path / "tools")
    assert [path.name for path in (tmp_path / "tools/bin").iterdir()] == ["sh"]
    assert list((tmp_path / "tools").rglob("libc.so*"))


# ---- the matrix --------------------------------------------------------------------------------

HERE = Path(__file__).resolve().parent
DONE, REFUSED = {"way": "now"}, {"way": "refused"}
TABLE = {"opcodes": [{"name": "NOP", "since": "5.1", "emulate": DONE},
                     {"name": "PIPE", "since": "6.16", "emulate": REFUSED},
                     {"name": "TEE", "since": "6.2", "backports": ["6.1"], "emulate": DONE}],
         "register": [{"name": "REGISTER_BUFFERS", "since": "5.1", "emulate": DONE}]}


def guest_with(*lines: str, kernel: str = "6.1") -> Guest:
    programs = [Program("live", output=list(lines), ended="exit 0"),
                Program("live-register", output=["ok 1 - REGISTER_BUFFERS a in b: ok"],
                        ended="exit 0"),
                Program("other", output=["ok 1", "ok 2 # SKIP no device"], ended="exit 0")]
    for program in programs:
        program.judge()
    return Guest(kernel, "amd64", release=f"{kernel}.9", programs=programs)


def cell(text: str, row: str) -> str:
    found = re.search(rf"^\| {row} \| (.*) \|$", text, re.MULTILINE)
    assert found, f"no row {row}"
    return found[1]


def test_the_cells_of_the_matrix() -> None:
    text = matrix.render([guest_with(
        "ok 1 - NOP nop in a: ok",
        "ok 2 # SKIP NOP nop_flags in a: ok 2: needs Linux 6.10, this is 6.1",
        "ok 3 # SKIP NOP nop_file in a: ok 3: no device",
        "ok 4 # SKIP PIPE pipe in b: ok: needs Linux 6.16, this is 6.1",
        "ok 5 - PIPE pipe in b: EINVAL",
        "ok 6 - TEE tee in c: ok")], TABLE)
    assert cell(text, "NOP") == "1+1 ?1"
    assert cell(text, "PIPE") == matrix.ABSENT
    assert cell(text, "TEE") == "1"
    assert cell(text, "REGISTER_BUFFERS") == "1"
    assert cell(text, "other") == "1 ?1"
    assert "| NOP nop_file in a: ok 3 | no device | 6.1 |" in text


def test_the_emulated_kernel_has_a_column() -> None:
    text = matrix.render([guest_with(
        "ok 1 - NOP nop in a: ok",
        "ok 2 - NOP nop in b: ok # SKIP differs: it is not looked at",
        "ok 3 # SKIP NOP nop_flags in a: ok 2: needs Linux 7.3, this is 6.18",
        "ok 4 - PIPE pipe in b: EINVAL",
        "ok 5 - TEE tee in c: ok", kernel="emulated")], TABLE)
    assert cell(text, "opcode") == "emulated"
    assert cell(text, "NOP") == "1+1 ?1"
    assert cell(text, "PIPE") == matrix.ABSENT
    assert cell(text, "TEE") == "1"
    assert "| NOP nop in b: ok | differs: it is not looked at | emulated |" in text


@pytest.mark.parametrize("script, ended, status", [
    ("echo ok 1; echo 1..1", "exit 0", PASSED),
    ("echo ok 1; echo 1..2", "exit 0", FAILED),
    ("echo '1..0 # SKIP no ring'; exit 77", "exit 77", SKIPPED),
    ("echo ok 1; sleep 60", "did not end in 1 s", FAILED),
])
def test_a_program_without_a_guest(tmp_path: Path, script: str, ended: str, status: str) -> None:
    program = run_here("p", ["sh", "-c", script], tmp_path, 1)
    assert (program.ended, program.status) == (ended, status)
    assert not list(tmp_path.iterdir())


def test_a_failure_shows_in_the_matrix() -> None:
    text = matrix.render([guest_with("ok 1 - NOP nop in a: ok", "not ok 2 - NOP nop in b: ok")],
                         TABLE)
    assert cell(text, "NOP") == matrix.BROKEN + "1"
    assert cell(text, "PIPE") == matrix.UNTRIED


def test_a_program_that_is_left_out_shows_in_the_matrix() -> None:
    guest = guest_with(kernel="emulated")
    guest.programs[0] = Program("live", output=["1..0 # SKIP too many differ"], ended="exit 77")
    guest.programs[0].judge()
    text = matrix.render([guest], TABLE)
    assert cell(text, "NOP") == "?"
    assert "| live | too many differ | emulated |" in text


def test_a_matrix_has_no_holes() -> None:
    with pytest.raises(matrix.Incomplete, match="no such kernel"):
        matrix.render([Guest("6.3", "amd64", state="unavailable", reason="no such kernel")], TABLE)
    with pytest.raises(matrix.Incomplete, match="live is missing"):
        matrix.render([Guest("6.1", "amd64")], TABLE)
    with pytest.raises(matrix.Incomplete, match="GHOST"):
        matrix.render([guest_with("ok 1 - GHOST a in b: ok")], TABLE)


def test_the_matrix_that_is_checked_in() -> None:
    text = (HERE / "MATRIX.md").read_text(encoding="utf-8")
    table = json.loads((HERE.parent.parent / "generated" / "ops.json").read_text(encoding="utf-8"))
    kernels = text.partition("## Kernels")[2]
    assert matrix.BROKEN not in kernels
    for section in ("opcodes", "register"):
        for row in matrix.rows(table, section):
            cell(kernels, row.name)
    for name in subprocess.run([sys.executable, str(HERE / "run"), "all", "--list"], check=True,
                               text=True, stdout=subprocess.PIPE).stdout.split():
        cell(kernels.partition("## Requests")[0], name.replace(":", " "))
