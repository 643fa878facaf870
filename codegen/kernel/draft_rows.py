"""Drafts of opcodes and register opcodes, each with one generic function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from codegen.kernel.draft import REFUSED, UNKNOWN, UNTRIED, Desk
from codegen.kernel.header import Constant
from codegen.table import names


class RowDrafts:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def opcodes(self, found: Sequence[Constant]) -> None:
        rows = []
        for item in self._dense(found, len(self.desk.table.ops)):
            name = item.name.removeprefix(names.opcode(""))
            taken = {prep.name for prep in self.desk.table.preps}
            fields = [row for row in self._generic_fields() if row["slot"] in self.desk.table.slots]
            function = name.lower() if name.lower() not in taken else f"{name.lower()}_op"
            rows.append({
                "name": name, "number": item.value, "since": self.desk.since, "summary": UNKNOWN,
                "fields": fields, "completion": {"res": UNKNOWN},
                "prep": [{"name": function, "args": [row["arg"] for row in fields],
                          "untried": UNTRIED}],
                "emulate": dict(REFUSED), "draft": True})
        self.desk.add_last("opcodes", rows)

    @staticmethod
    def _generic_fields() -> list[dict[str, Any]]:
        """What most requests have; memory as carefully as can be."""
        return [
            {"slot": "fd", "type": "int", "arg": "fd", "role": "file", "summary": UNKNOWN},
            {"slot": "addr", "type": "void *", "arg": "addr", "memory": "both",
             "lives": "completion", "summary": UNKNOWN},
            {"slot": "len", "type": "unsigned", "arg": "len", "summary": UNKNOWN},
            {"slot": "off", "type": "__u64", "arg": "offset", "summary": UNKNOWN},
            {"slot": "rw_flags", "type": "unsigned", "arg": "flags", "summary": UNKNOWN},
        ]

    def registers(self, found: Sequence[Constant]) -> None:
        rows = []
        for item in self._dense(found, len(self.desk.table.registers)):
            name = item.name.removeprefix(names.register(""))
            taken = {call.name for call in self.desk.table.calls}
            function = name.lower() if name.lower() not in taken else f"{name.lower()}_op"
            rows.append({
                "name": name, "number": item.value, "since": self.desk.since, "summary": UNKNOWN,
                "arg": "void", "memory": "both", "lives": "unregister",
                "nr_args": UNKNOWN, "res": UNKNOWN,
                "calls": [{
                    "name": function,
                    "args": [{"arg": "arg", "type": "void *", "summary": UNKNOWN},
                             {"arg": "nr_args", "type": "unsigned", "summary": UNKNOWN}],
                    "pass": "arg", "nr": "nr_args", "untried": UNTRIED}],
                "emulate": dict(REFUSED), "draft": True})
        self.desk.add_last("register", rows)

    def _dense(self, found: Sequence[Constant], following: int) -> Iterator[Constant]:
        """Rows are numbered without a gap: whatever comes after one is left to a person."""
        for item in sorted(found, key=lambda each: each.value):
            if item.value == following:
                yield item
                following += 1
            else:
                self.desk.reasons.append(f"{item.name} is {item.value}, but the next row is "
                                    f"number {following}")
