# SPDX-License-Identifier: MIT
"""codegen diff: what a header and the table say differently, on made-up and on real headers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codegen.table import layout, load, names
from conftest import HERE, TINY, Command, compiler, kernel_headers, whole_table

OLD = HERE / "headers" / "old" / "linux" / "io_uring.h"
NEW = HERE / "headers" / "new" / "linux" / "io_uring.h"

ADDED = """\
+ header linux/io_uring/more.h: LINUX_IO_MORE_H
+ opcode IORING_OP_HEAR: 6
+ opcode IORING_OP_SMELL: 7
+ register IORING_REGISTER_EAR: 3
+ flag IOSQE_HEAR: 128 (group sqe)
+ flag IORING_SETUP_HEAR: 4 (group setup)
+ flag LOOK_HARD: 16 (group look)
+ flag TINY_REGION_EAR: 2 (group tiny_region)
+ flag TINY_REGION_END: 3 (group tiny_region)
+ value TINY_KIND_EAR: 2 (group tiny_kind)
+ value MORE_LEFT: 1
+ value MORE_RIGHT: 2
+ value MORE_KIND_NONE: 0
+ value MORE_KIND_SOME: 1
+ value __MORE_KIND_MAX: 2
+ constant IORING_ODD: 64
+ constant TINY_MANY: 0xffffffffffffffff
+ constant HEAR_WELL_LEFT: 1
+ constant HEAR_WELL_RIGHT: 2
+ constant MORE_SHIFT: 48
+ constant MORE_MASK: 0xffff000000000000
+ structure more_ear: 8 bytes
+ structure more_ears: 24 bytes
+ field io_uring_sqe.level: __u32 at 16
+ field io_uring_sqe.name: __u32 at 20
+ field io_uring_sqe.hear_flags: __u32 at 28
+ field io_uring_sqe.addr4: __u64 at 56
+ field tiny_arg.ears: __u32 at 40
"""


@pytest.fixture(autouse=True)
def _compiler() -> None:
    compiler()


def changed(tmp_path: Path, *pairs: tuple[str, str]) -> Path:
    """The old header with pieces replaced, in a tree of its own."""
    root = tmp_path / "tree"
    shutil.copytree(OLD.parent, root / "linux")
    for old, new in pairs:
        found = [path for path in root.rglob("*.h") if old in path.read_text("utf-8")]
        assert len(found) == 1, old
        found[0].write_text(found[0].read_text("utf-8").replace(old, new), "utf-8")
    return root / "linux" / "io_uring.h"


def test_same(codegen: Command) -> None:
    done = codegen("diff", "--table", TINY, OLD)
    assert (done.status, done.out, done.err) == (0, "", "")


def test_added(codegen: Command) -> None:
    done = codegen("diff", "--table", TINY, NEW)
    assert (done.status, done.err) == (1, "")
    assert done.out == ADDED


def test_json(codegen: Command) -> None:
    same = codegen("diff", "--json", "--table", TINY, OLD)
    assert same.status == 0
    assert json.loads(same.out) == {"kernel": "6.2", "headers": [str(OLD)], "differences": []}
    done = codegen("diff", "--table", TINY, NEW, "--json")
    assert done.status == 1
    found = json.loads(done.out)["differences"]
    assert len(found) == len(ADDED.splitlines())
    assert found[4] == {"what": "added", "kind": "flag", "name": "IOSQE_HEAR", "header": "128",
                        "group": "sqe"}


@pytest.mark.parametrize("old, new, said", [
    ("	IORING_OP_OPEN,\n	IORING_OP_WATCH,\n", "	IORING_OP_WATCH,\n	IORING_OP_OPEN,\n",
     ["~ opcode IORING_OP_OPEN: 3 in the header, 2 in the table",
      "~ opcode IORING_OP_WATCH: 2 in the header, 3 in the table"]),
    ("	IORING_OP_TELL,\n", "", ["- opcode IORING_OP_TELL: 5 (since 6.1)"]),
    ("#define LOOK_TWICE	(1U << 0)", "#define LOOK_TWICE	(1U << 4)",
     ["~ flag LOOK_TWICE: 16 in the header, 1 in the table",
      "~ flag LOOK_BOTH: 18 in the header, 3 in the table"]),
    ("#define LOOK_NEVER	(1U << 3)\n", "", ["- flag LOOK_NEVER: 8 (group look, since 6.0)"]),
    ("	IORING_UNREGISTER_TINY		= 1,\n", "",
     ["- register IORING_UNREGISTER_TINY: 1 (since 6.1)"]),
    ("#define TINY_SKIP	(-2)", "#define TINY_SKIP	(-3)",
     ["~ constant TINY_SKIP: -3 in the header, -2 in the table"]),
    ("	TINY_KIND_LAST,\n", "", ["- value TINY_KIND_LAST (group tiny_kind, since 6.0)"]),
    ("#ifndef LINUX_IO_TINY_H\n#define LINUX_IO_TINY_H",
     "#ifndef _LINUX_IO_TINY_H\n#define _LINUX_IO_TINY_H",
     ["~ header linux/io_uring/tiny.h: _LINUX_IO_TINY_H in the header, "
      "LINUX_IO_TINY_H in the table"]),
    ("	__s32	fd;", "	__u32	fd;",
     ["~ field io_uring_sqe.fd: __u32 at 4 in the header, __s32 at 4 in the table"]),
    ("	char	name[4];", "	char	name[8];",
     ["~ field tiny_arg.who.name: char[8] at 24 in the header, char[4] at 24 in the table"]),
    ("union tiny_words {", "struct tiny_words {",
     ["~ structure tiny_words: 16 bytes in the header, 8 bytes in the table",
      "~ structure tiny_words: a structure in the header, a union in the table",
      "~ field tiny_words.halves: __u32[2] at 8 in the header, __u32[2] at 0 in the table"]),
    ("	__u32	open_flags;\n", "",
     ["- field io_uring_sqe.open_flags: __u32 at 28 (since 6.0)"]),
    ("	__u64		resv[2];", "	__u64		resv[4];",
     ["~ structure tiny_arg: 80 bytes in the header, 64 bytes in the table"]),
    ("	__u64		resv[2];", "	__u32		resv[4];",
     ["~ field tiny_arg.resv: __u32[4] at 40 in the header, __u64[2] at 40 in the table"]),
    ("	IORING_REGISTER_LAST,\n", "", []),
])
def test_changed(old: str, new: str, said: list[str], codegen: Command, tmp_path: Path) -> None:
    done = codegen("diff", "--table", TINY, changed(tmp_path, (old, new)))
    assert done.out.splitlines() == said
    assert done.status == (1 if said else 0)


# -- real headers ------------------------------------------------------------------------

def newer(since: str, limit: str) -> bool:
    return names.version(since) > names.version(limit)


def facts(data: Any) -> Iterator[tuple[str, str, Any]]:
    """Kind, name and row of everything in the table that a header defines."""
    for section, kind, maker in (("opcodes", "opcode", names.opcode),
                                 ("register", "register", names.register)):
        for row in data.get(section, ()):
            yield kind, maker(row["name"]), row
    for row in data["constants"]:
        yield "constant", row["name"], row
    for group in data["groups"]:
        if "header" in group:
            continue
        kind = "value" if group.get("kind") == "values" else "flag"
        for row in group["entries"]:
            yield kind, row["name"], row
        if "last" in group:
            yield kind, group["last"], min(group["entries"], key=lambda row: names.version(
                row["since"]))
    for struct in data["structs"]:
        yield "structure", struct["name"], struct
        for row in layout.flat(struct["members"]):
            yield "field", f"{struct['name']}.{row['name']}", {"since": struct["since"], **row}


def test_newest_header_is_the_table(codegen: Command) -> None:
    table = whole_table()
    done = codegen("diff", "--table", table, kernel_headers(load.load(table).data["kernel"]))
    assert (done.status, done.out, done.err) == (0, "", "")


# A mask follows the flags that it is made of.
CHANGED = {"6.12": ["IORING_URING_CMD_MASK"]}


@pytest.mark.parametrize("series", sorted(CHANGED))
def test_older_header_lacks_what_came_later(series: str, codegen: Command) -> None:
    """Exactly the rows with a later `since`, unless the stable series has taken them over."""
    table = whole_table()
    data = load.load(table).data
    done = codegen("diff", "--json", "--table", table, kernel_headers(series))
    found = json.loads(done.out)["differences"]
    assert done.status == 1
    late_structs = {row["name"] for row in data["structs"] if newer(row["since"], series)}
    wanted, carried = set(), set()
    for kind, name, row in facts(data):
        if newer(row["since"], series) and not (
                kind == "field" and name.split(".")[0] in late_structs):
            (carried if series in row.get("backports", ()) else wanted).add((kind, name))
    removed = {(item["kind"], item["name"]) for item in found if item["what"] == "removed"}
    assert removed == wanted
    assert not removed & carried
    assert [item["name"] for item in found if item["what"] == "changed"] == CHANGED[series]
    assert [item for item in found if item["what"] == "added"] == []
