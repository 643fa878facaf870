"""Builds an opcode of a row: its fields and rules, and what each prep function stores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from codegen.table import names
from codegen.table.build_trial import TrialBuilder
from codegen.table.conditions import Condition, parse
from codegen.table.emulation import emulation
from codegen.table.images import image
from codegen.table.known import Known, age
from codegen.table.requests import (Arg, Completion, Field, Ignored, Op, Prep, Rule, Store,
                                    Taken)


class RequestBuilder:
    """Makes opcodes of rows."""

    def __init__(self, known: Known, trials: TrialBuilder) -> None:
        self.known = known
        self.trials = trials

    @staticmethod
    def _seen(conditions: Iterable[Condition], op: Any) -> tuple[Condition, ...]:
        """The conditions as they see of a field what the kernel sees of it."""
        low = {field["slot"] for field in op.get("fields", ()) if "bits" in field}
        return tuple(replace(condition, low=condition.subject in low)
                     for condition in conditions)

    def _conditions(self, texts: Iterable[str], op: Any) -> tuple[Condition, ...]:
        return self._seen(map(parse, texts), op)

    def _field(self, raw: Any, op: Any) -> Field:
        group = self.known.groups[raw["flags"]] if "flags" in raw else None
        taken: list[Taken] = []
        default = [entry.name for entry in group.entries if not entry.refused] if group else []
        for item in raw.get("takes", default):
            name, since = next(iter(item.items())) if isinstance(item, dict) else (item, None)
            known = None if group and group.external else self.known.since.get(name)
            older: tuple[str, ...] = ()
            if isinstance(item, dict):
                older = tuple(item.get("backports", ()))
            elif known is not None:
                older = self.known.backports.get(name, ())
            taken.append(Taken(name, since or names.latest(op["since"], known), older))
        return Field(self.known.slots[raw["slot"]], raw["summary"], raw.get("type"),
                     raw.get("liburing"), raw.get("arg"),
                     raw.get("via"), raw.get("role"), raw.get("memory"), raw.get("lives"),
                     self._conditions(raw.get("slot_when", ()), op),
                     self._conditions(raw.get("vector_when", ()), op), raw.get("optional", False),
                     raw.get("elements"), group, tuple(taken),
                     self._conditions(raw.get("when", ()), op), "bits" in raw,
                     raw.get("otherwise") == "ignored", raw.get("others", "refused"),
                     raw.get("since"),
                     raw.get("before") == "ignored", raw.get("note"),
                     tuple(raw.get("backports", ())), raw.get("length"))

    def _rule(self, raw: Any, op: Any) -> Rule:
        return Rule(self._conditions(raw.get("when", ()), op), self._conditions(raw["must"], op),
                    raw["errno"], raw["because"], raw.get("since"), raw.get("until"),
                    raw.get("at") == "issue", tuple(raw.get("backports", ())))

    def op(self, raw: Any, functions: list[Any]) -> Op:
        """The opcode of a row; `functions` are those of the commands that it carries."""
        fields = tuple(self._field(item, raw) for item in raw.get("fields", ()))
        ignored = tuple(
            Ignored(self.known.slots[item.removesuffix(">>32")], None, (), item.endswith(">>32"))
            if isinstance(item, str)
            else Ignored(self.known.slots[next(iter(item))], next(iter(item.values())),
                         tuple(item.get("backports", ())))
            for item in raw.get("ignored", ()))
        ignored += tuple(Ignored(item.slot, None, (), True) for item in fields if item.low)
        iosqe = raw.get("iosqe", {})
        rings = raw.get("rings", {})
        done = raw["completion"]
        preps = tuple(self._prep(item, raw, fields) for item in [*raw.get("prep", ()), *functions])
        by_name = {prep.name: prep for prep in preps}
        errors = tuple(self.trials.error(item, raw["name"], by_name, index)
                       for index, item in enumerate(raw.get("errors", ())))
        errors = tuple(replace(error, when=self._seen(error.when, raw),
                               done=self._seen(error.done, raw)) for error in errors)
        has_file = any(item.role == "file" for item in fields)
        return Op(
            raw["name"], raw["number"], raw["since"], raw["summary"], raw.get("syscall"),
            raw.get("config"), raw.get("note"), fields, ignored,
            iosqe.get("fixed_file", "taken" if has_file else "ignored"),
            iosqe.get("buffer_select", "EOPNOTSUPP"), iosqe.get("cqe_skip", "taken"),
            tuple(raw.get("iosqe_since", {}).items()),
            raw.get("iosqe_before", {}).get("IOSQE_FIXED_FILE", "EBADF"),
            rings.get("iopoll", False),
            tuple(rings.get("needs_one", ())), raw.get("big", False),
            raw.get("large"),
            raw.get("behind_link", False),
            tuple(self._rule(item, raw) for item in raw.get("rules", ())),
            Completion(done.get("shape", "one"), self._conditions(done.get("when", ()), raw),
                       self._conditions(done.get("or_when", ()), raw), done["res"],
                       "short" in done, self._conditions(done.get("short_when", ()), raw),
                       tuple(done.get("flags", ())), done.get("big")),
            errors, preps, emulation(raw["emulate"]), tuple(raw.get("backports", ())),
            raw.get("draft", False), self._left_over(raw))

    def _left_over(self, op: Any) -> tuple[Condition, ...]:
        """What a prep function stores in a field that can be one that nobody reads."""
        loose = {field["slot"] for field in op.get("fields", ()) if "when" in field}
        loose |= {item if isinstance(item, str) else next(iter(item))
                  for item in op.get("ignored", ())}
        sets = [op.get("set", {}), *(prep.get("set", {}) for prep in op.get("prep", ()))]
        texts = {f"{slot} is {value}": None for stored in sets for slot, value in stored.items()
                 if slot in loose and "|" not in str(value)}
        return self._conditions(texts, op)

    def _arg(self, item: Any, fields: tuple[Field, ...]) -> Arg:
        if isinstance(item, str):
            field = next(known for known in fields if known.arg == item)
            assert field.ctype is not None
            return Arg(item, field.ctype, field.liburing or field.ctype, field.slot, field.via,
                       field.summary, field)
        slot = self.known.slots[item["slot"]]
        if "bytes" in item:
            slot = replace(slot, size=item["bytes"])
        field_below = next((known for known in fields if known.slot.name == slot.name), None)
        return Arg(item["arg"], item["type"], item.get("liburing", item["type"]), slot,
                   item.get("via"), item["summary"], field_below, item.get("bytes"))

    def _constant(self, value: Any) -> tuple[str, str | None]:
        """The text that stands for a value in C, and a comment where it needs one."""
        if isinstance(value, str) and value.lstrip("-") in self.known.external:
            number = self.known.external[value.lstrip("-")]
            return str(-number if value.startswith("-") else number), value
        return str(value), None

    def _prep(self, raw: Any, op: Any, fields: tuple[Field, ...]) -> Prep:
        args = tuple(self._arg(item, fields) for item in raw["args"])
        fixed: dict[str, Any] = {**op.get("set", {}), **raw.get("set", {})}
        amends = raw.get("amends", False)
        if amends:
            fixed = dict(raw.get("set", {}))
        opcode = names.opcode(op["name"])
        stores = [Store(self.known.slots["opcode"], None, (opcode,), None)]
        if amends:
            stores = []
        order = {name: self.known.slots[name].offset for name in fixed}
        order |= {arg.slot.name: arg.slot.offset for arg in args}
        for name in sorted(order, key=lambda key: (order[key], key)):
            arg = next((item for item in args if item.slot.name == name), None)
            texts: tuple[str, ...] = ()
            comment = None
            if name in fixed:
                text, comment = self._constant(fixed[name])
                texts = tuple(text.split("|"))
            spelling = self.known.spellings.get(texts[0]) if texts else None
            stores.append(Store(arg.slot if arg else self.known.slots[name], arg, texts,
                                texts[0] if spelling else comment, spelling))
        since = self._prep_since(raw, op, fields, args, fixed)
        trials = tuple(self.trials.trial(item, raw["name"], tuple(arg.ctype for arg in args),
                                         op["name"], index)
                       for index, item in enumerate(raw.get("live", ())))
        large = any(store.slot.offset + (store.copied or 0) > 64 for store in stores)
        made = image(128 if op.get("big") or large else 64, stores, args,
                     {**self.known.values, opcode: op["number"]})
        return Prep(raw["name"], raw.get("summary", op["summary"]), op["name"], args,
                    tuple(stores), amends, raw.get("own", False), raw.get("differs"), since,
                    trials, raw.get("untried"), made.expected, made.texts, made.touched,
                    raw.get("no_handle"), raw.get("drop_in"), raw.get("tried"))

    def _prep_since(self, raw: Any, op: Any, fields: tuple[Field, ...], args: tuple[Arg, ...],
                    fixed: dict[str, Any]) -> str:
        ages = [age(op), *([age(raw)] if "since" in raw else [])]
        unseen: list[str] = []  # what older kernels ignore is no reason for them to fail
        by_slot = {item.slot.name: item for item in fields}

        def needs(field: Field | None) -> None:
            if field is None or field.since is None:
                return
            if field.before_ignored:
                unseen.append(field.since)
            else:
                ages.append((field.since, field.backports))

        for arg in args:
            needs(arg.field)
        for name, value in fixed.items():
            field = by_slot.get(name)
            if field is None:
                continue
            if value != 0 and not (name == "fd" and value == -1):
                needs(field)
            taken = {item.name: (item.since, item.backports) for item in field.takes}
            for part in str(value).split("|"):
                if part in taken:
                    ages.append(taken[part])
                else:
                    ages += self.known.ages_of([part])
        self.known.ages[raw["name"]] = tuple(ages)
        return names.latest(*(since for since, _ in ages), *unseen)
