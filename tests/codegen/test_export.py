# SPDX-License-Identifier: MIT
"""ops.json: what its schema says, facts written down by hand, and stores that give the bytes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from codegen.table import checks, images, load, model
from codegen.table.build import build_table
from codegen.write import export, render
from conftest import ROOT, TINY, Command, compile_c, whole_table

SCHEMA = render.TEMPLATES / "ops.schema.json"


def build(path: Path) -> model.Table:
    source = load.load(path)
    checks.check(source)
    return build_table(source)


def text(path: Path) -> str:
    return export.export(export.data(build(path), path.parent / "include"))


@pytest.fixture(scope="module")
def table() -> model.Table:
    return build(whole_table())


@pytest.fixture(scope="module")
def exported() -> Any:
    return json.loads(text(whole_table()))


def by_name(rows: list[Any], name: str) -> Any:
    return next(row for row in rows if row["name"] == name)


# -- form -------------------------------------------------------------------

def test_schema_is_a_schema_and_describes_each_key() -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, part in {"": schema, **schema["$defs"]}.items():
        closed = part.get("additionalProperties", False) is False
        assert closed or "properties" not in part, name
        for key, value in part.get("properties", {}).items():
            said = "description" in value or "$ref" in value or key == "$schema"
            assert said, f"{name}: {key} has no description"


def test_whole_table_obeys_the_schema(exported: Any) -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    found = [f"{list(error.absolute_path)}: {error.message}"
             for error in jsonschema.Draft202012Validator(schema).iter_errors(exported)]
    assert found == []


def test_tiny_table_obeys_the_schema() -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(text(TINY)))


@pytest.mark.parametrize("spoil", [
    lambda whole: whole.pop("kernel"),
    lambda whole: whole.update(extra=1),
    lambda whole: whole.update(schema_version=2),
    lambda whole: whole["opcodes"][0].update(number="0"),
    lambda whole: whole["opcodes"][0]["fields"].append({"field": "len"}),
    lambda whole: whole["opcodes"][0]["completion"].update(shape="two"),
])
def test_schema_refuses(spoil: Any) -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    whole = json.loads(text(TINY))
    spoil(whole)
    assert not jsonschema.Draft202012Validator(schema).is_valid(whole)


def test_text_is_stable_and_indented_by_two(exported: Any) -> None:
    said = text(whole_table())
    assert said == text(whole_table())
    assert said.endswith("}\n") and "\t" not in said
    indents = {len(line) - len(line.lstrip(" ")) for line in said.splitlines()}
    assert all(width % 2 == 0 for width in indents) and {0, 2, 4} <= indents
    order = ["$schema", "schema_version", "kernel", "constants", "groups", "structs",
             "conversions", "opcodes", "commands", "register", "architectures", "own_constants",
             "own_structs", "variables", "callbacks", "functions"]
    assert list(exported) == order


def test_generate_writes_both_files(codegen: Command, tmp_path: Path) -> None:
    assert codegen("--table", TINY, "--out", tmp_path, "generate").status == 0
    whole = json.loads((tmp_path / "ops.json").read_text("utf-8"))
    assert (tmp_path / whole["$schema"]).resolve() == (tmp_path / "ops.schema.json").resolve()
    assert (tmp_path / "ops.schema.json").read_bytes() == SCHEMA.read_bytes()


def test_no_test_data() -> None:
    assert not re.search(r'"(live|trials|untried|expected|scenarios|in)":',
                         text(whole_table()))


# -- facts that are known without the table ---------------------------------

def test_rows_are_numbered(exported: Any) -> None:
    assert [row["number"] for row in exported["opcodes"]] == list(range(65))
    assert [row["number"] for row in exported["register"]] == list(range(38))


def test_read_by_hand(exported: Any) -> None:
    read = by_name(exported["opcodes"], "READ")
    assert (read["number"], read["since"], read["sqe_size"]) == (22, "5.6", 64)
    places = {item["field"]: (item["offset"], item["size"]) for item in read["fields"]}
    assert places["fd"] == (4, 4)
    assert places["off"] == (8, 8)
    assert places["addr"] == (16, 8)
    assert places["len"] == (24, 4)
    assert places["rw_flags"] == (28, 4)
    prep = by_name(read["prep"], "read")
    assert prep["function"] == "rota_prep_read"
    assert [arg["name"] for arg in prep["args"]] == ["fd", "buf", "nbytes", "offset"]
    assert prep["stores"][0] == {"field": "opcode", "offset": 0, "size": 1, "value": 22,
                                 "constants": ["IORING_OP_READ"]}


def test_structures_by_hand(exported: Any) -> None:
    sizes = {row["name"]: row["size"] for row in exported["structs"]}
    assert sizes["io_uring_sqe"] == 64
    assert sizes["io_uring_cqe"] == 16
    assert sizes["io_uring_params"] == 120
    params = by_name(exported["structs"], "io_uring_params")
    assert by_name(params["members"], "features")["offset"] == 20
    cqe = by_name(exported["structs"], "io_uring_cqe")
    assert [(item["name"], item["offset"]) for item in cqe["members"][:3]] == \
        [("user_data", 0), ("res", 8), ("flags", 12)]


def test_flags_by_hand(exported: Any) -> None:
    setup = by_name(exported["groups"], "setup")
    values = {entry["name"]: entry["value"] for entry in setup["entries"]}
    assert values["IORING_SETUP_SQPOLL"] == 2
    assert values["IORING_SETUP_DEFER_TASKRUN"] == 1 << 13
    rule = next(rule for rule in by_name(exported["opcodes"], "RECV")["rules"]
                if rule["must"][0]["text"] == "flags has IOSQE_BUFFER_SELECT")
    assert (rule["must"][0]["offset"], rule["must"][0]["value"]) == (1, 1 << 5)
    assert rule["when"][0]["value"] == 1 << 1  # IORING_RECV_MULTISHOT


def test_register_by_hand(exported: Any) -> None:
    row = by_name(exported["register"], "REGISTER_FILES_UPDATE")
    call = by_name(row["calls"], "register_files_update")
    assert row["number"] == 6 and call["struct"] == "io_uring_rsrc_update"
    assert call["set"] == [{"member": "offset", "value": "off"},
                           {"member": "data", "value": "files"}]
    assert call["nr"] == "nr_files"


# -- references and stores --------------------------------------------------

def test_prototypes_are_those_of_the_headers(exported: Any, tmp_path: Path) -> None:
    """A compiler takes each once more beside the headers, and no other of the same name."""
    lines = [f"#include <{header}>" for header in
             ("rota.h", *sorted({row["header"] for row in exported["functions"]}))]
    for row in (*exported["functions"], *exported["callbacks"]):
        lines.append(f"#undef {row['name']}")
    lines += [f"{row['prototype']};" for row in exported["functions"]]
    for row in exported["callbacks"]:
        arguments = ", ".join(arg["type"] for arg in row["args"])
        lines.append(f"typedef {row['returns']} {row['name']}({arguments});")
    source = tmp_path / "prototypes.c"
    source.write_text("\n".join(["#define _GNU_SOURCE", *lines, ""]), "utf-8")
    compile_c(source, "-c", "-o", tmp_path / "prototypes.o", "-I", ROOT / "include",
              "-I", ROOT / "generated" / "include")
    assert len(exported["functions"]) > 800


def test_references_lead_somewhere(exported: Any) -> None:
    groups = {group["name"]: {entry["name"] for entry in group["entries"]}
              for group in exported["groups"]}
    structs = {struct["name"] for struct in exported["structs"]}
    for op in exported["opcodes"]:
        for field in op["fields"]:
            if "flags" in field:
                assert {taken["name"] for taken in field["takes"]} <= groups[field["flags"]]
        for prep in op["prep"]:
            stored = [store["arg"] for store in prep["stores"] if "arg" in store]
            assert sorted(stored) == sorted(arg["name"] for arg in prep["args"])
        assert set(op["completion"].get("flags", ())) <= groups["cqe"]
    for row in exported["register"]:
        for call in row["calls"]:
            assert call.get("struct", "io_uring_sqe") in structs


def test_stores_lie_inside_and_apart(exported: Any) -> None:
    for op in exported["opcodes"]:
        for prep in op["prep"]:
            taken: set[int] = set()
            for store in prep["stores"]:
                assert "value" in store or "arg" in store, prep["name"]
                places = set(range(store["offset"], store["offset"] + store["size"]))
                assert max(places) < prep.get("sqe_size", op["sqe_size"]), prep["name"]
                assert not places & taken, prep["name"]
                taken |= places


def convert(how: str | None, value: int, order: str) -> int:
    """The conversions as ops.json tells them, written from its words."""
    if how is None:
        return value
    if how == "poll_mask":
        low, high = value & 0xFFFF, value >> 16 & 0xFFFF
        return value if order == "little" else low << 16 | high
    if how == "direct_slot":
        return value if value == 0xFFFFFFFF else value + 1
    assert how == "zero_extend"
    return value & 0xFFFFFFFF


@pytest.mark.parametrize("order", ["little", "big"])
def test_replayed_stores_give_the_image(table: model.Table, exported: Any, order: Any) -> None:
    """What a binding would do with the stores is what the whole-SQE tests expect of C."""
    count = 0
    for op, row in zip(exported["opcodes"], table.ops):
        for prep, expected in zip(op["prep"], row.preps):
            assert prep["name"] == expected.name
            values = {arg.name: images.sample(arg.ctype, index)[1]
                      for index, arg in enumerate(expected.args)}
            image = bytearray(prep.get("sqe_size", op["sqe_size"]))
            for store in prep["stores"]:
                if "copied" in store:
                    end = store["offset"] + store["size"]
                    image[store["offset"]:end] = images.PAYLOAD[:store["size"]]
                    continue
                number = store.get("value", 0)
                if "arg" in store:
                    number |= convert(store.get("conversion"), values[store["arg"]], order)
                size = store["size"]
                number &= (1 << 8 * size) - 1
                image[store["offset"]:store["offset"] + size] = number.to_bytes(size, order)
            assert tuple(image) == dict(expected.expected)[order], prep["function"]
            count += 1
    assert count == len(table.preps) > 100


def test_conversions_are_all_told(exported: Any) -> None:
    used = {store["conversion"] for op in exported["opcodes"] for prep in op["prep"]
            for store in prep["stores"] if "conversion" in store}
    assert used == set(exported["conversions"])


# -- what must not get lost ---------------------------------------------------

def test_every_backport_and_every_answer_to_other_flags_is_exported(exported: Any) -> None:
    """Key by key, as the table has it: a lost one makes another check."""
    data = load.load(whole_table()).data
    for row, op in zip(data["opcodes"], exported["opcodes"], strict=True):
        for raw, field in zip(row.get("fields", ()), op["fields"], strict=True):
            assert field.get("backports", []) == raw.get("backports", []), row["name"]
            assert (field.get("half") == "lower") == ("bits" in raw), row["name"]
            if "flags" not in raw:
                continue
            others = raw.get("others", "submit")
            assert field["others"] == ("issue" if others.startswith("E") else others), row["name"]
            if others.startswith("E"):
                assert field["others_errno"] == others
            given = {next(iter(item)): item.get("backports", []) for item in raw.get("takes", ())
                     if isinstance(item, dict)}
            for taken in field["takes"]:
                if taken["name"] in given:
                    assert taken.get("backports", []) == given[taken["name"]], row["name"]
        given = [item.get("backports", []) if isinstance(item, dict) else []
                 for item in row.get("ignored", ())]
        assert [item.get("backports", []) for item in op.get("ignored", ())][:len(given)] == given
        for raw, rule in zip(row.get("rules", ()), op.get("rules", ()), strict=True):
            assert rule.get("backports", []) == raw.get("backports", []), row["name"]
        done = row["completion"]
        assert op["completion"].get("short") == done.get("short"), row["name"]
        assert ("or_when" in op["completion"]) == ("or_when" in done), row["name"]
        assert op["iosqe"].get("fixed_file_before", "EBADF") == row.get("iosqe_before", {}).get(
            "IOSQE_FIXED_FILE", "EBADF"), row["name"]
