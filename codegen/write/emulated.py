"""What the emulated kernel's dispatch says of each opcode: its checks as C, and its call.

A check answers as the newest kernel of the table does. What the kernel checks when it takes a
request stands apart from what it checks when the request runs.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from codegen.table import names
from codegen.table.conditions import Condition, is_number
from codegen.table.model import Table
from codegen.table.requests import Field, Op
from codegen.table.structs import Slot

# Read of every request: opcode, flags, user_data, personality.
ALWAYS = frozenset((0, 1, *range(32, 40), 42, 43))
SIZE = 64
# What a row says of provided buffers, as the flag of its way.
_BUFFER_FLAGS = {"bundles": "BUNDLES", "end": "END_UNUSED", "failure": "FAILURE_USES",
                 "unknown": "UNKNOWN_GROUP"}
UNBROKEN = "\u00a0"  # a space at which no line is broken


@dataclass(frozen=True)
class Word:
    """Some bytes of one of the eight words of a request; the mask is that of a little-endian."""

    number: int
    mask: int

    @property
    def text(self) -> str:
        word = f"emulate_word(sqe,{UNBROKEN}{self.number})"
        if self.mask == (1 << 64) - 1:
            return word
        return f"({word} & EMULATE_BYTES({self.mask:#018x}))"


@dataclass(frozen=True)
class Half:
    """The lower half of a number of 64 bits, wherever a machine has it."""

    slot: str

    @property
    def text(self) -> str:
        return f"(uint32_t)sqe->{self.slot}"


@dataclass(frozen=True)
class Unread:
    """What must be zero, unless one of some conditions makes the kernel read it."""

    unless: str
    words: tuple[Word | Half, ...]

    @property
    def text(self) -> str:
        return " | ".join(word.text for word in self.words)


@dataclass(frozen=True)
class Refusal:
    """What is refused: a condition in C, and the error."""

    condition: str
    errno: str


def _words(listed: Iterable[int]) -> tuple[Word, ...]:
    masks: dict[int, int] = {}
    for byte in listed:
        masks[byte // 8] = masks.get(byte // 8, 0) | 0xFF << 8 * (byte % 8)
    return tuple(Word(number, masks[number]) for number in sorted(masks))


def _bytes(slot: Slot) -> range:
    return range(slot.offset, slot.offset + slot.size)


def _bracketed(text: str) -> str:
    """A term that && or || may stand beside."""
    whole = text.startswith(("!", "emulate_beyond")) and text.endswith(")")
    return text if whole or text.startswith("(") and text.endswith(")") else f"({text})"


def _once(found: Iterable[Refusal]) -> tuple[Refusal, ...]:
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Kept:
    """Memory behind a pointer; without a size a text."""

    slot: str
    when: str
    size: str | None
    kind: str = "memory"

    @property
    def statement(self) -> str:
        """The call that keeps it, as the body of an if."""
        if self.kind == "file":
            call = f"emulate_keep_slot(ring, request, &request->sqe.{self.slot})"
        elif self.kind == "message":
            call = "emulate_keep_msghdr(ring, request)"
        elif self.size is None:
            call = f"emulate_keep_text(request, &request->sqe.{self.slot})"
        else:
            call = f"emulate_keep_memory(request, &request->sqe.{self.slot}, {self.size})"
        return _statement(f"error = {call};", 8, 36)


class Emulated:
    """The parts of one opcode."""

    def __init__(self, table: Table, op: Op) -> None:
        self.table = table
        self.op = op
        self.id = names.identifier(op.name)

    # -- conditions ---------------------------------------------------------

    @staticmethod
    def _value(slot: Slot, low: bool) -> str:
        """A member as an unsigned number."""
        if low:
            return f"(uint32_t)sqe->{slot.name}"
        cast = f"(uint{8 * slot.size}_t)" if slot.ctype.startswith("__s") else ""
        return f"{cast}sqe->{slot.name}"

    def _number(self, text: str, bits: int) -> str:
        """A constant as an unsigned number of so many bits."""
        if is_number(text):
            number = int(text, 0) & ((1 << bits) - 1)
            return f"{text}ULL" if number > 0x7FFFFFFF and number == int(text, 0) else (
                str(number) if number > 0x7FFFFFFF else text)
        known = self.table.c_constant(text)
        return f"(uint{bits}_t){known}" if known.startswith("-") else known

    def _condition(self, item: Condition, negated: bool = False) -> str:
        if item.on_ring:
            value, bits = "ring", 32
        else:
            slot = self.table.slots[item.subject]
            value = self._value(slot, item.low)
            bits = 32 if item.low else 8 * slot.size
        wanted = " | ".join(self._number(name, bits) for name in item.operands)
        some = f"({wanted})" if len(item.operands) > 1 else wanted
        one_bit = len(item.operands) == 1 and item.operands[0] in self.table.single_bits
        if item.operator == "has" and one_bit or item.operator == "lacks":
            wants_set = (item.operator == "has") != negated
            return f"{value} & {some}" if wants_set else f"!({value} & {some})"
        if item.operator == "within":
            beyond = f"emulate_beyond({value}, {wanted})"
            return beyond if negated else f"!{beyond}"
        compare = {"has": ("==", "!="), "is": ("==", "!="), "is not": ("!=", "=="),
                   "below": ("<", ">="), "above": (">", "<=")}[item.operator][negated]
        left = f"({value} & {some})" if item.operator == "has" else value
        return f"{left} {compare} {some}"

    def _all(self, items: tuple[Condition, ...], negated: bool = False) -> str:
        """That all conditions hold, or that one does not."""
        texts = [self._condition(item, negated) for item in items]
        if len(texts) == 1:
            return _bracketed(texts[0])
        glue = " || " if negated else " && "
        return ("({})" if negated else "{}").format(glue.join(map(_bracketed, texts)))

    # -- bytes that are not read ---------------------------------------------

    @property
    def unread(self) -> tuple[Unread, ...]:
        """First those that are never read, then those that are sometimes."""
        op = self.op
        read = set(ALWAYS)
        sometimes: dict[int, list[str]] = {}
        for field in op.fields:
            where = _bytes(field.slot)
            if field.when and not field.otherwise_ignored:
                for byte in where:
                    sometimes.setdefault(byte, []).append(self._all(field.when))
            else:
                read.update(where)
        halves: list[Word | Half] = []
        for item in op.ignored:
            if item.upper and item.slot not in [field.slot for field in op.fields]:
                halves.append(Half(item.slot.name))
            elif item.upper or item.until is not None:
                continue
            read.update(_bytes(item.slot))
        if op.buffer_select != "EOPNOTSUPP":
            for byte in _bytes(self.table.slots["buf_group"]):
                sometimes.setdefault(byte, []).append("(sqe->flags & IOSQE_BUFFER_SELECT)")
        parts: dict[str, list[int]] = {"": []}
        for byte in range(SIZE):
            if byte in read:
                continue
            key = " || ".join(dict.fromkeys(sometimes.get(byte, ())))
            parts.setdefault(key, []).append(byte)
        words = {key: [*_words(listed), *halves] if not key else [*_words(listed)]
                 for key, listed in parts.items()}
        return tuple(Unread(key, tuple(found)) for key, found in words.items() if found)

    # -- flags and rules -----------------------------------------------------

    def _named(self, field: Field) -> set[str]:
        """Flags of a field that a rule refuses by name, with an error of its own."""
        return {name for rule in self.op.rules if not rule.when and rule.until is None
                for must in rule.must
                if must.operator == "lacks" and must.subject == field.slot.name
                for name in must.operands}

    def _flags(self, field: Field) -> Iterator[Refusal]:
        group = field.group
        if group is None:
            return
        value = self._value(field.slot, field.low)
        bits = 32 if field.low else 8 * field.slot.size
        if field.via == "poll_mask":
            value = f"emulate_poll_mask({value})"
        errno = field.others if field.others.startswith("E") else "EINVAL"
        when = f"{self._all(field.when)} && " if field.when else ""

        def mask(listed: Iterable[str]) -> str:
            return " | ".join(self._number(name, bits) for name in listed)

        taken = [item.name for item in field.takes]
        if group.values:
            if field.others != "ignored":
                yield Refusal(when + " && ".join(
                    f"{value} != {self._number(name, bits)}" for name in taken), errno)
            return
        if field.others != "ignored":
            known = [*taken, *sorted(self._named(field) - set(taken))]
            yield Refusal(f"{when}emulate_beyond({value}, {mask(known)})"
                          if known else f"{when}{value}", errno)
        for entry in group.entries:
            if entry.name not in taken:
                continue
            own = self._number(entry.name, bits)
            one_bit = entry.name in self.table.single_bits
            there = f"({value} & {own})" if one_bit else f"({value} & {own}) == {own}"
            if entry.excludes:
                yield Refusal(f"{when}{there} && ({value} & ({mask(entry.excludes)}))", "EINVAL")
            if entry.needs:
                yield Refusal(f"{when}{there} && (~{value} & ({mask(entry.needs)}))", "EINVAL")
            if entry.needs_one:
                yield Refusal(f"{when}{there} && !({value} & ({mask(entry.needs_one)}))", "EINVAL")

    def _rules(self, at_issue: bool) -> Iterator[Refusal]:
        for rule in self.op.rules:
            if rule.until is not None or rule.at_issue != at_issue:
                continue
            when = f"{self._all(rule.when)} && " if rule.when else ""
            yield Refusal(f"{when}{self._all(rule.must, True)}", rule.errno)

    @property
    def taken(self) -> tuple[Refusal, ...]:
        """What is refused when the kernel takes the request."""
        found = [item for field in self.op.fields if field.others == "refused"
                 for item in self._flags(field)]
        return _once((*self._iosqe(), *found, *self._rules(False)))

    @property
    def issued(self) -> tuple[Refusal, ...]:
        """What is refused when the request runs."""
        found = [item for field in self.op.fields if field.others != "refused"
                 for item in self._flags(field)]
        return _once((*found, *self._rules(True)))

    def _iosqe(self) -> Iterator[Refusal]:
        """What is refused of the flags that every request has, and of rings."""
        op = self.op
        if op.buffer_select == "EOPNOTSUPP":
            yield Refusal("(sqe->flags & IOSQE_BUFFER_SELECT)", "EOPNOTSUPP")
        elif op.buffer_select == "required":
            yield Refusal("!(sqe->flags & IOSQE_BUFFER_SELECT)", "EINVAL")
        if op.fixed_file.startswith("E"):
            yield Refusal("(sqe->flags & IOSQE_FIXED_FILE)", op.fixed_file)
        elif op.fixed_file == "required":
            yield Refusal("!(sqe->flags & IOSQE_FIXED_FILE)", "EBADF")
        if op.cqe_skip != "taken":
            yield Refusal("(sqe->flags & IOSQE_CQE_SKIP_SUCCESS)", op.cqe_skip)
        if op.rings_one_of:
            yield Refusal(f"!(ring & ({' | '.join(op.rings_one_of)}))", "EINVAL")

    # -- what else the ring must know ------------------------------------------

    @property
    def marks(self) -> tuple[tuple[str, str], ...]:
        """Conditions, and the flag of the emulated kernel that each gives the request."""
        done = self.op.completion
        found = []
        if done.shape == "stream":
            ways = [self._all(when) for when in (done.when, done.or_when) if when]
            found.append((" || ".join(ways), "EMULATE_REQ_MULTISHOT"))
        found += [(self._all(field.when), "EMULATE_REQ_FIXED") for field in self.op.fields
                  if field.role == "buffer" and field.when]
        if done.shape == "notification":
            found.append(("", "EMULATE_REQ_NOTIFY"))
        if self._memory and "struct iovec" in (self._memory.ctype or ""):
            found.append(("", "EMULATE_REQ_VECTOR"))
        elif self._memory and self._memory.vector_when:
            found.append((self._all(self._memory.vector_when), "EMULATE_REQ_VECTOR"))
        return tuple(found)

    @property
    def _memory(self) -> Field | None:
        """The field whose memory has as many bytes, or vectors, as `len` says."""
        return next((field for field in self.op.fields
                     if field.slot.name == "addr" and field.length == "len"), None)

    @property
    def flags(self) -> str:
        """What the row says once for all requests, as the initializer of a member."""
        op = self.op
        found: list[str] = []
        if any(field.role == "file" and field.slot.name == "fd" and not field.when
               for field in op.fields):
            found.append("EMULATE_WAY_FILE")
        if op.buffer_select != "EOPNOTSUPP":
            found.append("EMULATE_WAY_BUFFER")
        if op.completion.short_fails and not op.completion.short_when:
            found.append("EMULATE_WAY_SHORT_FAILS")
        if any(field.role == "buffer" and not field.when for field in op.fields):
            found.append("EMULATE_WAY_FIXED_BUFFER")
        if op.big:
            found.append("EMULATE_WAY_SQE128")
        if op.emulate.installs:
            found.append("EMULATE_WAY_INSTALLS")
        if self._memory and any(field.role == "buffer" for field in op.fields):
            found.append("EMULATE_WAY_MEMORY")
        found += [f"EMULATE_WAY_{_BUFFER_FLAGS[key]}" for key in _BUFFER_FLAGS
                  if key in op.emulate.buffers]
        if op.emulate.waits:
            found.append("EMULATE_WAY_WAITS")
        if op.emulate.tries:
            found.append("EMULATE_WAY_LOOKS")
        return _statement(f".flags = {' | '.join(found)},", 8, 17) if found else ""

    @property
    def refusal(self) -> str:
        """The errno of a kernel that knows the number, and has nothing behind it."""
        return "EOPNOTSUPP" if self.op.config else "EINVAL"

    @property
    def kept(self) -> tuple[Kept, ...]:
        """The memory that the caller may use again once the request was submitted."""
        found: list[Kept] = []
        if self.op.emulate.way not in ("ready", "worker"):
            return ()  # all of it is read before the submit ends
        for field in self.op.fields:
            ctype = field.ctype or ""
            if field.role == "descriptor" and field.slot_when:
                found.append(Kept(field.slot.name, self._all(field.slot_when), None, "file"))
                continue
            if ctype.removeprefix("const ") == "struct msghdr *":
                # The kernel takes the header and its vectors when it takes the request.
                found.append(Kept(field.slot.name, "", None, "message"))
                continue
            if field.lives != "submit" or field.memory != "read":
                continue
            size = None
            if field.length is not None or not re.fullmatch(r"const char \*", ctype):
                size = self._size(ctype.removeprefix("const ").removesuffix(" *"), field.length)
            found.append(Kept(field.slot.name, self._all(field.when) if field.when else "", size))
        return tuple(found)

    @property
    def keeps_by_fields(self) -> bool:
        """Whether other fields say what of it there is."""
        return any(item.when or "sqe->" in (item.size or "") for item in self.kept)

    def _size(self, target: str, length: str | int | None) -> str:
        bare = target in ("void", "char", "struct sockaddr", "struct open_how")
        count = f"sqe->{length}" if isinstance(length, str) else str(length or 1)
        if bare:
            return f"(size_t){count}"
        return f"sizeof({target})" if length is None else f"(size_t){count} * sizeof({target})"

    @property
    def arguments(self) -> str:
        """The arguments of the system call."""
        emulate = self.op.emulate
        found = []
        for name in emulate.args:
            field = next(item for item in self.op.fields if item.slot.name == name)
            ctype = field.ctype or field.slot.ctype
            if field.role == "file":
                found.append("request->fd")
            elif names.is_pointer(ctype):
                found.append(f"({ctype})(uintptr_t)sqe->{name}")
            else:
                found.append(f"({ctype})sqe->{name}")
        return ", ".join(found)


@dataclass(frozen=True)
class Check:
    """A function that checks a request; opcodes that want the same share it."""

    name: str
    unread: tuple[Unread, ...]
    refusals: tuple[Refusal, ...]
    marks: tuple[tuple[str, str], ...]

    @property
    def empty(self) -> bool:
        return not self.unread and not self.refusals and not self.marks

    @property
    def _statements(self) -> tuple[str, ...]:
        found: list[str] = []
        for item in self.unread:
            if item.unless:
                found += [_statement(f"if (!({_open(item.unless)}))", 4, 10),
                          _statement(f"unread |= {item.text};", 8, 18)]
        if self.unread:
            found += ["    if (unread)", "        return -EINVAL;"]
        for refusal in self.refusals:
            found += [_statement(f"if ({_open(refusal.condition)})", 4, 8),
                      f"        return -{refusal.errno};"]
        for condition, flag in self.marks:
            lead = "    "
            if condition:
                found.append(_statement(f"if ({_open(condition)})", 4, 8))
                lead += "    "
            found.append(f"{lead}request->flags |= {flag};")
        return (*found, "    return 0;")

    @property
    def lines(self) -> str:
        """Its body."""
        statements = self._statements
        declared = []
        always = [item.text for item in self.unread if not item.unless]
        body = "\n".join((*statements, *always))
        if re.search(r"\bsqe\b", body):
            declared.append("    const struct io_uring_sqe *sqe = &request->sqe;")
        if re.search(r"\bring\b", body):
            declared.append("    uint32_t ring = from->flags;")
        if self.unread:
            declared.append(_statement(f"uint64_t unread = {always[0] if always else '0'};", 4, 22))
        unused = [] if re.search(r"\bring\b", body) else ["    (void)from;"]
        return "\n".join([*declared, "", *unused, *statements])


def _open(condition: str) -> str:
    """A condition without brackets around all of it."""
    if not condition.startswith("("):
        return condition
    depth = 0
    for index, letter in enumerate(condition):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return condition[1:-1] if index == len(condition) - 1 else condition
    return condition


def _statement(text: str, indent: int, hang: int) -> str:
    return textwrap.fill(text, 100, initial_indent=" " * indent, subsequent_indent=" " * hang,
                         break_long_words=False, break_on_hyphens=False).replace(UNBROKEN, " ")


class Dispatch:
    """Everything that the templates of src/emulate ask for."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.ops = tuple(Emulated(table, op) for op in table.ops)
        self._checks: dict[tuple[Any, ...], Check] = {}
        for op in self.ops:
            for kind, *parts in self._parts(op):
                self._checks.setdefault((kind, *parts), Check(f"{kind}_{op.id}", *parts))

    @staticmethod
    def _parts(op: Emulated) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return ("take", op.unread, op.taken, op.marks), ("issue", (), op.issued, ())

    @property
    def checks(self) -> tuple[Check, ...]:
        return tuple(check for check in self._checks.values() if not check.empty)

    def take(self, op: Emulated) -> Check:
        """What is looked at when a request is taken."""
        return self._checks[self._parts(op)[0]]

    def issue(self, op: Emulated) -> Check:
        """What is looked at when it runs."""
        return self._checks[self._parts(op)[1]]

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hooks of requests, each once, in order of the rows."""
        return tuple(dict.fromkeys(op.emulate.hook for op in self.table.ops if op.emulate.hook))

    @property
    def takes(self) -> tuple[str, ...]:
        """The hooks that look at what is taken off the queue."""
        return tuple(dict.fromkeys(op.emulate.take for op in self.table.ops if op.emulate.take))

    @property
    def events(self) -> tuple[str, ...]:
        """The hooks that are told what a file is ready for."""
        return tuple(dict.fromkeys(op.emulate.event for op in self.table.ops if op.emulate.event))

    @property
    def register_hooks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.emulate.hook for row in self.table.registers
                                   if row.emulate.hook))
