# SPDX-License-Identifier: MIT
"""Reading kernel headers with the compiler, on made-up ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from codegen.kernel import header, read
from conftest import HERE, TINY, Command, compiler

OLD = HERE / "headers" / "old" / "linux" / "io_uring.h"
NEW = HERE / "headers" / "new" / "linux" / "io_uring.h"


@pytest.fixture(autouse=True)
def _compiler() -> None:
    compiler()


def lone(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "lone.h"
    path.write_text(f"#include <linux/types.h>\n{text}\n", "utf-8")
    return path


def test_values_and_suffixes() -> None:
    found = read.read_header([OLD]).constants
    facts = {name: (found[name].value, found[name].suffix) for name in (
        "TINY_SHIFT", "TINY_FAR", "TINY_SKIP", "IORING_FILE_INDEX_ALLOC", "LOOK_BOTH",
        "IORING_OP_WATCH", "TINY_BESIDE", "IOSQE_CQE_SKIP_SUCCESS_BIT")}
    assert facts == {
        "TINY_SHIFT": (16, ""), "TINY_FAR": (1 << 39, "ULL"), "TINY_SKIP": (-2, ""),
        "IORING_FILE_INDEX_ALLOC": (0xFFFFFFFF, "U"), "LOOK_BOTH": (3, "U"),
        "IORING_OP_WATCH": (3, ""), "TINY_BESIDE": (1 << 31, ""),
        "IOSQE_CQE_SKIP_SUCCESS_BIT": (6, "")}


def test_what_is_no_constant() -> None:
    found = read.read_header([OLD]).constants
    for name in ("TINY_CALL", "TINY_NAME", "TINY_NOWHERE", "TINY_POINTER", "TINY_GONE",
                 "LINUX_IO_URING_H"):
        assert name not in found
    assert not [name for name in found if name.startswith("rota_")]


def test_only_the_headers_own_names() -> None:
    """Nothing of linux/types.h and the like."""
    found = read.read_header([OLD])
    assert set(found.structs) == {"io_uring_sqe", "io_uring_cqe", "tiny_words", "tiny_arg"}
    assert found.files == {"linux/io_uring.h": "LINUX_IO_URING_H",
                           "linux/io_uring/tiny.h": "LINUX_IO_TINY_H"}


def test_members() -> None:
    sqe = {item.path: item for item in read.read_header([OLD]).structs["io_uring_sqe"].placed}
    assert (sqe["cmd_op"].offset, sqe["cmd_op"].size, sqe["cmd_op"].ctype) == (8, 4, "__u32")
    assert (sqe["cmd"].offset, sqe["cmd"].size, sqe["cmd"].count) == (48, 0, 0)
    assert (sqe["__pad2"].offset, sqe["__pad2"].size, sqe["__pad2"].count) == (56, 8, 1)
    arg = read.read_header([OLD]).structs["tiny_arg"]
    paths = {item.path: (item.ctype, item.offset, item.count) for item in arg.placed}
    assert (arg.size, arg.align) == (64, 16)
    assert paths == {
        "when": ("struct __kernel_timespec", 0, None), "place": ("struct", 16, None),
        "place.row": ("__u32", 16, None), "place.column": ("__u16", 20, None),
        "who": ("union", 24, None), "who.id": ("__u32", 24, None), "who.name": ("char", 24, 4),
        "ptr": ("__aligned_u64", 32, None), "resv": ("__u64", 40, 2)}


def test_unions_and_flexible_arrays(tmp_path: Path) -> None:
    found = read.read_header([lone(tmp_path, """
        #include <linux/stddef.h>
        struct one { __u32 n; __DECLARE_FLEX_ARRAY(__u16, all); };
        struct two { union { __u64 a; __DECLARE_FLEX_ARRAY(struct one, ones); }; };
        union three { __u8 small; __u64 big; };
        """)]).structs
    assert [(item.path, item.count, item.offset) for item in found["one"].placed] == [
        ("n", None, 0), ("all", 0, 4)]
    assert [(item.path, item.ctype) for item in found["two"].placed] == [
        ("a", "__u64"), ("ones", "struct one")]
    assert found["three"].union and not found["two"].union


def test_every_compiler_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [name for name in ("gcc", "clang") if shutil.which(name)]
    if len(found) < 2:
        pytest.skip("only one of gcc and clang is installed")
    seen = []
    for name in found:
        monkeypatch.setenv("CC", name)
        seen.append(read.read_header([NEW]))
    assert seen[0].structs == seen[1].structs
    assert seen[0].constants == seen[1].constants


def test_beside_it(tmp_path: Path) -> None:
    """linux/io_uring/*.h belongs to linux/io_uring.h even if that does not include it."""
    root = tmp_path / "linux"
    (root / "io_uring").mkdir(parents=True)
    (root / "io_uring.h").write_text("#define ONE 1U\n", "utf-8")
    (root / "io_uring" / "two.h").write_text("#define TWO 2U\n", "utf-8")
    found = read.read_header([root / "io_uring.h", root / "io_uring" / "two.h"])
    assert list(found.constants) == ["ONE", "TWO"]
    assert list(read.read_header([root / "io_uring.h"]).constants) == ["ONE", "TWO"]
    assert list(read.read_header([root / "io_uring" / "two.h"]).constants) == ["TWO"]


def test_include_directories(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "far.h").write_text("#define FAR 7U\n", "utf-8")
    path = lone(tmp_path, "#include <far.h>\n#define NEAR (FAR + 1U)")
    with pytest.raises(header.HeaderError, match="far.h"):
        read.read_header([path])
    found = read.read_header([path], [tmp_path / "far"])
    assert {name: item.value for name, item in found.constants.items()} == {"NEAR": 8}


def unreadable(codegen: Command, path: object) -> str:
    done = codegen("diff", "--table", TINY, path)
    assert (done.status, done.out) == (2, "")
    return done.err


def test_no_such_file(codegen: Command, tmp_path: Path) -> None:
    assert unreadable(codegen,
        tmp_path / "no.h") == f"codegen: {tmp_path}/no.h: there is no such file\n"


def test_not_c(codegen: Command, tmp_path: Path) -> None:
    said = unreadable(codegen, lone(tmp_path, "struct one { __u32 };;\nstruct two { bad x; };"))
    assert "cannot read it" in said and "lone.h:" in said and "bad" in said


def test_empty(codegen: Command, tmp_path: Path) -> None:
    assert unreadable(codegen, lone(tmp_path, "")).endswith("lone.h: it defines nothing\n")


def test_no_compiler(codegen: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    assert unreadable(codegen, OLD) == (
        "codegen: no-such-compiler is missing; install gcc, or set CC\n")


def test_no_readelf(codegen: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CC", os.path.realpath(str(shutil.which(compiler()))))
    if shutil.which("as"):
        (tmp_path / "as").symlink_to(str(shutil.which("as")))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert unreadable(codegen, OLD) == "codegen: readelf is missing; install binutils\n"


def test_broken_table(codegen: Command, tmp_path: Path) -> None:
    table = tmp_path / "bad.yaml"
    table.write_text("kernel: 6.2\n", "utf-8")
    for command in (["diff"], ["adopt", "--since", "6.3"]):
        done = codegen(*command, "--table", table, OLD)
        assert (done.status, done.out) == (2, "")
        assert "bad.yaml:1: error: kernel: 6.2 stands where text (in quotes) belongs" in done.err
