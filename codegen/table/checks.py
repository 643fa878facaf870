"""What the schema cannot say: each rule here reports the line and the row that break it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from codegen.table import commands, looks, names
from codegen.table.conditions import is_number, parse
from codegen.table.layout import Layouts, flat
from codegen.table.load import Place, Source
from codegen.table.structs import SQE

# Named by conditions and trials, owned by another header.
_RESULT_WORDS = ("fd", "positive")


class _Checker:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.data = source.data
        self.error = source.error
        self.constants: dict[str, Place] = {}
        self.values: dict[str, int] = {}
        self.since: dict[str, str] = {}
        self.groups: dict[str, Any] = {}
        self.slots: dict[str, tuple[int, int]] = {}
        self.members: dict[str, set[str]] = {}  # of each structure
        self.offers: dict[str, set[str]] = {}
        self.functions: list[tuple[Place, str, Any]] = []

    def run(self) -> None:
        self._constants()
        self._limits()
        self._structs()
        self._scenarios()
        for index, family in enumerate(self.data.get("commands", ())):
            self._family(("commands", index), family)
        self.source.stop_on_errors()
        self.functions = list(commands.functions(self.source))
        self._dense("opcodes", 0)
        if "register" in self.data:
            self._dense("register", 0)
        for index, row in enumerate(self.data["opcodes"]):
            self._opcode(("opcodes", index), row)
        for index, row in enumerate(self.data.get("register", ())):
            self._register(("register", index), row)
        self._unique_functions()
        self.source.stop_on_errors()

    # -- names and versions ------------------------------------------------

    def _define(self, place: Place, name: str, value: int | None, since: str | None) -> None:
        if name in self.constants:
            first = self.source.line(self.constants[name])
            self.error(place, f"'{name}' is already defined in line {first}")
            return
        self.constants[name] = place
        if value is not None:
            self.values[name] = value
        if since is not None:
            self.since[name] = since

    def _not_newer(self, place: Place, since: str | None) -> None:
        newest = self.data["kernel"]
        if since is not None and names.version(since) > names.version(newest):
            self.error((*place, "since"),
                       f"since {since} is newer than the table's kernel {newest}")

    def _backports(self, place: Place, raw: Any) -> None:
        since = raw.get("since")
        for series in raw.get("backports", ()):
            if since is None or names.version(series) >= names.version(since):
                self.error((*place, "backports"), f"backport to {series} is not older than "
                           + (f"since {since}" if since else "the opcode: 'since' is missing"))

    def _constants(self) -> None:
        for index, raw in enumerate(self.data["constants"]):
            place: Place = ("constants", index)
            self._define(place, raw["name"], raw["value"], raw["since"])
            self._not_newer(place, raw["since"])
            self._backports(place, raw)
        for index, group in enumerate(self.data["groups"]):
            place = ("groups", index)
            if group["group"] in self.groups:
                self.error(place, f"group '{group['group']}' stands twice")
            self.groups[group["group"]] = group
            self._group(place, group)
        for section, maker in (("opcodes", names.opcode), ("register", names.register)):
            for index, row in enumerate(self.data.get(section, ())):
                self._define((section, index), maker(row["name"]), row["number"], row["since"])
                self._not_newer((section, index), row["since"])
                self._backports((section, index), row)

    def _group(self, place: Place, group: Any) -> None:
        external = "header" in group
        members = {entry["name"] for entry in group["entries"]}
        previous = -1
        for index, entry in enumerate(group["entries"]):
            at: Place = (*place, "entries", index)
            number = 1 << entry["bit"] if "bit" in entry else entry.get("value")
            self._backports(at, entry)
            if "bits" in group and "bit" not in entry:
                self.error(at, f"{entry['name']}: enum {group['bits']} numbers bits, so each "
                               "entry needs 'bit'")
            if "bit" in entry and "value" in entry:
                self.error(at, f"{entry['name']} has a bit and a value; one of them is enough")
            self._values(at, entry, external)
            if external:
                if entry["name"] not in self.constants:
                    self._define(at, entry["name"], None, None)
                continue
            for key in ("since", "summary"):
                if key not in entry:
                    self.error(at, f"{entry['name']}: key '{key}' is missing")
            if number is None:
                self.error(at, f"{entry['name']} has neither bit nor value")
                continue
            if 0 <= number < previous:
                self.error(at, f"{entry['name']} stands after a greater value")
            previous = max(previous, number)
            self._define(at, entry["name"], number, entry.get("since"))
            self._not_newer(at, entry.get("since"))
            for key in ("needs", "needs_one", "excludes"):
                for other in entry.get(key, ()):
                    if other not in members:
                        self.error((*at, key), f"'{other}' is no flag of group {group['group']}")

    def _values(self, at: Place, entry: Any, external: bool) -> None:
        if "values" not in entry:
            return
        if not external or "bit" in entry or "value" in entry:
            self.error(at, f"{entry['name']}: values are for other owners' constants, and instead "
                           "of a bit or value")
        known = {row["name"] for row in self.data.get("architectures", ())} | {"usual"}
        for name in entry["values"]:
            if name not in known:
                self.error((*at, "values"), f"'{name}' is no architecture")

    # -- structures ---------------------------------------------------------

    def _structs(self) -> None:
        layouts = Layouts()
        seen: set[str] = set()
        for index, struct in enumerate(self.data["structs"]):
            place: Place = ("structs", index)
            self._not_newer(place, struct["since"])
            if struct["name"] in seen:
                self.error(place, f"struct {struct['name']} stands twice")
                continue
            seen.add(struct["name"])
            self._backports(place, struct)
            self._members((*place, "members"), struct["members"], set())
            unknown = False
            for member in flat(struct["members"]):
                if not layouts.knows(member["type"]):
                    unknown = True
                    self.error((*place, "members"),
                               f"{member['name']}: type '{member['type']}' is not known here")
            if not unknown:
                layouts.add(struct)
        self.members = {name: {item.path.rpartition(".")[2] for item in placed}
                        for name, placed in layouts.members.items()}
        if SQE not in seen:
            self.error(("structs",), f"struct {SQE} is missing")
        elif SQE in layouts.members:
            self.slots = {item.path: (item.offset, item.size) for item in layouts.members[SQE]}

    def _members(self, place: Place, members: Any, seen: set[str]) -> None:
        """Names of one scope; what has no name puts its members into the scope around it."""
        for index, member in enumerate(members):
            at: Place = (*place, index)
            name = member.get("name")
            self._not_newer(at, member.get("since"))
            if name in names.C_KEYWORDS:
                self.error((*at, "name"), f"'{name}' is a keyword of C or C++")
            if name is not None and name in seen:
                self.error((*at, "name"), f"member '{name}' stands twice")
            seen |= {name} - {None}
            for kind in ("union", "struct"):
                if kind in member:
                    self._members((*at, kind), member[kind], set() if name else seen)

    def _scenarios(self) -> None:
        for index, raw in enumerate(self.data.get("scenarios", ())):
            if raw["name"] in self.offers:
                self.error(("scenarios", index), f"scenario '{raw['name']}' stands twice")
            self.offers[raw["name"]] = set(raw.get("offers", ()))

    # -- rows ---------------------------------------------------------------

    def _dense(self, section: str, first: int) -> None:
        for index, row in enumerate(self.data[section]):
            if row["number"] != index + first:
                self.error((section, index, "number"),
                           f"number {row['number']} stands where {index + first} belongs")
                return

    def _slot(self, place: Place, name: str) -> bool:
        if name in self.slots:
            return True
        self.error(place, f"'{name}' is no member of struct {SQE}")
        return False

    def _conditions(self, place: Place, texts: Any) -> None:
        for index, text in enumerate(texts):
            condition = parse(text)
            if not condition.on_ring:
                self._slot((*place, index), condition.subject)
            for operand in condition.operands:
                if not is_number(operand) and operand not in self.constants:
                    self.error((*place, index), f"'{operand}' is no constant of the table")

    def _limits(self) -> None:
        for index, limit in enumerate(self.data.get("limits", ())):
            self._define(("limits", index), limit["name"], limit["value"], None)

    def _argument(self, row: Any) -> set[str]:
        """The members of the structure behind the argument of a register call."""
        return self.members.get(row.get("arg", "").removeprefix("struct "), set())

    def _on_members(self, at: Place, texts: Any, known: set[str], what: str) -> None:
        """Conditions of a register call."""
        for index, text in enumerate(texts):
            condition = parse(text)
            if condition.subject not in known:
                self.error((*at, index), f"'{condition.subject}' is no member of {what}")
            for operand in condition.operands:
                if not is_number(operand) and operand not in self.constants:
                    self.error((*at, index), f"'{operand}' is no constant of the table")

    def _call_conditions(self, at: Place, row: Any, error: Any) -> None:
        what = f"the argument of {row['name']}"
        self._on_members((*at, "when"), error.get("when", ()),
                         self._argument(row) | {"ring", "nr_args", "arg"}, what)
        if "element" in error and "items" not in row:
            self.error((*at, "element"), f"{row['name']} has no 'items'")
        elif "element" in error:
            self._on_members((*at, "element"), error["element"], *self._element(row))

    def _element(self, row: Any) -> tuple[set[str], str]:
        """The members of what a register call goes through, and what that is."""
        of = row["items"]["of"]
        known = {"struct iovec": {"iov_base", "iov_len"}}.get(
            of, self.members.get(of.removeprefix("struct "), {"value"}))
        return known, f"an element of {row['name']}"

    def _call_subject(self, at: Place, row: Any, subject: str) -> str:
        """What a look of a register call is at; empty when there is no such thing."""
        if subject == "items" and "items" in row:
            return looks.subject_of_items(row["items"]["of"], "descriptor" in row["items"])
        if subject in self._argument(row):
            return "member"
        self.error(at, f"'{subject}' is neither 'items' nor a member of the argument of "
                       f"{row['name']}")
        return ""

    def _items(self, place: Place, row: Any) -> None:
        low, high = row.get("count", (0, 0))
        if low > high:
            self.error((*place, "count"), "the least is greater than the greatest")
        self._on_members((*place, "must"), row.get("must", ()), self._argument(row),
                         f"the argument of {row['name']}")
        if "items" in row:
            known, what = self._element(row)
            self._on_members((*place, "items", "must"), row["items"].get("must", ()), known, what)
            name = row["items"].get("descriptor")
            if name is not None and name not in known:
                self.error((*place, "items", "descriptor"), f"'{name}' is no member of {what}")
        for key in ("at", "inside", "count", "first", "tags"):
            name = row.get("items", {}).get(key)
            if name is not None and name not in self._argument(row):
                self.error((*place, "items", key),
                           f"'{name}' is no member of the argument of {row['name']}")

    def _reasons(self, at: Place, row: Any, error: Any, request: bool) -> None:
        """The conditions and looks of an error."""
        self._not_newer(at, error.get("since"))
        if request:
            self._conditions((*at, "when"), error.get("when", ()))
        else:
            self._call_conditions(at, row, error)
        fields = {field["slot"]: field for field in row.get("fields", ())}
        for index, text in enumerate(error.get("looks", ())):
            look = looks.parse(text)
            subject = look.subject
            if look.of_field and not request:
                subject = self._call_subject((*at, "looks", index), row, subject)
                if not subject:
                    continue
            elif look.of_field:
                if subject not in fields:
                    self.error((*at, "looks", index), f"'{subject}' is no field of {row['name']}")
                    continue
                field = fields[subject]
                subject = looks.subject_of(field.get("role"), names.is_pointer(field.get("type", "")))
            if subject not in looks.WORDS[look.word]:
                self.error((*at, "looks", index), f"{look.subject} cannot be '{look.word}'; that is "
                           f"said of a {_either(looks.WORDS[look.word])}")
        if "partial" in error and not any(map(error.get, ("looks", "when", "element"))):
            self.error((*at, "partial"), "'partial' needs 'when' or 'looks'")
        if request:
            self._conditions((*at, "done"), error.get("done", ()))
        if "done" in error and (not request or "remedy" not in error):
            self.error((*at, "done"), "'done' needs the remedy of a request")
        if "sole" in error:
            others = [other for other in row["errors"]
                      if other is not error and other["errno"] == error["errno"]]
            if others or "partial" in error:
                self.error((*at, "sole"), f"another row, or 'partial', says that {error['errno']} "
                           "has more reasons")

    def _value(self, place: Place, value: Any) -> None:
        if isinstance(value, str):
            for part in value.lstrip("-").split("|"):
                if part not in self.constants:
                    self.error(place, f"'{part}' is no constant of the table")

    def _opcode(self, place: Place, row: Any) -> None:
        claimed: list[tuple[int, int, str, bool]] = []
        arguments: set[str] = set()
        for index, field in enumerate(row.get("fields", ())):
            at: Place = (*place, "fields", index)
            self._field(at, row, field)
            if field["slot"] in self.slots:
                offset, size = self.slots[field["slot"]]
                conditional = "when" in field
                for start, length, other, free in claimed:
                    overlap = offset < start + length and start < offset + size
                    if overlap and not (conditional or free):
                        self.error(at, f"{field['slot']} and {other} share bytes and neither has "
                                       "a condition")
                claimed.append((offset, size, field["slot"], conditional))
            if "arg" in field:
                if field["arg"] in arguments:
                    self.error((*at, "arg"), f"argument '{field['arg']}' stands twice")
                arguments.add(field["arg"])
        for index, item in enumerate(row.get("ignored", ())):
            name = item.removesuffix(">>32") if isinstance(item, str) else next(iter(item))
            if name == "backports":
                self.error((*place, "ignored", index), "the field stands before 'backports'")
                continue
            self._slot((*place, "ignored", index), name)
            if not isinstance(item, str):
                self._not_newer((*place, "ignored", index), item[name])
            if any(name == taken for _, _, taken, _ in claimed):
                self.error((*place, "ignored", index), f"{name} is read and ignored at once")
        for index, rule in enumerate(row.get("rules", ())):
            at = (*place, "rules", index)
            self._conditions((*at, "when"), rule.get("when", ()))
            self._conditions((*at, "must"), rule["must"])
            self._not_newer(at, rule.get("since"))
            if "until" in rule and names.version(rule["until"]) <= names.version(
                    rule.get("since", row["since"])):
                self.error((*at, "until"), f"the rule ends in {rule['until']}, before it begins")
        done = row["completion"]
        self._conditions((*place, "completion", "when"), done.get("when", ()))
        self._conditions((*place, "completion", "or_when"), done.get("or_when", ()))
        self._conditions((*place, "completion", "short_when"), done.get("short_when", ()))
        if "short_when" in done and "short" not in done:
            self.error((*place, "completion", "short_when"), "'short_when' needs 'short'")
        if "or_when" in done and not done.get("when"):
            self.error((*place, "completion", "or_when"), "'or_when' needs 'when'")
        self._constants_known((*place, "completion", "flags"), done.get("flags", ()))
        self._constants_known((*place, "rings", "needs_one"),
                              row.get("rings", {}).get("needs_one", ()))
        self._constants_known((*place, "iosqe_since"), row.get("iosqe_since", {}))
        for flag in row.get("iosqe_before", {}):
            if flag not in row.get("iosqe_since", {}):
                self.error((*place, "iosqe_before"), f"{flag}: 'iosqe_before' needs 'iosqe_since'")
        if row.get("large", row["name"]) not in [
                item["name"] for item in self.data["opcodes"]
                if item["name"] == row["name"] or item.get("big")]:
            self.error((*place, "large"), f"'{row['large']}' is no opcode of 128 bytes")
        self._assignments((*place, "set"), row.get("set", {}))
        preps = {prep["name"] for prep in row.get("prep", ())}
        for index, prep in enumerate(row.get("prep", ())):
            self._prep((*place, "prep", index), row, prep, arguments)
        self._emulate((*place, "emulate"), row, {field["slot"] for field in row.get("fields", ())})
        for at, op_name, prep in self.functions:
            if op_name == row["name"]:
                self._prep(at, row, prep, arguments)
        for index, error in enumerate(row.get("errors", ())):
            at = (*place, "errors", index)
            self._reasons(at, row, error, True)
            self._proof(at, error)
            if "live" in error:
                name = error["live"].get("prep")
                if name is None and len(preps) == 1:
                    name = next(iter(preps))
                if name is None:
                    self.error((*at, "live"), f"say which prep function: {_either(preps)}")
                elif name not in preps:
                    self.error((*at, "live"), f"'{name}' is no prep function of {row['name']}")
                else:
                    prep = next(item for item in row["prep"] if item["name"] == name)
                    self._trial((*at, "live"), error["live"], len(prep["args"]), False)

    def _emulate(self, place: Place, row: Any, fields: set[str]) -> None:
        emulate = row["emulate"]
        if (emulate["way"] == "refused") != ("because" in emulate):
            self.error(place, "'because' says why it is refused, and belongs to nothing else")
        if ("call" in emulate) + ("hook" in emulate) != (emulate["way"] != "refused"):
            self.error(place, "needs either 'call' or 'hook', and neither when it is refused")
        if "installs" in emulate and not any(field.get("role") == "slot"
                                             for field in row.get("fields", ())):
            self.error((*place, "installs"), f"{row['name']} names no slot")
        for key in ("wait", "event"):
            if key in emulate and emulate["way"] != "ready":
                self.error((*place, key), f"'{key}' needs the way 'ready'")
        if "buffers" in emulate and "buffer_select" not in row.get("iosqe", {}):
            self.error((*place, "buffers"), f"{row['name']} takes no provided buffers")
        for key in ("waits", "tries"):
            if key in emulate and emulate["way"] != "worker":
                self.error((*place, key), f"'{key}' needs the way 'worker'")
        for index, name in enumerate(emulate.get("call", {}).get("args", ())):
            if name not in fields:
                self.error((*place, "call", "args", index), f"'{name}' is no field of {row['name']}")

    def _constants_known(self, place: Place, known: Any) -> None:
        for name in known:
            if name not in self.constants:
                self.error(place, f"'{name}' is no constant of the table")

    def _assignments(self, place: Place, values: Any) -> None:
        for name, value in values.items():
            self._slot((*place, name), name)
            self._value((*place, name), value)

    def _field(self, at: Place, row: Any, field: Any) -> None:
        if not self._slot((*at, "slot"), field["slot"]):
            return
        self._not_newer(at, field.get("since"))
        if "since" in field and names.version(field["since"]) < names.version(row["since"]):
            self.error((*at, "since"), f"{field['slot']} is older than the opcode itself")
        if "before" in field and "since" not in field:
            self.error((*at, "before"), f"{field['slot']}: 'before' needs 'since'")
        if "bits" in field and self.slots[field["slot"]][1] != 8:
            self.error((*at, "bits"), f"{field['slot']} does not have 64 bits")
        if "otherwise" in field and "when" not in field:
            self.error((*at, "otherwise"), f"{field['slot']}: 'otherwise' needs 'when'")
        if ("type" in field) != ("arg" in field):
            self.error(at, f"{field['slot']}: 'type' and 'arg' go together")
        if field.get("arg") in names.C_KEYWORDS:
            self.error((*at, "arg"), f"'{field['arg']}' is a keyword of C or C++")
        if "memory" in field and not names.is_pointer(field.get("type", "*")):
            self.error((*at, "memory"), f"{field['slot']}: only a pointer has memory behind it")
        if names.is_pointer(field.get("type", "")) and not ("memory" in field and "lives" in field):
            self.error(at, f"{field['slot']}: a pointer needs 'memory' and 'lives'")
        if isinstance(field.get("length"), str):
            self._slot((*at, "length"), field["length"])
        if "length" in field and "memory" not in field:
            self.error((*at, "length"), f"{field['slot']}: only memory has a length")
        for key in ("optional", "elements"):
            if key in field and "memory" not in field:
                self.error((*at, key), f"{field['slot']}: '{key}' needs 'memory'")
        self._conditions((*at, "when"), field.get("when", ()))
        self._conditions((*at, "slot_when"), field.get("slot_when", ()))
        self._conditions((*at, "vector_when"), field.get("vector_when", ()))
        if "vector_when" in field and not names.is_pointer(field.get("type", "")):
            self.error((*at, "vector_when"), f"{field['slot']}: only behind a pointer lie vectors")
        if "slot_when" in field and field.get("role") not in ("file", "descriptor"):
            self.error((*at, "slot_when"), f"{field['slot']}: only a descriptor can be a slot")
        if "flags" in field:
            group = self.groups.get(field["flags"])
            if group is None:
                self.error((*at, "flags"), f"group '{field['flags']}' does not exist")
                return
            known = {entry["name"] for entry in group["entries"]}
            for index, item in enumerate(field.get("takes", ())):
                name = item if isinstance(item, str) else next(iter(item))
                if name not in known:
                    self.error((*at, "takes", index),
                               f"'{name}' is no flag of group {field['flags']}")
                elif not isinstance(item, str):
                    self._not_newer((*at, "takes", index), item[name])
                    older = self.since.get(name)
                    if older and names.version(item[name]) <= names.version(older):
                        self.error((*at, "takes", index), f"'{name}' is there since {older}; a "
                                   "version is only for flags that came later here")
        elif "takes" in field:
            self.error((*at, "takes"), f"{field['slot']}: 'takes' needs 'flags'")

    def _prep(self, at: Place, row: Any, prep: Any, arguments: set[str]) -> None:
        seen: set[str] = set()
        slots: set[str] = set()
        by_arg = {field["arg"]: field for field in row.get("fields", ()) if "arg" in field}
        for index, item in enumerate(prep["args"]):
            place: Place = (*at, "args", index)
            name = item if isinstance(item, str) else item["arg"]
            if isinstance(item, str) and item not in arguments:
                self.error(place, f"'{item}' is the argument of no field of {row['name']}")
                continue
            slot = by_arg[item]["slot"] if isinstance(item, str) else item["slot"]
            ctype = by_arg[item]["type"] if isinstance(item, str) else item["type"]
            if not isinstance(item, str):
                self._slot(place, slot)
            if name in names.C_KEYWORDS:
                self.error(place, f"'{name}' is a keyword of C or C++")
            if name in seen:
                self.error(place, f"argument '{name}' stands twice")
            if slot in slots:
                self.error(place, f"two arguments for {slot}")
            copied = None if isinstance(item, str) else item.get("bytes")
            if copied is not None:
                if not names.is_pointer(ctype):
                    self.error(place, f"'{name}' has 'bytes' and is no pointer")
                if self.slots.get(slot, (0, 0))[0] + copied > 128:
                    self.error(place, f"{copied} bytes from {slot} on do not fit an SQE")
            elif names.is_pointer(ctype) and self.slots.get(slot, (0, 8))[1] != 8:
                self.error(place, f"a pointer does not fit {slot}")
            seen.add(name)
            slots.add(slot)
        self._assignments((*at, "set"), prep.get("set", {}))
        self._proof(at, prep)
        for index, trial in enumerate(prep.get("live", ())):
            self._trial((*at, "live", index), trial, len(prep["args"]), True)

    def _proof(self, at: Place, item: Any) -> None:
        """Whatever the table claims is tried, or says why not."""
        if len({"live", "tried", "broken", "untried"} & item.keys()) != 1:
            self.error(at, "needs either 'live' or 'untried'")

    def _trial(self, at: Place, trial: Any, arity: int, request: bool) -> None:
        offers = self.offers.get(trial["in"])
        if offers is None:
            self.error((*at, "in"), f"scenario '{trial['in']}' does not exist")
            return
        self._backports(at, trial)
        if len(trial["args"]) != arity:
            self.error((*at, "args"), f"{len(trial['args'])} arguments where {arity} belong")
        named = list(enumerate(trial["args"]))
        for index, value in named:
            self._live(( *at, "args", index), value, offers)
        for name, value in trial.get("set", {}).items():
            self._slot((*at, "set", name), name)
            for part in str(value).split("|"):
                self._live((*at, "set", name), part, offers)
        if trial.get("res") not in _RESULT_WORDS:
            self._live((*at, "res"), trial.get("res", 0), offers)
        if request:
            self._constants_known((*at, "flags"), trial.get("flags", ()))

    def _live(self, place: Place, value: Any, offers: set[str]) -> None:
        if not isinstance(value, str) or is_number(value):
            return
        bare = value.lstrip("-")
        if bare.upper() != bare and bare not in offers:
            self.error(place, f"the scenario does not offer '{bare}'")

    # -- commands -----------------------------------------------------------

    def _family(self, place: Place, family: Any) -> None:
        """Names, numbers and structures; the functions are checked with their opcode."""
        if family["opcode"] not in [row["name"] for row in self.data["opcodes"]]:
            self.error((*place, "opcode"), f"opcode '{family['opcode']}' does not exist")
        if "devices" in family["file"] and family["file"]["kind"] != "character":
            self.error((*place, "file", "devices"), "only a character device has a name in /dev")
        layouts = Layouts()
        sizes: dict[str, int] = {}
        members: dict[str, set[str]] = {}
        for index, struct in enumerate(family.get("payloads", ())):
            at: Place = (*place, "payloads", index)
            self._members((*at, "members"), struct["members"], set())
            strange = [member["type"] for member in flat(struct["members"])
                       if not layouts.knows(member["type"])]
            for ctype in strange:
                self.error((*at, "members"), f"type '{ctype}' is not known here")
            members[struct["name"]] = {member["name"] for member in flat(struct["members"])}
            if not strange:
                layouts.add(struct)
                sizes[struct["name"]] = layouts.shapes[struct["name"]].size
            if sizes.get(struct["name"], 0) > 80:
                self.error(at, f"struct {struct['name']} does not fit an SQE")
        self._command_errors(place, family)
        previous = -1
        big = False
        if ("commands" in family) == ("every_number" in family):
            self.error(place, "needs either 'commands' or 'every_number'")
        for below, raw in commands.rows_of(family):
            at = (*place, *below)
            self._command_errors(at, raw)
            if not {"live", "tried", "untried"} & (raw.keys() | family.keys()) and \
                    raw.get("name") not in self._used_in_trials(family["opcode"]):
                self.error(at, "neither its row nor its family says what tries it, and no trial of "
                           f"{family['opcode']} names it")
            if "name" in raw:
                previous = self._command_number(at, family, raw, previous)
            else:
                self._not_newer(at, raw["since"])
            payload = commands.payload_of(family, raw)
            if payload is not None and payload not in members:
                self.error(at, f"struct {payload} is no structure of family {family['family']}")
            if "bytes" in raw and not 0 < raw["bytes"] < sizes.get(payload or "", 0):
                self.error((*at, "bytes"), "'bytes' is less than the structure has")
            big = big or raw.get("bytes", sizes.get(payload or "", 0)) > commands.SMALL
            takes = "payload" in raw.get("args", family.get("args", ()))
            if "prep" in raw and takes and payload is None:
                self.error(at, f"rota_prep_{raw['prep']} has no structure to take")
            for inner, point in enumerate(raw.get("points", ())):
                for key in ("member", "length"):
                    if key in point and point[key] not in members.get(payload or "", set()) |                             set(self.slots):
                        self.error((*at, "points", inner, key), f"'{point[key]}' is no member of "
                                   "the structure or of the SQE")
        if "rings" in family and not (big or "big_cqe" in family["rings"]):
            self.error((*place, "rings"), "every ring has entries that are large enough")

    def _command_errors(self, at: Place, row: Any) -> None:
        """Each error is tried by a program, or says why not."""
        for index, error in enumerate(row.get("errors", ())):
            if len({"tried", "untried"} & error.keys()) != 1:
                self.error((*at, "errors", index), "needs either 'tried' or 'untried'")

    def _used_in_trials(self, opcode: str) -> set[str]:
        """The constants that the tried prep functions of an opcode set or are given."""
        used: set[str] = set()
        for row in self.data["opcodes"]:
            for prep in row.get("prep", ()) if row["name"] == opcode else ():
                if "untried" not in prep:
                    used.update(str(value) for value in prep.get("set", {}).values())
                for trial in prep.get("live", ()):
                    used.update(str(value) for value in trial.get("args", ()))
        return used

    def _command_number(self, at: Place, family: Any, raw: Any, previous: int) -> int:
        """Checks where a command's number comes from; the number, or the one before."""
        name = raw["name"]
        given = [key for key in ("ioctl", "value") if key in raw]
        if len(given) > 1:
            self.error(at, f"{name} has 'ioctl' and 'value'; one of them is enough")
        if not given:
            if name not in self.values:
                self.error(at, f"{name} has no number: 'ioctl', 'value' or a constant of the table")
            for key in ("since", "backports"):
                if key in raw:
                    self.error((*at, key), f"'{key}' of {name} stands at the constant")
            return previous
        if "header" not in family:
            self.error(at, f"{name} needs the header that defines it")
        if "since" not in raw:
            self.error(at, f"{name}: key 'since' is missing")
            return previous
        self._not_newer(at, raw["since"])
        self._backports(at, raw)
        code, number = commands.code_of(raw), commands.number_of(raw)
        self._define(at, name, number, raw["since"])
        order = code.number if code else number or 0
        if order < previous:
            self.error(at, f"{name} stands after a greater number")
        return max(order, previous)

    def _register(self, place: Place, row: Any) -> None:
        for key in ("needs", "refuses"):
            self._constants_known((*place, "rings", key), row.get("rings", {}).get(key, ()))
        self._emulate((*place, "emulate"), row, set())
        self._items(place, row)
        calls = {call["name"]: call for call in row.get("calls", ())}
        for index, call in enumerate(row.get("calls", ())):
            self._call((*place, "calls", index), call)
        for index, error in enumerate(row.get("errors", ())):
            at: Place = (*place, "errors", index)
            self._reasons(at, row, error, False)
            self._proof(at, error)
            if "live" in error:
                name = error["live"].get("call")
                if name is None and len(calls) == 1:
                    name = next(iter(calls))
                if name is None:
                    self.error((*at, "live"), f"say which function: {_either(calls)}")
                elif name not in calls:
                    self.error((*at, "live"), f"'{name}' is no function of {row['name']}")
                else:
                    self._trial((*at, "live"), error["live"], len(calls[name]["args"]), False)

    def _call(self, at: Place, call: Any) -> None:
        arguments = {arg["arg"] for arg in call["args"]}
        for index, arg in enumerate(call["args"]):
            if arg["arg"] in names.C_KEYWORDS:
                self.error((*at, "args", index), f"'{arg['arg']}' is a keyword of C or C++")
            if arg["arg"] in [other["arg"] for other in call["args"][:index]]:
                self.error((*at, "args", index), f"argument '{arg['arg']}' stands twice")
        if "pass" in call and "struct" in call:
            self.error((*at, "pass"), f"{call['name']}: either 'pass' or 'struct'")
        nr = call.get("nr", 0)
        if nr == "sizeof":
            if "struct" not in call:
                self.error((*at, "nr"), f"{call['name']}: 'sizeof' needs 'struct'")
        elif isinstance(nr, str) and nr not in arguments:
            self._value((*at, "nr"), nr)
        passed = call.get("pass", "").lstrip("&")
        if passed and passed not in arguments:
            self.error((*at, "pass"), f"'{passed}' is no argument of {call['name']}")
        if "struct" in call:
            struct = next((item for item in self.data["structs"]
                           if item["name"] == call["struct"]), None)
            if struct is None:
                self.error((*at, "struct"), f"struct {call['struct']} is not in the table")
            else:
                members = {member["name"] for member in flat(struct["members"])}
                for name, value in call.get("set", {}).items():
                    if name not in members:
                        self.error((*at, "set", name),
                                   f"'{name}' is no member of struct {call['struct']}")
                    if isinstance(value, str) and value not in arguments:
                        self._value((*at, "set", name), value)
        elif "set" in call:
            self.error((*at, "set"), f"{call['name']}: 'set' needs 'struct'")
        self._proof(at, call)
        for index, trial in enumerate(call.get("live", ())):
            self._trial((*at, "live", index), trial, len(call["args"]), False)

    def _unique_functions(self) -> None:
        seen: dict[str, Place] = {}
        for section, key, maker in (("opcodes", "prep", names.prep),
                                    ("register", "calls", names.call)):
            for index, row in enumerate(self.data.get(section, ())):
                for inner, item in enumerate(row.get(key, ())):
                    place: Place = (section, index, key, inner)
                    name = maker(item["name"])
                    if name in seen:
                        first = self.source.line(seen[name])
                        self.error(place, f"{name} is already defined in line {first}")
                    seen.setdefault(name, place)
        for place, _, item in self.functions:
            name = names.prep(item["name"])
            if name in seen:
                first = self.source.line(seen[name])
                self.error(place, f"{name} is already defined in line {first}")
            seen.setdefault(name, place)


def _either(words: Iterable[str]) -> str:
    *most, last = sorted(words) or ["none"]
    return f"{', '.join(most)} or {last}" if most else last


def check(source: Source) -> None:
    """Raises TableError with everything that is wrong with the table."""
    _Checker(source).run()


