"""Builds the trials of a row, with every value as C and the first kernel that can run it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from codegen.table import looks, names
from codegen.table.calls import Call
from codegen.table.conditions import is_number, parse
from codegen.table.known import Known, age
from codegen.table.requests import Prep
from codegen.table.trials import Error, Trial


def argument(text: str, ctype: str) -> str:
    """A value of a trial, cast where the parameter's type is another."""
    if names.is_pointer(ctype):
        number = is_number(text)
        return f"({ctype})(uintptr_t){text}" if number else f"({ctype}){text}"
    if is_number(text) and not text.startswith("-"):
        return text
    if ctype == "int" and is_number(text):
        return text
    return f"({ctype}){text}"


class TrialBuilder:
    """Makes trials of rows, and the errors that trials provoke."""

    def __init__(self, known: Known) -> None:
        self.known = known

    def _result(self, raw: Any) -> tuple[str, str]:
        value = raw.get("res", 0)
        if value in ("fd", "positive"):
            return "0", str(value)
        return self._value(value), "exact"

    def _value(self, value: Any) -> str:
        """A value of a trial as C: a number, a constant or what the scenario offers."""
        if isinstance(value, int):
            return str(value)
        bare = value.lstrip("-")
        if re.fullmatch(r"_*[A-Z][A-Z0-9_]*", bare):
            return str(value)
        return f"{'-' if value.startswith('-') else ''}l->{bare}"

    def trial(self, raw: Any, function: str, ctypes: tuple[str, ...], owner: str,
               index: int, error: str | None = None) -> Trial:
        res, kind = (f"-{error}", "exact") if error else self._result(raw)
        ages = [*self.known.ages[function], *([age(raw)] if "since" in raw else [])]
        ages += self.known.ages_of(part for value in raw.get("set", {}).values()
                              for part in str(value).split("|"))
        ages += self.known.ages_of(raw["args"])
        sets = tuple((name, " | ".join(self._value(part) for part in str(value).split("|"))
                      if isinstance(value, str) else str(value))
                     for name, value in raw.get("set", {}).items())
        what = error or ("ok" if index == 0 else f"ok {index + 1}")
        args = tuple(argument(self._value(value), ctype)
                     for value, ctype in zip(raw["args"], ctypes, strict=True))
        return Trial(raw["in"], function, args, sets, res, kind, raw.get("cqes", 1),
                     tuple(raw.get("flags", ())), names.latest(*(since for since, _ in ages)),
                     names.backported(ages), f"{owner} {function} in {raw['in']}: {what}",
                     index + 1 if error else 0)

    def error(self, raw: Any, owner: str, functions: Mapping[str, Prep | Call],
              index: int) -> Error:
        trial = None
        if "live" in raw:
            live = raw["live"]
            name = live.get("prep") or live.get("call") or next(iter(functions))
            function = functions[name]
            trial = self.trial(live, name, tuple(arg.ctype for arg in function.args), owner, index,
                                raw["errno"])
        return Error(raw["errno"], raw["cause"], raw.get("remedy"),
                     tuple(map(parse, raw.get("when", ()))),
                     tuple(map(looks.parse, raw.get("looks", ()))),
                     tuple(map(parse, raw.get("element", ()))), raw.get("partial", False),
                     raw.get("sole", False), tuple(map(parse, raw.get("done", ()))),
                     raw.get("since"), raw.get("until"), trial, raw.get("untried"),
                     raw.get("broken"))
