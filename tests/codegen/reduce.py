#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print the table as it would stand for an older kernel: reduce.py RELEASE [TABLE].

Everything with a later `since` is left out, and with it whatever mentions it. The result is a
valid table without comments, for trying out `codegen adopt`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from codegen import __main__ as entry  # noqa: E402 (the path comes first)

if entry.missing() and (other := entry.other_interpreter()):
    os.execv(other, [other, *sys.argv])

from codegen.kernel import edit  # noqa: E402
from codegen.table import layout, load, names  # noqa: E402
from codegen.table.conditions import parse  # noqa: E402
from codegen.table.structs import SQE  # noqa: E402

GONE = object()
# Keys that give a name instead of referring to one.
OWN = {"name", "group", "type", "arg", "last", "enum", "bits"}
# Texts for people, in which a name is no reference.
PROSE = {"summary", "note", "cause", "remedy", "because", "res", "nr_args", "differs", "untried",
         "refused", "syscall", "config", "handwritten", "big", "header"}


def newer(version: Any, limit: str) -> bool:
    return isinstance(version, str) and names.version(version) > names.version(limit)


def dated(value: Any, limit: str) -> Any:
    """A value without what is newer than the limit."""
    if isinstance(value, list):
        kept = [dated(each, limit) for each in value]
        return [each for each in kept if each is not GONE]
    if not isinstance(value, dict):
        return value
    if newer(value.get("since"), limit):
        # A field that older kernels do not look at is still not looked at.
        return value["slot"] if value.get("before") == "ignored" else GONE
    if len(value.keys() - {"backports"}) == 1:  # a flag and the first kernel that takes it here
        version = next(iter(value.values()))
        if isinstance(version, str) and load.is_version(version) and newer(version, limit):
            return GONE
    found = {}
    for key, each in value.items():
        if key == "until" and newer(each, limit):
            continue
        inner = dated(each, limit)
        if key == "ignored":  # zero is wanted only later
            inner = [item if isinstance(item, str) else next(iter(item)) if newer(
                next(iter(item.values())), limit) else item for item in each]
        if key == "iosqe_since":
            inner = {flag: version for flag, version in each.items() if not newer(version, limit)}
        if key in ("union", "struct") and isinstance(inner, list) and not inner:
            return GONE
        if inner is not GONE and (inner or not each):
            found[key] = inner
    if "iosqe_before" in found:
        known = found.get("iosqe_since", {})
        found["iosqe_before"] = {flag: what for flag, what in found["iosqe_before"].items()
                                 if flag in known}
        if not found["iosqe_before"]:
            del found["iosqe_before"]
    if "fields" in found:
        late = [item for item in found["fields"] if isinstance(item, str)]
        found["fields"] = [item for item in found["fields"] if not isinstance(item, str)]
        found["ignored"] = [*found.get("ignored", []), *late]
    return found


def defined(table: dict[str, Any]) -> set[str]:
    """Every name that a row may refer to."""
    found = {row["name"] for row in table["constants"]}
    for group in table["groups"]:
        found |= {group["group"], *(row["name"] for row in group["entries"])}
    for row in table["opcodes"]:
        found.add(names.opcode(row["name"]))
    for row in table.get("register", []):
        found.add(names.register(row["name"]))

    def members(rows: list[Any]) -> Iterator[str]:
        for row in rows:
            if "name" in row:
                yield row["name"]
            yield from members(row.get("union", row.get("struct", [])))

    for struct in table["structs"]:
        found.add(struct["name"])
        if struct["name"] == SQE:
            found |= {*members(struct["members"])}
    for row in table.get("scenarios", []):
        found |= {row["name"], *row.get("offers", [])}
    return found


def without(value: Any, lost: set[str]) -> Any:
    """A value without what mentions a name that is lost."""
    def mentions(text: Any) -> bool:
        return isinstance(text, str) and not lost.isdisjoint(re.findall(r"\w+", text))

    if isinstance(value, list):
        kept = [without(each, lost) for each in value]
        return [each for each in kept if each is not GONE and not mentions(each)]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, each in value.items():
        inner = each if key in PROSE else without(each, lost)
        if inner is GONE or key in lost:
            if key in lost:
                return GONE
            continue
        if key not in PROSE and key not in OWN and mentions(inner):
            return GONE
        if key == "when" and inner != each and "res" in value:
            found.pop("shape", None)  # a completion that only a newer flag makes a stream
            continue
        if key in ("set", "must", "args", "when") and inner != each:
            return GONE
        if inner or not each:
            found[key] = inner
    return found


def reduce(table: dict[str, Any], limit: str) -> dict[str, Any]:
    # Commands go altogether: adopt knows the headers of io_uring, and not those of others.
    old = defined(table) | {row["name"] for family in table.get("commands", [])
                            for row in family.get("commands", [])}
    table = {key: value for key, value in table.items() if key != "commands"}
    result = {key: value if key in ("kernel", "scenarios", "headers",
                                                   "architectures") else dated(value, limit)
              for key, value in table.items()}
    result["kernel"] = limit
    result["groups"] = [group for group in result["groups"] if group.get("entries")]
    numbered = {row["name"] for row in result["opcodes"]}
    for row in result["opcodes"]:
        if row.get("large") not in numbered:
            row.pop("large", None)
    lost = old - defined(result)
    members_of = {struct["name"]: {row["name"] for row in layout.flat(struct["members"])}
                  for struct in result["structs"]}
    for _ in range(3):  # a prep function goes with its fields, an error's trial with its prep
        for section in ("groups", "opcodes", "register"):
            if section in result:
                result[section] = without(result[section], lost)
        for row in result["opcodes"]:
            arguments = {field["arg"] for field in row.get("fields", []) if "arg" in field}
            row["prep"] = [prep for prep in row.get("prep", []) if all(
                isinstance(arg, dict) or arg in arguments for arg in prep["args"])]
            settle(row, "prep")
        for row in result.get("register", []):
            of_members(row, members_of.get(row.get("arg", "").removeprefix("struct "), set())
                       | {"ring", "nr_args", "arg"})
            row["calls"] = [call for call in row.get("calls", []) if call.get("set", {}).keys()
                            <= members_of.get(call.get("struct"), set(call.get("set", {})))]
            settle(row, "calls", "call")
    return result


def of_members(row: dict[str, Any], known: set[str]) -> None:
    """What a register call says of members goes with them, an error with its condition."""
    def subjects(holder: dict[str, Any], key: str) -> list[str]:
        return [parse(text).subject for text in holder.get(key, [])]

    row["must"] = [text for text in row.get("must", []) if parse(text).subject in known]
    if not row["must"]:
        del row["must"]
    row["errors"] = [error for error in row.get("errors", [])
                     if known.issuperset(subjects(error, "when"))]


def settle(row: dict[str, Any], key: str, word: str = "prep") -> None:
    """Whatever lost its trials says so; an error's trial needs its function."""
    functions = {item["name"] for item in row.get(key, [])}
    for item in [*row.get(key, []), *row.get("errors", [])]:
        live = item.get("live")
        if isinstance(live, dict):  # an error's trial, which may leave an only function unsaid
            known = live[word] in functions if word in live else len(functions) == 1
            if not known:
                del item["live"]
        if not item.get("live"):
            item.pop("live", None)
        if not item.keys() & {"live", "tried", "broken"}:
            item.setdefault("untried", "left out by reduce.py")


def print_table(table: dict[str, Any]) -> str:
    lines = [f'kernel: "{table["kernel"]}"']
    for section, rows in table.items():
        if section == "kernel":
            continue
        lines += ["", f"{section}:"]
        for index, row in enumerate(rows):
            short = section in ("headers", "scenarios", "architectures")
            lines += [""] if index and not short and section != "constants" else []
            lines += edit.item(row, 2, block=not short)
    return "\n".join(lines) + "\n"


def main() -> int:
    if len(sys.argv) not in (2, 3) or not load.is_version(sys.argv[1]):
        print("usage: reduce.py RELEASE [TABLE]", file=sys.stderr)
        return 2
    path = Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "ops.yaml"
    print(print_table(reduce(load.load(path).data, sys.argv[1])), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
