# SPDX-License-Identifier: MIT
"""Manual pages: sentences made of rows, what a page must hold, and that it says what is true."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from codegen.table import checks, conditions, load, model
from codegen.table.build import build_table
from codegen.write import export, prose, render
from codegen.write.subject import Subject
from conftest import TINY, whole_table


def build(path: Path) -> model.Table:
    source = load.load(path)
    checks.check(source)
    return build_table(source)


def rendered(path: Path) -> list[render.Output]:
    return render.render(build(path), path.parent / "include")


@pytest.fixture(scope="module")
def table() -> model.Table:
    return build(whole_table())


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {Path(output.path).name: output.text for output in rendered(whole_table())
            if output.path.startswith("man/")}


@pytest.fixture(scope="module")
def tiny_pages() -> dict[str, str]:
    return {Path(output.path).name: output.text for output in rendered(TINY)
            if output.path.startswith("man/")}


def plain(text: str) -> str:
    """What a reader sees of roff, fonts, requests and line ends left out."""
    text = re.sub(r"^\.(SH|SS|TP|PP|RS|RE|EX|EE|nf|fi)\b ?", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\.[BI]R? ?", "", text, flags=re.MULTILINE)
    return " ".join(re.sub(r"\\f[BIPR]|\\&", "", text).replace("\\-", "-").split())


def section(page: str, title: str) -> str:
    """One section of a page, as roff."""
    match = re.search(rf"^\.SH {title}\n(.*?)(?=^\.SH |\Z)", page, re.MULTILINE | re.DOTALL)
    assert match is not None, f"no section {title}"
    return match.group(1)


def subject(table: model.Table, name: str) -> Subject:
    for op in table.ops:
        for prep in op.preps:
            if prep.name == name:
                return Subject(table, op, prep)
    raise AssertionError(f"no prep function {name}")


# -- sentences --------------------------------------------------------------

@pytest.mark.parametrize("text, wanted", [
    ("Reads bytes from a file.", "reads bytes from a file"),
    ("0 when it was woken.", "0 when it was woken"),
    ("TCP only.", "TCP only"),
])
def test_clause(text: str, wanted: str) -> None:
    assert prose.clause(text) == wanted


def test_prose_marks_names_and_escapes(table: model.Table) -> None:
    said = prose.Prose(table)
    assert said("Use READ for files.") == r"Use \fBIORING_OP_READ\fP for files."
    assert said("Set IOSQE_ASYNC or RWF_*.") == r"Set \fBIOSQE_ASYNC\fP or \fBRWF_*\fP."
    assert said("See recv(2) for EAGAIN.") == r"See \fBrecv\fP(2) for \fBEAGAIN\fP."
    assert said("A TCP socket.") == "A TCP socket."
    assert said("It is -1, of a two-way kind.") == r"It is \-1, of a two-way kind."
    assert said("The `min_left` of struct io_uring_buf_reg.") == \
        r"The \fBmin_left\fP of \fIstruct io_uring_buf_reg\fP."
    assert said("For a LINK_TIMEOUT.") == r"For an \fBIORING_OP_LINK_TIMEOUT\fP."
    assert said("Empty register_files_sparse.") == r"Empty \fBrota_register_files_sparse\fP(3)."


def test_prose_gives_each_sentence_its_line(table: model.Table) -> None:
    said = prose.Prose(table)
    assert said("One. Two.", None, "", "Three.") == "One.\nTwo.\nThree."
    assert said(".hidden begins with a dot.").startswith("\\&.")
    long = said("word " * 60 + ".")
    assert max(map(len, long.split("\n"))) <= prose.WIDTH and "\n" in long


def test_conditions_in_words(table: model.Table) -> None:
    about = subject(table, "recv")
    parse = conditions.parse

    def say(text: str, negated: bool = False) -> str:
        return prose.Prose(table)(about.say(parse(text), negated)).replace("\n", " ")

    assert say("len below 2147483648", True) == r"\fIlen\fP is 2^31 or more"
    assert say("len below 129", True) == r"\fIlen\fP is above 128"
    assert say("len above 23", True) == r"\fIlen\fP is below 24"
    assert say("len is 0", True) == r"\fIlen\fP is not 0"
    assert say("flags has IOSQE_BUFFER_SELECT", True) == \
        r"\fIsqe->flags\fP does not contain \fBIOSQE_BUFFER_SELECT\fP"
    assert say("ring lacks IORING_SETUP_CQE32|IORING_SETUP_CQE_MIXED") == \
        r"the ring has neither \fBIORING_SETUP_CQE32\fP nor \fBIORING_SETUP_CQE_MIXED\fP"
    assert say("ioprio lacks IORING_RECV_MULTISHOT", True) == \
        r"\fIsqe->ioprio\fP contains \fBIORING_RECV_MULTISHOT\fP"


@pytest.mark.parametrize("name, condition, wanted", [
    ("recvmsg_multishot_select", "flags has IOSQE_BUFFER_SELECT", True),
    ("recvmsg_multishot", "flags has IOSQE_BUFFER_SELECT", None),
    ("recvmsg_multishot", "ioprio has IORING_RECV_MULTISHOT", True),
    ("recvmsg_multishot", "ioprio lacks IORING_RECV_MULTISHOT", False),
    ("recvmsg", "ioprio has IORING_RECV_MULTISHOT", None),
    ("recvmsg", "len is 1", True),
    ("recv", "len is 0", None),
    ("accept", "file_index is not 0", False),
    ("accept_direct", "file_index is not 0", True),
    ("msg_ring", "addr is IORING_MSG_DATA", True),
    ("msg_ring_fd", "addr is IORING_MSG_DATA", False),
    ("recv", "ring has IORING_SETUP_IOPOLL", None),
])
def test_what_a_function_settles(table: model.Table, name: str, condition: str,
                                 wanted: bool | None) -> None:
    assert subject(table, name).holds(conditions.parse(condition)) is wanted


# -- pages ------------------------------------------------------------------

def test_one_page_for_each_function(table: model.Table, pages: dict[str, str]) -> None:
    functions = {prep.function for prep in table.preps} | {call.function for call in table.calls}
    assert {f"{name}.3" for name in functions} <= set(pages)
    assert {"rota.7", "rota_ops.7", "rota_ops.5"} <= set(pages)
    started = [prep for op in table.ops for prep in op.started]
    assert {f"{prep.start}.3" for prep in started} <= set(pages)


def test_lines_are_sound(pages: dict[str, str], tiny_pages: dict[str, str]) -> None:
    for name, text in [*pages.items(), *tiny_pages.items()]:
        assert text.endswith("\n"), name
        assert not re.search(r"[\x00-\x09\x0b-\x1f]", text.replace("\t", "")), name
        assert not re.search(r"\b(None|Undefined|\w+ object at)\n", text), name
        example = False
        for number, line in enumerate(text.split("\n"), 1):
            example = line == ".EX" or (example and line != ".EE")
            assert len(line) <= 80 or example or line.startswith("."), f"{name}:{number}: {line}"


def test_each_prep_page_tells_its_row(table: model.Table, pages: dict[str, str]) -> None:
    for op in table.ops:
        for prep in op.preps:
            page = pages[f"{prep.function}.3"]
            described, errors = section(page, "DESCRIPTION"), plain(section(page, "ERRORS"))
            assert prep.function in section(page, "NAME")
            assert op.constant in described
            for arg in prep.args:
                assert re.search(rf"^\.BI \"?{re.escape(arg.ctype)}[ \"]*.* {arg.name}$|"
                                 rf"^\.BI .* {arg.name}$", described, re.MULTILINE), arg.name
                taken = arg.field.takes if arg.field and arg.field.group else ()
                assert all(flag.name in described for flag in taken), prep.function
            for error in op.errors:
                if subject(table, prep.name).all_hold(error.when) is False:
                    continue  # this function cannot provoke it
                assert error.errno in errors, prep.function
                first = error.cause.split(" ")[0]
                assert first in errors, f"{prep.function}: {error.cause}"
            assert prep.since in section(page, "VERSIONS")
            sent = table.command_functions.get(prep.name)
            res = sent[1].res if sent else op.completion.res
            assert res.split(" ")[0] in plain(section(page, "COMPLETION"))
            assert f"{prep.function}(sqe" in section(page, "EXAMPLES").replace("\\-", "-")


def test_each_call_page_tells_its_row(table: model.Table, pages: dict[str, str]) -> None:
    for row in table.registers:
        for call in row.calls:
            page = pages[f"{call.function}.3"]
            errors = plain(section(page, "ERRORS"))
            assert row.constant in section(page, "DESCRIPTION")
            assert all(error.errno in errors for error in row.errors), call.function
            assert call.since in section(page, "VERSIONS")
            assert f"{call.function}(" in section(page, "EXAMPLES")


def test_errors_that_a_function_cannot_get_are_left_out(pages: dict[str, str]) -> None:
    rule = "does not contain IOSQE_BUFFER_SELECT"
    assert rule in plain(section(pages["rota_prep_recv_multishot.3"], "ERRORS"))
    assert rule not in plain(section(pages["rota_prep_recv_multishot_select.3"], "ERRORS"))
    rule = "A file slot is no descriptor"
    assert rule in plain(section(pages["rota_prep_accept_direct.3"], "ERRORS"))
    assert rule not in plain(section(pages["rota_prep_accept.3"], "ERRORS"))


def test_examples_do_what_the_request_needs(pages: dict[str, str]) -> None:
    assert "sqe\\->flags |= IOSQE_BUFFER_SELECT;" in pages["rota_prep_recv_multishot.3"]
    assert "IOSQE_BUFFER_SELECT;" not in section(pages["rota_prep_read.3"], "EXAMPLES")
    assert "rota_cqe_has_more" in section(pages["rota_prep_recv_multishot.3"], "EXAMPLES")
    assert "rota_cqe_is_notif" in section(pages["rota_prep_send_zc.3"], "EXAMPLES")
    amended = section(pages["rota_prep_send_set_addr.3"], "EXAMPLES")
    assert amended.index("rota_prep_send(") < amended.index("rota_prep_send_set_addr(sqe")


def test_overview_has_every_row(table: model.Table, pages: dict[str, str]) -> None:
    page = pages["rota_ops.7"]
    assert page.startswith("'\\\" t\n")
    for op in table.ops:
        assert f"{op.number}\t{op.constant}\t{op.since}\t" in page
        assert f'.BR {op.constant} " ({op.number}, Linux {op.since})"' in page
    for row in table.registers:
        assert f"{row.number}\t{row.constant}\t{row.since}\t" in page
    for group in table.groups:
        for entry in group.entries:
            if not group.external:
                assert f".BR {entry.name} " in page, entry.name


def test_links_lead_from_each_further_name() -> None:
    text = ".SH NAME\nrota_a, rota_b,\nrota_c \\- does things\n.SH SYNOPSIS\n"
    found = prose.links("man/man3/rota_a.3", text)
    assert sorted(found) == ["man/man3/rota_b.3", "man/man3/rota_c.3"]
    assert all(page.split("\n")[0] == ".so man3/rota_a.3" for page in found.values())
    assert prose.links("src/rota_a.c", text) == {}


def test_example_of_the_json_page_runs(table: model.Table, pages: dict[str, str],
                                       tmp_path: Path) -> None:
    program = section(pages["rota_ops.5"], "EXAMPLES").split(".EX\n")[1].split(".EE")[0]
    (tmp_path / "program.py").write_text(program.replace("\\-", "-").replace("\\e", "\\"))
    (tmp_path / "ops.json").write_text(export.export(
        export.data(table, whole_table().parent / "include")))
    done = subprocess.run([sys.executable, tmp_path / "program.py", tmp_path / "ops.json"],
                          capture_output=True, text=True, check=True)
    if sys.byteorder == "little":
        assert done.stdout.split() == [
            "1600000003000000", "0000000000000000", "0010000000000000", "0002000000000000",
            *["0000000000000000"] * 4]
    assert json.loads((tmp_path / "ops.json").read_text())["schema_version"] == 1
