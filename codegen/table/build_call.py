"""Builds a register opcode of a row, and how each of its functions makes the call."""

from __future__ import annotations

from typing import Any

from codegen.table import names
from codegen.table.build_trial import TrialBuilder
from codegen.table.calls import Call, CallArg, Items, RegisterOp
from codegen.table.conditions import parse
from codegen.table.emulation import emulation
from codegen.table.known import Known, age
from codegen.table.layout import Placed

LARGEST = 128  # bytes of a structure that explanations look at


def _bytes_of(members: tuple[Placed, ...]) -> int:
    return max((item.offset + item.size for item in members), default=0)


class CallBuilder:
    """Makes register opcodes of rows."""

    def __init__(self, known: Known, trials: TrialBuilder) -> None:
        self.known = known
        self.trials = trials

    def register(self, raw: Any) -> RegisterOp:
        calls = tuple(self._call(item, raw) for item in raw.get("calls", ()))
        by_name = {call.name: call for call in calls}
        errors = tuple(self.trials.error(item, raw["name"], by_name, index)
                       for index, item in enumerate(raw.get("errors", ())))
        rings = raw.get("rings", {})
        return RegisterOp(
            raw["name"], raw["number"], raw["since"], raw["summary"], raw.get("note"),
            raw.get("arg"), raw.get("memory"), raw.get("lives"), raw["nr_args"],
            raw.get("without_ring"), raw.get("only_without_ring", False),
            tuple(rings.get("needs", ())), tuple(rings.get("refuses", ())), raw["res"],
            errors, calls, emulation(raw["emulate"]), tuple(raw.get("backports", ())),
            raw.get("draft", False), (raw["count"][0], raw["count"][1]) if "count" in raw else None,
            self._items(raw), tuple(map(parse, raw.get("must", ()))), *self._structure(raw))

    def _structure(self, raw: Any) -> tuple[tuple[Placed, ...], int]:
        """The members behind the argument, and how many bytes they are."""
        members = self.known.members.get(raw.get("arg", "").removeprefix("struct "), ())
        size = _bytes_of(members)
        # What the call takes one of: where there are several they are its items.
        single = "items" not in raw or bool({"at", "inside"} & set(raw["items"])) or \
            raw["items"]["of"] == "slot"
        return members, size if single and size <= LARGEST else 0

    def _items(self, raw: Any) -> Items | None:
        if "items" not in raw:
            return None
        items = raw["items"]
        of = items["of"]
        members = self.known.members.get(of.removeprefix("struct "), ())
        size = {"__s32": 4, "__u32": 4, "unsigned char": 1, "struct iovec": 0, "slot": 1}.get(
            of, _bytes_of(members))
        return Items(of, size, items.get("at"), items.get("count"), items.get("inside"),
                     items.get("first"), items.get("tags"), items.get("descriptor"),
                     items.get("part", False), items.get("written", False),
                     tuple(map(parse, items.get("must", ()))), members)

    def _call(self, raw: Any, row: Any) -> Call:
        args = tuple(CallArg(item["arg"], item["type"], item.get("liburing", item["type"]),
                             item["summary"]) for item in raw["args"])
        used = self.known.ages_of(raw.get("set", {}).values())
        ages = (age(row), *([age(raw)] if "since" in raw else []), *used)
        self.known.ages[raw["name"]] = ages
        since = names.latest(*(first for first, _ in ages))
        nr = raw.get("nr", 0)
        by_name = {arg.name: arg for arg in args}
        count = f"sizeof(struct {raw['struct']})" if nr == "sizeof" else str(nr)
        if count in by_name and by_name[count].ctype != "unsigned":
            count = f"(unsigned){count}"
        members = []
        for name, value in raw.get("set", {}).items():
            arg = by_name.get(str(value))
            pointer = arg is not None and names.is_pointer(arg.ctype)
            wanted = next(item.ctype for item in self.known.members[raw["struct"]]
                          if item.path.rpartition(".")[2] == name)
            text = f"(uintptr_t){value}" if pointer else str(value)
            wanted = wanted.replace("__aligned_u64", "__u64")
            if arg is not None and (arg.ctype != wanted):
                text = f"({wanted}){text}"
            members.append((name, text))
        ctypes = tuple(arg.ctype for arg in args)
        trials = tuple(self.trials.trial(item, raw["name"], ctypes, row["name"], index)
                       for index, item in enumerate(raw.get("live", ())))
        return Call(raw["name"], raw.get("summary", row["summary"]), args, raw.get("pass"),
                    raw.get("struct"), tuple(members), count, raw.get("handwritten"),
                    raw.get("without_ring", False), raw.get("own", False), raw.get("differs"),
                    since, trials, raw.get("untried"), raw.get("drop_in") == "hand")
