# SPDX-License-Identifier: MIT
"""codegen adopt: a new kernel header becomes rows, from diff to C that compiles."""

from __future__ import annotations

import difflib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codegen.table import load
from codegen.table.build import build_table
from conftest import HERE, ROOT, TINY, Command, compile_c, compiler, kernel_headers, whole_table
from test_diff import ADDED, NEW, OLD, changed


@pytest.fixture(autouse=True)
def _compiler() -> None:
    compiler()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.yaml"
    path.write_text(TINY.read_text("utf-8"), "utf-8")
    return path


def edits(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went and the lines that came."""
    marks = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    return ([line[2:] for line in marks if line.startswith("- ")],
            [line[2:] for line in marks if line.startswith("+ ")])


def edits_of_lines(before: str, after: str) -> tuple[list[str], int]:
    """The lines that are gone, and how many came, of a long text that has mostly grown."""
    gone, came, at = [], 0, 0
    rest = after.splitlines()
    for line in before.splitlines():
        try:
            found = rest.index(line, at)
        except ValueError:
            gone.append(line)
            continue
        came += found - at
        at = found + 1
    return gone, came + len(rest) - at


def rows(path: Path) -> Any:
    return load.load(path).data


def find(section: Any, name: str) -> Any:
    return next(row for row in section if name in (row.get("name"), row.get("group")))


def test_everything_is_adopted(codegen: Command, table: Path) -> None:
    done = codegen("adopt", "--since", "6.3", "--table", table, NEW)
    assert done.status == 0
    assert done.out == "".join(f"adopted: {line[2:]}\n" for line in ADDED.splitlines())
    assert "then run: python3 -m codegen generate" in done.err
    same = codegen("diff", "--table", table, NEW)
    assert (same.status, same.out) == (0, "")
    data = rows(table)
    assert data["kernel"] == "6.3"
    assert find(data["opcodes"], "HEAR")["number"] == 6
    assert find(data["register"], "REGISTER_EAR")["number"] == 3
    look = [row["name"] for row in find(data["groups"], "look")["entries"]]
    assert look == ["LOOK_TWICE", "LOOK_AGAIN", "LOOK_BOTH", "LOOK_AWAY", "LOOK_NEVER", "LOOK_HARD"]
    setup = [row["name"] for row in find(data["groups"], "setup")["entries"]]
    assert setup.index("IORING_SETUP_HEAR") == 2, "in the order of the bits"
    assert find(data["groups"], "tiny_region")["last"] == "TINY_REGION_END"
    assert find(data["constants"], "TINY_MANY") == {
        "name": "TINY_MANY", "value": (1 << 64) - 1, "suffix": "ULL", "since": "6.3",
        "summary": "Not described yet.", "draft": True}
    assert find(data["constants"], "IORING_ODD")["suffix"] == "U"
    assert "suffix" not in find(data["constants"], "MORE_SHIFT")
    assert find(data["groups"], "more")["enum"] == "more_flags"
    assert find(data["groups"], "more_kind") == {
        "group": "more_kind", "summary": "Not described yet.", "kind": "values",
        "form": "enumerators", "last": "__MORE_KIND_MAX",
        "entries": find(data["groups"], "more_kind")["entries"]}
    assert [row["name"] for row in find(data["groups"], "hear_well")["entries"]] == [
        "HEAR_WELL_LEFT", "HEAR_WELL_RIGHT"]


def test_again_changes_nothing(codegen: Command, table: Path) -> None:
    codegen("adopt", "--since", "6.3", "--table", table, NEW)
    before = table.read_bytes()
    done = codegen("adopt", "--since", "6.3", "--table", table, NEW)
    assert (done.status, done.out, done.err) == (0, "", "")
    assert table.read_bytes() == before


def test_same_header_changes_nothing(codegen: Command, table: Path) -> None:
    done = codegen("adopt", "--since", "6.3", "--table", table, OLD)
    assert (done.status, done.out, done.err) == (0, "", "")
    assert table.read_bytes() == TINY.read_bytes()


def test_no_other_line_is_touched(codegen: Command, table: Path) -> None:
    codegen("adopt", "--since", "6.3", "--table", table, NEW)
    gone, came = edits(TINY.read_text("utf-8"), table.read_text("utf-8"))
    assert gone == [
        'kernel: "6.2"',
        "      - {name: addr, type: __u64, summary: A pointer.}",  # now inside a union
        "              - {name: __pad2, type: __u64, count: 1, summary: Must be zero.}",
        "      - {name: resv, type: __u64, count: 2, summary: Must be zero.}"]
    assert "          - {name: addr, type: __u64, summary: A pointer.}" in came
    assert "      - {name: resv, type: __u32, count: 3, summary: Must be zero.}" in came


def test_comments_and_odd_layouts_stay(codegen: Command, table: Path) -> None:
    """Comments between, behind and inside rows, blank lines, trailing spaces, long strings."""
    text = TINY.read_text("utf-8")
    text = text.replace("  - {name: TINY_SKIP,", "\n  # A comment in front.\n  - {name: TINY_SKIP,")
    text = text.replace("summary: Leaves the slot alone.}",
        "summary: Leaves the slot alone.}  # why")
    text = text.replace("  - group: tiny_kind\n",
        "  # Kinds.\n  #\n  # Two lines.\n  - group: tiny_kind\n")
    text = text.replace("summary: A socket.}\n", "summary: A socket.}\n      # The last of them.\n")
    text = text.replace("    summary: Does nothing.\n",
                        "    summary: >-\n      Does nothing, at\n      length.\n")
    never = "      - name: LOOK_NEVER\n        bit: 3\n        since: \"6.0\"\n" \
        "        summary: Was never taken.\n        refused: >-\n          Only a release\n" \
        "          candidate took it.\n"
    start = text.index("      - {name: LOOK_NEVER")
    text = text[:start] + never + text[text.index("\n", start) + 1:]
    text += "# The end.\n"
    table.write_text(text, "utf-8")
    assert codegen("adopt", "--since", "6.3", "--table", table, NEW).status == 0
    gone, came = edits(text, table.read_text("utf-8"))
    assert len(gone) == 4
    assert not [line for line in came if "#" in line]
    after = table.read_text("utf-8")
    assert after.endswith("    draft: true\n# The end.\n")
    assert "          candidate took it.\n      - {name: LOOK_HARD, bit: 4," in after
    assert "  # A comment in front.\n  - {name: TINY_SKIP," in after


def test_drafts_are_listed_and_valid(codegen: Command, table: Path, tmp_path: Path) -> None:
    before = {name for _, name in load.load(TINY).drafts()}
    codegen("adopt", "--since", "6.3", "--table", table, NEW)
    out = tmp_path / "out"
    assert codegen("--table", table, "--out", out, "generate").status == 0
    done = codegen("--table", table, "--out", out, "check")
    assert done.status == 0
    drafts = {line.split(": ")[2] for line in done.out.splitlines()} - before
    single = {line.split()[2].rstrip(":").split(".")[-1].removeprefix("IORING_OP_").removeprefix(
        "IORING_") if "opcode" in line or "register" in line
        else line.split()[2].rstrip(":").split(".")[-1]
        for line in ADDED.splitlines() if "header" not in line}
    assert drafts == single - {"__MORE_KIND_MAX", "TINY_REGION_END"}


def test_generated_c_compiles(codegen: Command, table: Path, tmp_path: Path) -> None:
    codegen("adopt", "--since", "6.3", "--table", table, NEW)
    out = tmp_path / "out"
    assert codegen("--table", table, "--out", out, "generate").status == 0
    source = tmp_path / "try.c"
    source.write_text(
        "#include <rota/prep.h>\n#include <rota/register.h>\n"
        "_Static_assert(IORING_OP_SMELL == 7 && IORING_OP_LAST == 8, \"\");\n"
        "_Static_assert(IORING_REGISTER_EAR == 3, \"\");\n"
        "_Static_assert(IORING_SETUP_HEAR == 4 && IOSQE_HEAR_BIT == 7, \"\");\n"
        "_Static_assert(__MORE_KIND_MAX == 2, \"\");\n"
        "_Static_assert(offsetof(struct tiny_arg, ears) == 40, \"\");\n"
        "_Static_assert(sizeof(struct more_ears) == 24, \"\");\n"
        "void hear(struct io_uring_sqe *sqe, void *p);\n"
        "void hear(struct io_uring_sqe *sqe, void *p) { rota_prep_hear(sqe, 1, p, 2, 3); }\n",
        "utf-8")
    compile_c(source, "-Wpedantic", "-Wconversion", "-fsyntax-only", f"-I{out}/include",
              f"-I{ROOT}/include")
    (tmp_path / "rota.h").write_text("#include <rota/prep.h>\n", "utf-8")
    program = tmp_path / "test_prep"
    compile_c(out / "tests" / "test_prep.c", f"-I{tmp_path}", f"-I{out}/include",
              f"-I{ROOT}/include", f"-I{ROOT}/tests", "-o", program)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "rota_prep_smell fills a cleared SQE" in done.stdout


def test_older_release_keeps_the_kernel(codegen: Command, table: Path) -> None:
    """A release that the table has already: the rows are only late."""
    assert codegen("adopt", "--since", "6.2", "--table", table, NEW).status == 0
    data = rows(table)
    assert data["kernel"] == "6.2"
    assert find(data["opcodes"], "HEAR")["since"] == "6.2"


@pytest.mark.parametrize("since", ["7", "6.03", "next", "4.20"])
def test_release_that_is_none(since: str, codegen: Command, table: Path,
                              capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        codegen("adopt", "--since", since, "--table", table, NEW)
    assert stop.value.code == 2
    assert f"'{since}' is no kernel release like 7.4" in capsys.readouterr().err
    assert table.read_bytes() == TINY.read_bytes()


LEFT = [
    ("changed value", ("#define TINY_SHIFT	16", "#define TINY_SHIFT	17"),
     ["left to a person: ~ constant TINY_SHIFT: 17 in the header, 16 in the table",
      "left to a person: ~ constant TINY_FAR: 0x10000000000 in the header, "
       "0x8000000000 in the table"
      ]),
    ("member of another type", ("	__s32	fd;", "	__u32	fd;"),
     ["left to a person: ~ field io_uring_sqe.fd: __u32 at 4 in the header, "
      "__s32 at 4 in the table"]),
    ("removed flag", ("#define LOOK_NEVER	(1U << 3)\n", ""),
     ["left to a person: - flag LOOK_NEVER: 8 (group look, since 6.0)"]),
    ("gap", ("	IORING_OP_TELL,\n", "	IORING_OP_TELL,\n	IORING_OP_FAR = 9,\n"),
     ["left to a person: + opcode IORING_OP_FAR: 9",
      "because IORING_OP_FAR is 9, but the next row is number 6"]),
    ("bit-field", ("union tiny_words {", "struct odd { __u32 a:3; };\nunion tiny_words {"),
     ["left to a person: + structure odd: 4 bytes", "because structure odd: a is a bit-field"]),
    ("type of another size elsewhere",
     ("union tiny_words {", "struct odd { unsigned long a; };\nunion tiny_words {"),
     ["left to a person: + structure odd: 8 bytes", "because structure odd: a is the type "
      "'long unsigned int', which has not the same size everywhere"]),
    ("pointer", ("	__u64	whole;", "	__u64	whole;\n	void	*p;"),
     ["left to a person: + field tiny_words.p: pointer at 0", "because structure tiny_words: p is "
      "the type 'pointer', which has not the same size everywhere"]),
    ("structure of another owner",
     ("union tiny_words {", "#include <linux/uio.h>\nstruct odd { struct iovec v; };\n"
      "union tiny_words {"),
     ["left to a person: + structure odd: 16 bytes",
      "because structure odd: struct iovec is not in the table"]),
    ("new order", ("	__u16	ioprio;\n	__s32	fd;", "	__s32	fd;\n	__u16	ioprio;\n	__u16	ears;"),
     ["left to a person: + field io_uring_sqe.ears: __u16 at 10",
      "because structure io_uring_sqe: its members stand in another order"]),
    ("renamed member", ("	__s32	res;", "	__s32	result;"),
     ["left to a person: + field io_uring_cqe.result: __s32 at 8",
      "left to a person: - field io_uring_cqe.res: __s32 at 8 (since 6.0)",
      "because structure io_uring_cqe: res is gone"]),
]


@pytest.mark.parametrize("pair, said", [case[1:] for case in LEFT], ids=[case[0] for case in LEFT])
def test_what_is_left_to_a_person(pair: tuple[str, str], said: list[str], codegen: Command,
                                  table: Path, tmp_path: Path) -> None:
    done = codegen("adopt", "--since", "6.3", "--table", table, changed(tmp_path, pair))
    assert done.status == 1
    for line in said:
        assert line in done.out.splitlines(), done.out
    assert "adopted" not in done.out
    assert rows(table)["structs"] == rows(TINY)["structs"]


MORE = [
    ("reserved bytes that are used up",
     ("	__u64		resv[2];\n", "	__u64		one;\n	__u64		two;\n"),
     [("one", "__u64", None), ("two", "__u64", None)]),
    ("reserved bytes that become one",
     ("	__u64		resv[2];\n", "	__u64		one;\n	__u64		resv;\n"),
     [("one", "__u64", None), ("resv", "__u64", None)]),
    ("reserved bytes of another type",
     ("	__u64		resv[2];\n", "	__u8		one;\n	__u8		resv[15];\n"),
     [("one", "__u8", None), ("resv", "__u8", 15)]),
    ("a longer structure",
     ("	__u64		resv[2];\n", "	__u64		resv[2];\n	__u64		one[2];\n"),
     [("resv", "__u64", 2), ("one", "__u64", 2)]),
]


@pytest.mark.parametrize("flow", [True, False], ids=["flow", "block"])
@pytest.mark.parametrize("pair, tail", [case[1:] for case in MORE], ids=[case[0] for case in MORE])
def test_new_members(pair: tuple[str, str], tail: list[tuple[str, str, int | None]], flow: bool,
                     codegen: Command, table: Path, tmp_path: Path) -> None:
    if not flow:
        text = table.read_text("utf-8")
        table.write_text(text.replace(
            "      - {name: resv, type: __u64, count: 2, summary: Must be zero.}\n    draft",
            "      - name: resv\n        type: __u64\n        count: 2\n"
            "        summary: Must be zero.\n    draft"), "utf-8")
    path = changed(tmp_path, pair)
    done = codegen("adopt", "--since", "6.3", "--table", table, path)
    assert done.status == 0, done.out
    members = find(rows(table)["structs"], "tiny_arg")["members"]
    assert [(row["name"], row["type"], row.get("count")) for row in members[4:]] == tail
    gone = all(name != "resv" for name, _, _ in tail)
    assert find(rows(table)["register"], "REGISTER_TINY")["must"] == [
        "row within 3", *([] if gone else ["resv is 0"])]
    assert ("dropped: REGISTER_TINY: 'resv is 0' of 'must', whose member is gone"
            in done.out.splitlines()) == gone
    assert codegen("diff", "--table", table, path).status == 0


@pytest.mark.parametrize("old, new", [
    ("    must: [row within 3, resv is 0]\n", "    must:\n      - row within 3\n      - resv is 0\n"),
    ("    must: [row within 3, resv is 0]\n", "    must: [resv is 0]\n"),
    ("    must: [row within 3, resv is 0]\n", "    must:\n      - resv is 0\n"),
    ("remedy: Use another one., live", "when: [resv is not 0], remedy: Use another one., live"),
    ("when: [ring has IORING_SETUP_SQE128, nr", "when: [resv is not 0, ring has IORING_SETUP_SQE128, nr"),
], ids=["block", "only one", "only one, block", "an error's only one", "one of an error's"])
def test_conditions_go_with_their_member(old: str, new: str, codegen: Command, table: Path,
                                         tmp_path: Path) -> None:
    text = table.read_text("utf-8")
    assert old in text
    table.write_text(text.replace(old, new), "utf-8")
    path = changed(tmp_path, ("\t__u64\t\tresv[2];\n", "\t__u64\t\tone;\n\t__u64\t\ttwo;\n"))
    done = codegen("adopt", "--since", "6.3", "--table", table, path)
    assert done.status == 0, done.out
    assert "resv is" not in table.read_text("utf-8")
    assert done.out.count("dropped: REGISTER_TINY: 'resv is") == (1 if "must" in new else 2)


def test_a_structure_stands_before_its_first_user(codegen: Command, table: Path,
                                                  tmp_path: Path) -> None:
    """The table has two structures in another order than the header."""
    text = table.read_text("utf-8")
    start, middle = text.index("  - name: tiny_words"), text.index("  - name: tiny_arg")
    end = text.index("scenarios:")
    table.write_text(text[:start] + text[middle:end] + text[start:middle] + text[end:], "utf-8")
    path = changed(
        tmp_path, ("struct tiny_arg {", "struct inner {\n	__u64	a;\n};\n\nstruct tiny_arg {"),
        ("	__u64		resv[2];\n", "	struct inner	in;\n	__u64		resv[1];\n"))
    assert codegen("adopt", "--since", "6.3", "--table", table, path).status == 0
    order = [row["name"] for row in rows(table)["structs"]]
    assert order == ["io_uring_sqe", "io_uring_cqe", "inner", "tiny_arg", "tiny_words"]
    assert codegen("diff", "--table", table, path).status == 0


def test_a_section_in_flow_style(codegen: Command, table: Path) -> None:
    text = table.read_text("utf-8")
    start = text.index("headers:")
    end = text.index("architectures:")
    text = text[:start] + (
        "headers: [{name: linux/io_uring.h, guard: LINUX_IO_URING_H}, "
        "{name: linux/io_uring/tiny.h, guard: LINUX_IO_TINY_H}]\n\n") + text[end:]
    table.write_text(text, "utf-8")
    assert codegen("adopt", "--since", "6.3", "--table", table, NEW).status == 0
    assert ", {name: linux/io_uring/more.h, guard: LINUX_IO_MORE_H}]" in table.read_text("utf-8")


def test_a_section_that_is_missing(codegen: Command, table: Path) -> None:
    text = table.read_text("utf-8")
    table.write_text(text[:text.index("register:")].rstrip() + "\n", "utf-8")
    done = codegen("adopt", "--since", "6.3", "--table", table, NEW)
    assert done.status == 0, done.out
    assert [row["name"] for row in rows(table)["register"]] == [
        "REGISTER_TINY", "UNREGISTER_TINY", "REGISTER_LATER", "REGISTER_EAR"]


def test_a_table_that_would_be_wrong_is_not_written(codegen: Command, table: Path,
                                                    tmp_path: Path) -> None:
    """A call fills reserved bytes that the new member takes."""
    text = table.read_text("utf-8").replace("column: 0}", "resv: 0}")
    table.write_text(text, "utf-8")
    path = changed(tmp_path, ("	__u64		resv[2];\n", "	__u64		one[2];\n"))
    done = codegen("adopt", "--since", "6.3", "--table", table, path)
    assert done.status == 2
    assert done.err.startswith("table.yaml with the new rows (nothing is written):")
    assert "REGISTER_TINY: 'resv' is no member of struct tiny_arg" in done.err
    assert table.read_text("utf-8") == text


# -- the real table ----------------------------------------------------------------------

def reduced(tmp_path: Path, series: str) -> Path:
    path = tmp_path / f"ops-{series}.yaml"
    done = subprocess.run([sys.executable, HERE / "reduce.py", series, whole_table()],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path.write_text(done.stdout, "utf-8")
    return path


def constants(table: Path) -> dict[str, int | None]:
    found = build_table(load.load(table))
    values: dict[str, int | None] = {op.constant: op.number for op in found.ops}
    values |= {row.constant: row.number for row in found.registers}
    values |= {item.name: item.value for item in found.constants}
    for group in found.groups:
        if not group.external:
            values |= {entry.name: entry.number for entry in group.entries}
            values |= {group.last: None} if group.last else {}
    return values


def layouts(table: Path) -> dict[str, Any]:
    return {item.name: (item.size, {(place.path, place.offset, place.ctype, place.count)
                                    for place in item.placed})
            for item in build_table(load.load(table)).structs}


def test_reduced_to_the_newest_is_the_same(tmp_path: Path) -> None:
    table = whole_table()
    same = reduced(tmp_path, load.load(table).data["kernel"])
    assert constants(same) == constants(table)
    assert layouts(same) == layouts(table)


def test_from_an_older_kernel_to_the_newest(codegen: Command, tmp_path: Path) -> None:
    """The table as of 6.12, and the newest header: the same constants and layouts again."""
    whole = whole_table()
    newest = load.load(whole).data["kernel"]
    header = kernel_headers(newest)
    table = reduced(tmp_path, "6.12")
    assert len(constants(table)) < len(constants(whole)) - 50
    before = table.read_text("utf-8")
    done = codegen("adopt", "--since", newest, "--table", table, header)
    assert done.status == 0, done.out
    gone, _ = edits_of_lines(before, table.read_text("utf-8"))
    assert gone == ['kernel: "6.12"']
    assert constants(table) == constants(whole)
    assert layouts(table) == layouts(whole)
    same = codegen("diff", "--table", table, header)
    assert (same.status, same.out) == (0, "")
    out = tmp_path / "out"
    assert codegen("--table", table, "--out", out, "generate").status == 0
    source = tmp_path / "try.c"
    source.write_text("#include <rota/prep.h>\n#include <rota/register.h>\n", "utf-8")
    compile_c(source, "-fsyntax-only", f"-I{out}/include", f"-I{ROOT}/include")


def test_made_up_kernel_on_the_whole_table(codegen: Command, tmp_path: Path) -> None:
    """The newest header plus one of everything, through diff, adopt and generate."""
    whole = whole_table()
    newest = load.load(whole).data["kernel"]
    major, minor = newest.split(".")
    following = f"{major}.{int(minor) + 1}"
    real = kernel_headers(newest).parent
    root = tmp_path / "tree" / "linux"
    root.mkdir(parents=True)
    text = (real / "io_uring.h").read_text("utf-8")
    for old, new in (
            ("\tIORING_OP_LAST,", "\tIORING_OP_MADE_UP,\n\n\tIORING_OP_LAST,"),
            ("\tIORING_REGISTER_LAST,", "\tIORING_REGISTER_MADE_UP,\n\n\tIORING_REGISTER_LAST,"),
            ("#define IORING_SETUP_SQ_REWIND\t\t(1U << 20)",
             "#define IORING_SETUP_SQ_REWIND\t\t(1U << 20)\n"
             "#define IORING_SETUP_MADE_UP\t\t(1U << 21)\n#define MADE_UP_LIMIT\t\t77"),
            ("\t__u32 wq_fd;\n\t__u32 resv[3];",
             "\t__u32 wq_fd;\n\t__u32 made_up;\n\t__u32 resv[2];"),
            ("struct io_uring_cqe {", "struct made_up {\n\t__u64 a;\n\t__u32 b[2];\n};\n\n"
             "struct io_uring_cqe {")):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (root / "io_uring.h").write_text(text, "utf-8")
    (root / "io_uring").mkdir()
    for path in (real / "io_uring").glob("*.h"):
        (root / "io_uring" / path.name).write_text(path.read_text("utf-8"), "utf-8")

    header = root / "io_uring.h"
    table = tmp_path / "ops.yaml"
    table.write_text(whole.read_text("utf-8"), "utf-8")
    numbers = len(rows(table)["opcodes"]), len(rows(table)["register"])
    done = codegen("diff", "--table", table, header, f"-I{real.parent}")
    assert done.status == 1
    assert done.out.splitlines() == [
        f"+ opcode IORING_OP_MADE_UP: {numbers[0]}",
        f"+ register IORING_REGISTER_MADE_UP: {numbers[1]}",
        "+ flag IORING_SETUP_MADE_UP: 0x200000 (group setup)",
        "+ constant MADE_UP_LIMIT: 77",
        "+ structure made_up: 16 bytes",
        "+ field io_uring_params.made_up: __u32 at 28"]
    done = codegen("adopt", "--since", following, "--table", table, header, f"-I{real.parent}")
    assert done.status == 0, done.out
    gone, came = edits_of_lines(whole.read_text("utf-8"), table.read_text("utf-8"))
    assert len(gone) == 2 and gone[0] == f'kernel: "{newest}"' and "name: resv," in gone[1]
    assert came > 30
    assert codegen("diff", "--table", table, header, f"-I{real.parent}").out == ""
    out = tmp_path / "out"
    assert codegen("--table", table, "--out", out, "generate").status == 0
    source = tmp_path / "try.c"
    source.write_text(
        "#include <rota/prep.h>\n#include <rota/register.h>\n"
        f"_Static_assert(IORING_OP_MADE_UP == {numbers[0]}, \"\");\n"
        "_Static_assert(sizeof(struct made_up) == 16, \"\");\n", "utf-8")
    compile_c(source, "-Wpedantic", "-fsyntax-only", f"-I{out}/include", f"-I{ROOT}/include")
