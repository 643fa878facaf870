"""What the manual pages say: the facts of the table as sentences, ready for man(7).

Every property that a template uses holds finished roff: escaped, marked up, one sentence a
line, and wrapped. Sentences are glued here and nowhere else.
"""

from __future__ import annotations

import errno
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from codegen import names
from codegen.conditions import Condition, is_number
from codegen.model import (Arg, Call, CallArg, Entry, Error, Field, Group, Op, Prep, RegisterOp,
                           Rule, Slot, Table)
from codegen.names import declaration

WIDTH = 79
MANY = 8  # more flags of another owner than this are named only, in one sentence
MORE = "IORING_CQE_F_MORE"
SYNOPSIS_WIDTH = 72  # what a terminal of 80 columns leaves beside the margin

# Markers of glue: they survive the markup of plain text and become fonts at the end.
_BOLD, _ITALIC, _END = "\x01", "\x02", "\x03"

_TOKEN = re.compile(
    r"(?P<marked>[\x01\x02][^\x03]*\x03)"
    r"|`(?P<code>[^`]*)`"
    r"|(?P<page>\b[a-z_][a-z0-9_]*\([1-9]\))"
    r"|(?P<struct>\b(?:struct|union) [a-z]\w*)"
    r"|(?P<function>\b(?:rota_)?[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b)"
    r"|(?P<constant>\b_*[A-Z][A-Z0-9_]*[A-Z0-9](?:_\*)?(?!\w))")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\x01\x02`_])")

_LIVES = {
    "submit": "It may be reused as soon as the request has been submitted.",
    "completion": "It must stay valid until the completion.",
    "notification": "It must stay valid and unchanged until the notification.",
    "unregister": "It must stay valid until it is unregistered or handed back.",
}
_MEMORY = {
    "read": "The kernel reads this memory.",
    "written": "The kernel writes to this memory.",
    "both": "The kernel reads and writes this memory.",
}


def bold(text: str) -> str:
    return f"{_BOLD}{text}{_END}"


def italic(text: str) -> str:
    return f"{_ITALIC}{text}{_END}"


def page(name: str, section: int = 3) -> str:
    """A reference to a page, or a function in a sentence."""
    return f"{bold(name)}({section})"


def clause(sentence: str) -> str:
    """A sentence of the table as the end of another one: `reads bytes from a file`."""
    text = sentence.removesuffix(".")
    return text[0].lower() + text[1:] if len(text) > 1 and text[1].islower() else text


def listed(items: Iterable[str], word: str = "and") -> str:
    found = list(items)
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} {word} {found[-1]}"


def escape(text: str) -> str:
    """Plain text that roff prints as it stands."""
    text = text.replace("\\", "\\e").replace("…", "...")
    return re.sub(r"(?<![A-Za-z0-9])-(?=\w)", r"\\-", text)


def literal(text: str) -> str:
    """C source, where each minus sign must be one."""
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line
                     for line in text.replace("\\", "\\e").replace("-", "\\-").split("\n"))


def word(text: str) -> str:
    """One argument of a macro."""
    text = text.replace('"', '""')
    return f'"{text}"' if " " in text or not text or '"' in text else text


@dataclass(frozen=True)
class Item:
    """A tagged paragraph: a request line for the tag, then text, then items below it."""

    tag: str
    text: str
    items: tuple["Item", ...] = ()


@dataclass(frozen=True)
class Block:
    """A paragraph, and a list that belongs to it."""

    text: str
    items: tuple[Item, ...] = ()


class Prose:
    """Turns sentences into roff: knows which words are names of the table."""

    def __init__(self, table: Table) -> None:
        self.ops = {op.name for op in table.ops}
        self.registers = {row.name for row in table.registers}
        self.calls = {call.name for call in table.calls}
        self.known = {item.name for item in table.constants}
        self.known |= {entry.name for group in table.groups for entry in group.entries}

    def __call__(self, *texts: str | None) -> str:
        """Sentences as filled text; None and empty ones are left out."""
        lines: list[str] = []
        for text in texts:
            if not text:
                continue
            for sentence in _SENTENCE.split(" ".join(text.split())):
                marked = self._fonts(self._mark(sentence))
                lines += textwrap.wrap(marked, WIDTH, break_long_words=False,
                                       break_on_hyphens=False)
        return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in lines)

    def inline(self, text: str) -> str:
        return self._fonts(self._mark(text))

    def _mark(self, sentence: str) -> str:
        return _TOKEN.sub(self._token, sentence)

    def _token(self, match: re.Match[str]) -> str:
        text = match.group(0)
        kind = match.lastgroup
        if kind == "code":
            return bold(match.group("code"))
        if kind == "page":
            name, section = text[:-3], text[-3:]
            return bold(name) + section
        if kind == "struct":
            return italic(text)
        if kind == "function":
            name = text.removeprefix("rota_")
            if name in self.calls:
                return page(names.call(name))
            return page(text) if text.startswith("rota_") else text
        if kind == "constant":
            return self._constant(text)
        return text

    def _constant(self, text: str) -> str:
        if text in self.known:
            return bold(text)
        if text in self.ops:
            return bold(names.opcode(text))
        if text in self.registers:
            return bold(names.register(text))
        if "_" in text or hasattr(errno, text) or re.fullmatch(r"SIG[A-Z]+", text):
            return bold(text)
        return text

    @staticmethod
    def _fonts(text: str) -> str:
        text = text.replace(f" a {_BOLD}IO", f" an {_BOLD}IO")
        text = escape(text).replace(_BOLD, "\\fB").replace(_ITALIC, "\\fI")
        return text.replace(_END, "\\fP")


class Subject:
    """A prep function in the light of conditions: what its fields hold, what they are called."""

    def __init__(self, table: Table, op: Op, prep: Prep) -> None:
        self.table = table
        self.op = op
        self.prep = prep
        self._by_place = {(store.slot.offset, store.slot.size): store for store in prep.stores}
        self._flags = {(item.slot.offset, item.slot.size) for item in op.fields
                       if item.group and not item.group.values}
        self._values = {entry.name: entry.number for group in table.groups
                        for entry in group.entries}
        self._values |= {constant.name: constant.value for constant in table.constants}

    def name(self, slot: Slot) -> str:
        """The argument that fills a field, or the field."""
        for arg in self.prep.args:
            same = (arg.slot.offset, arg.slot.size) == (slot.offset, slot.size)
            if same and arg.via != "direct_slot":
                return italic(arg.name)
        return italic(f"sqe->{slot.name}")

    def _number(self, text: str) -> int | None:
        return int(text, 0) if is_number(text) else self._values.get(text)

    def _known(self, slot: Slot) -> tuple[int | None, bool]:
        """The bits that a field surely has, and whether they are all of it."""
        place = (slot.offset, slot.size)
        store = self._by_place.get(place)
        if store is None:
            settled = place not in self._flags and slot.name != "flags"
            return 0, settled
        number = 0
        for text in store.constants:
            value = self._number(text)
            if value is None:
                return None, False
            number |= value
        return number, store.arg is None and place not in self._flags and slot.name != "flags"

    def holds(self, condition: Condition) -> bool | None:
        """Whether every request of this function meets a condition; None if it may."""
        if condition.on_ring:
            return None
        slot = self.table.slots[condition.subject]
        store = self._by_place.get((slot.offset, slot.size))
        if store and store.arg and store.arg.via == "direct_slot":
            return True if condition.text.endswith(" is not 0") else None
        bits, whole = self._known(slot)
        operands = [self._number(text) for text in condition.operands]
        if bits is None or any(value is None for value in operands):
            return None
        wanted = 0
        for value in operands:
            wanted |= value or 0
        answers = {"has": bits & wanted == wanted, "lacks": not bits & wanted,
                   "within": not bits & ~wanted, "is": bits == wanted,
                   "is not": bits != wanted, "below": bits < wanted, "above": bits > wanted}
        answer = answers[condition.operator]
        if whole:
            return answer
        # The caller may still add bits, but take none away.
        settled = {"has": answer, "lacks": not answer, "within": not answer,
                   "is": bool(bits & ~wanted), "is not": bool(bits & ~wanted),
                   "below": not answer, "above": answer}
        return answer if settled[condition.operator] else None

    def all_hold(self, conditions: Iterable[Condition]) -> bool | None:
        answers = [self.holds(item) for item in conditions]
        if any(answer is False for answer in answers):
            return False
        return None if any(answer is None for answer in answers) else True

    def say(self, condition: Condition, negated: bool = False) -> str:
        """A condition, or its opposite, as part of a sentence."""
        operands = [bold(text) if not is_number(text) else _power(text)
                    for text in condition.operands]
        operator = condition.operator
        if condition.on_ring:
            subject, has, lacks = "the ring", "has", "lacks"
        else:
            subject = self.name(self.table.slots[condition.subject])
            has, lacks = "contains", "does not contain"
        many = len(operands) > 1
        if (operator == "has") != negated and operator in ("has", "lacks"):
            return f"{subject} {has} {listed(operands, 'or' if negated else 'and')}"
        if operator in ("has", "lacks"):
            if not negated and many:
                verb = "has" if condition.on_ring else "contains"
                return f"{subject} {verb} neither {listed(operands, 'nor')}"
            return f"{subject} {lacks} {listed(operands, 'or')}"
        if operator == "within":
            return (f"{subject} contains more than {listed(operands)}" if negated
                    else f"{subject} contains nothing but {listed(operands)}")
        if operator in ("is", "is not"):
            positive = (operator == "is") != negated
            return f"{subject} {'is' if positive else 'is not'} {listed(operands, 'or')}"
        number = self._number(condition.operands[0])
        if operator == "below":
            if not negated:
                return f"{subject} is below {operands[0]}"
            return f"{subject} is {operands[0]} or more" if number is None or number >= 1 << 31 \
                else f"{subject} is above {number - 1}"
        if negated:
            return f"{subject} is below {number + 1}" if number is not None \
                else f"{subject} is not above {operands[0]}"
        return f"{subject} is above {operands[0]}"

    def unsettled(self, conditions: Iterable[Condition]) -> list[str]:
        """Conditions that this function leaves open, as phrases."""
        return [self.say(item) for item in conditions if self.holds(item) is not True]


def _power(text: str) -> str:
    """Large powers of two as such."""
    number = int(text, 0)
    if number >= 1 << 31 and number & (number - 1) == 0:
        return f"2^{number.bit_length() - 1}"
    return str(number)


def _flag_names(group: Group, text: str) -> list[str]:
    """The flags behind a constant; a number is taken apart."""
    if not is_number(text):
        return [text]
    number = int(text, 0)
    if group.values:
        return [entry.name for entry in group.entries if entry.number == number]
    return [entry.name for entry in group.entries
            if entry.number and entry.number & number == entry.number]


def _span(since: str | None, until: str | None) -> str:
    if since and until:
        return f" (from Linux {since} until Linux {until})"
    if since:
        return f" (since Linux {since})"
    return f" (before Linux {until})" if until else ""


def _series(backports: tuple[str, ...]) -> str | None:
    if not backports:
        return None
    many = len(backports) > 1
    return f"The stable series {listed(backports)} {'have' if many else 'has'} it too."


def _compatibility(function: Prep | Call) -> list[str | None]:
    """How a function relates to liburing's."""
    if function.own:
        return ["liburing has no such function."]
    counterpart = function.function.replace("rota_", "io_uring_", 1)
    first = f"The arguments are those of liburing's {counterpart}(3)"
    return [first + (", with a difference." if function.differs else "."), function.differs]


def _errors(pairs: list[tuple[str, str]]) -> tuple[Item, ...]:
    return tuple(Item(f".B {name}", text) for name, text in sorted(pairs, key=lambda x: x[0]))


def _synopsis(head: str, parameters: list[tuple[str, str, str]]) -> str:
    """A prototype as requests of man(7): types bold, names slanted, lines that fit."""
    pieces = [f"{before}{name}{after}" for before, name, after in parameters]
    hang = len(head) + 1
    if hang + max((len(piece) for piece in pieces), default=0) + 2 > SYNOPSIS_WIDTH:
        hang = 8
    lines: list[list[tuple[str, str, str]]] = [[]]
    column = len(head) + 1
    for parameter, piece in zip(parameters, pieces):
        if lines[-1] and column + len(piece) + 1 > SYNOPSIS_WIDTH:
            lines.append([])
            column = hang
        elif not lines[-1] and len(lines) == 1 and column + len(piece) + 1 > SYNOPSIS_WIDTH:
            lines.append([])
            column = hang
        lines[-1].append(parameter)
        column += len(piece) + 2
    texts: list[str] = []
    for number, line in enumerate(lines):
        last = number + 1 == len(lines)
        fonts: list[str] = [f"{head}(" if number == 0 else " " * hang]
        for index, (before, name, after) in enumerate(line):
            fonts[-1] += before
            fonts.append(name)
            closing = ");" if last and index + 1 == len(line) else ","
            fonts.append(after + closing + (" " if index + 1 < len(line) else ""))
        if not line:
            fonts[-1] += "void);" if last else ""
        texts.append((".BI " if len(fonts) > 1 else ".B ") +
                     " ".join(word(text) for text in fonts))
    return "\n".join(texts)


def _name_line(function: str, summary: str) -> str:
    """What stands below NAME."""
    return textwrap.fill(f"{function} \\- {escape(clause(summary))}", WIDTH,
                         break_long_words=False, break_on_hyphens=False)


def _parameter(ctype: str, name: str) -> tuple[str, str, str]:
    whole = declaration(ctype, name)
    return whole[:-len(name)], name, ""


def _head(ctype: str, name: str) -> str:
    """The tag of an argument's paragraph."""
    return f".BI {word(declaration(ctype, name)[:-len(name)])} {name}"


class PrepPage:
    """The manual page of one prep function."""

    def __init__(self, manual: "Manual", op: Op, prep: Prep) -> None:
        self.manual = manual
        self.prose = manual.prose
        self.op = op
        self.prep = prep
        self.subject = Subject(manual.table, op, prep)

    @property
    def title(self) -> str:
        return self.prep.function.upper()

    @property
    def name(self) -> str:
        return _name_line(self.prep.function, self.prep.summary)

    @cached_property
    def synopsis(self) -> str:
        parameters = [("struct io_uring_sqe *", "sqe", "")]
        parameters += [_parameter(arg.ctype, arg.name) for arg in self.prep.args]
        return _synopsis(f"void {self.prep.function}", parameters)

    @cached_property
    def intro(self) -> str:
        function, sqe = bold(self.prep.function) + "()", italic("sqe")
        if self.prep.amends:
            first = (f"{function} changes a request that another function of "
                     f"{bold(self.op.constant)} has filled into {sqe}.")
            second = f"It {clause(self.prep.summary)}."
        else:
            first = f"{function} fills {sqe} with a request of opcode {bold(self.op.constant)}."
            second = f"The request {clause(self.prep.summary)}."
        counterpart = f"It does what {self.op.syscall} does, without blocking the caller." \
            if self.op.syscall and self.prep.summary == self.op.summary else None
        if self.op.syscall and not counterpart:
            counterpart = f"The system call behind it is {self.op.syscall}."
        return self.prose(first, second, counterpart)

    # -- arguments ----------------------------------------------------------

    @cached_property
    def arguments(self) -> tuple[Item, ...]:
        sqe = "The entry to fill." if not self.prep.amends else "The entry to change."
        size = None
        if self.op.big:
            size = "It has 128 bytes, which is to say that the ring was made with " \
                   f"{listed(map(bold, self.op.rings_one_of), 'or')}." if self.op.rings_one_of \
                else "It has 128 bytes."
        source = f"It comes from {page('rota_get_sqe')}, which has cleared it." \
            if not self.prep.amends else None
        first = Item(_head("struct io_uring_sqe *", "sqe"), self.prose(sqe, source, size))
        return (first, *(self._argument(arg) for arg in self.prep.args))

    def _argument(self, arg: Arg) -> Item:
        texts: list[str | None] = [arg.summary]
        field = arg.field
        items: tuple[Item, ...] = ()
        if field is not None:
            own = field.slot.name == arg.slot.name
            if own and field.role == "file" and self.op.fixed_file == "taken":
                texts.append("With IOSQE_FIXED_FILE it is a slot of the ring's file table "
                             "instead.")
            if own and field.role == "file" and self.op.fixed_file == "required":
                texts.append("It is always a slot of the ring's file table.")
            if arg.pointer and field.memory and field.lives:
                texts += [_MEMORY[field.memory], _LIVES[field.lives]]
            texts += self._use(field)
            texts.append(field.note)
            if field.group:
                lead, items = self._flags(field)
                texts.append(lead)
        return Item(_head(arg.ctype, arg.name), self.prose(*texts), items)

    def _use(self, field: Field) -> list[str | None]:
        """When the kernel looks at a field, and since when."""
        texts: list[str | None] = []
        phrases = self.subject.unsettled(field.when)
        if phrases:
            otherwise = "it is ignored" if field.otherwise_ignored else "it must be 0"
            texts.append(f"The kernel reads it when {listed(phrases)}; otherwise {otherwise}.")
        if field.since and names.version(field.since) > names.version(self.prep.since):
            before = "ignore it" if field.before_ignored else "refuse anything but 0"
            texts.append(f"It is there since Linux {field.since}; older kernels {before}.")
            texts.append(_series(field.backports))
        return texts

    def _flags(self, field: Field) -> tuple[str, tuple[Item, ...]]:
        """What a field of flags takes: a sentence, and a list unless the sentence names them."""
        assert field.group is not None
        fixed = next((store.constants for store in self.prep.stores
                      if store.slot == field.slot and store.constants), ())
        always = [name for text in fixed for name in _flag_names(field.group, text)]
        lead = "It is one of these values" if field.group.values \
            else "It is 0 or a combination of these flags"
        if always:
            lead = f"The function sets {listed(map(bold, always))}; others of these flags may be " \
                   "added"
        entries = {entry.name: entry for entry in field.group.entries}
        if field.group.external and len(field.takes) > MANY:
            named = [bold(taken.name) +
                     (f" (Linux {taken.since})" if taken.since != self.op.since else "")
                     for taken in field.takes]
            return f"{lead}: {listed(named)}.", ()
        return f"{lead}.", tuple(
            self.manual.entry(entries[taken.name],
                              None if field.group.external and taken.since == self.op.since
                              else taken.since)
            for taken in field.takes)

    @cached_property
    def more(self) -> tuple[Item, ...]:
        """Fields that the request reads and that no function of the row takes as argument."""
        taken = {arg.slot.offset for prep in self.op.preps for arg in prep.args}
        fixed = {store.slot.offset for store in self.prep.stores if store.arg is None}
        fixed -= {field.slot.offset for field in self.op.fields
                  if field.group and not field.group.values}
        fixed |= {store.slot.offset for prep in self.op.preps for store in prep.stores
                  for field in self.op.fields if field.slot == store.slot and field.group
                  and field.group.values}
        found: list[Item] = []
        for field in self.op.fields:
            if field.slot.offset in taken or field.slot.offset in fixed:
                continue
            if self.subject.all_hold(field.when) is False:
                continue
            texts = [field.summary, *self._use(field), field.note]
            items: tuple[Item, ...] = ()
            if field.group:
                lead, items = self._flags(field)
                texts.append(lead)
            found.append(Item(f".I sqe\\->{field.slot.name}", self.prose(*texts), items))
        return tuple(found)

    @cached_property
    def request_flags(self) -> str:
        """What the IOSQE flags do here, and which rings take the request."""
        op = self.op
        since = dict(op.iosqe_since)
        texts: list[str | None] = []
        if op.fixed_file == "required":
            texts.append("The request needs IOSQE_FIXED_FILE" + (
                ", which the function sets." if self._sets("IOSQE_FIXED_FILE") else "."))
        elif op.fixed_file == "taken" and not any(
                arg.field and arg.field.role == "file" for arg in self.prep.args):
            texts.append("The request takes IOSQE_FIXED_FILE.")
        elif op.fixed_file.startswith("E"):
            texts.append(f"IOSQE_FIXED_FILE is refused with {op.fixed_file}.")
        if op.buffer_select == "taken":
            version = _span(since.get("IOSQE_BUFFER_SELECT"), None)
            if self._sets("IOSQE_BUFFER_SELECT"):
                texts.append("The function sets IOSQE_BUFFER_SELECT, so that the memory comes "
                             "from a group of provided buffers.")
            else:
                texts.append(f"With IOSQE_BUFFER_SELECT{version} the memory comes from the group "
                             f"of provided buffers whose number is in {italic('sqe->buf_group')}.")
        elif op.buffer_select == "required":
            texts.append("The request needs IOSQE_BUFFER_SELECT" + (
                ", which the function sets." if self._sets("IOSQE_BUFFER_SELECT") else "."))
        if op.cqe_skip != "taken":
            texts.append("IOSQE_CQE_SKIP_SUCCESS is refused with EINVAL.")
        texts.append("A ring made with IORING_SETUP_IOPOLL "
                     f"{'takes' if op.iopoll else 'refuses'} the request.")
        if op.rings_one_of and not op.big:
            texts.append(f"The ring must have been made with "
                         f"{listed(map(bold, op.rings_one_of), 'or')}.")
        return self.prose(*texts)

    def _sets(self, flag: str) -> bool:
        return any(flag in store.constants for store in self.prep.stores)

    # -- completion ---------------------------------------------------------

    @cached_property
    def streams(self) -> bool | None:
        """Whether it posts a stream of completions; None when that depends on the caller."""
        done = self.op.completion
        return False if done.shape != "stream" else self.subject.all_hold(done.when)

    @cached_property
    def completion(self) -> str:
        """How many completions come."""
        done = self.op.completion
        more = (f"each but the last carries IORING_CQE_F_MORE in {italic('cqe->flags')}. "
                "One without it ends the request, after an error or when the kernel had no room "
                "for more; send a new one to go on.")
        if done.shape == "notification":
            return self.prose(
                "The request posts two completions. The first has the result, and carries "
                f"IORING_CQE_F_MORE in {italic('cqe->flags')} when the second is to come. The "
                "second carries IORING_CQE_F_NOTIF; from then on the memory may be used again. "
                "A request that fails early posts the first only.")
        if self.streams is True:
            return self.prose(f"The request posts any number of completions: {more}")
        if self.streams is None:
            phrases = listed(self.subject.unsettled(done.when))
            return self.prose("The request posts one completion. When "
                              f"{phrases}, it posts any number: {more}")
        return self.prose("The request posts one completion.")

    @cached_property
    def results(self) -> tuple[Item, ...]:
        """The fields of the completion."""
        done = self.op.completion
        entries = {entry.name: entry for group in self.manual.table.groups
                   for entry in group.entries}
        flags = tuple(self.manual.entry(entries[name], entries[name].since)
                      for name in done.flags
                      if name != MORE or self.streams is not False or done.shape != "stream")
        found = [Item(".I cqe\\->res", self.prose(
            done.res, "A negative number is an error, see `ERRORS`."))]
        if flags:
            found.append(Item(".I cqe\\->flags", self.prose("Of these flags, any may be set."),
                              flags))
        if done.big:
            found.append(Item(".I cqe\\->big_cqe", self.prose(done.big)))
        return tuple(found)

    @cached_property
    def errors(self) -> tuple[Item, ...]:
        found = [(error.errno, self.prose(error.cause, error.remedy)) for error in self.op.errors]
        for rule in self.op.rules:
            if self.subject.all_hold(rule.when) is False:
                continue
            cause = self._cause(rule)
            if cause:
                found.append((rule.errno, self.prose(
                    f"{cause}{_span(rule.since, rule.until)}.", rule.because)))
        found.append(("EINVAL", self.prose(
            "A field that the request does not read is not 0, or the kernel is older than the "
            "request.")))
        return _errors(found)

    @staticmethod
    def _joined(phrases: list[str]) -> str:
        """Phrases that all hold; `X contains A and X contains B` becomes shorter."""
        if len(phrases) > 1 and " contains " in phrases[-1]:
            subject = phrases[-1].split(" contains ")[0] + " contains "
            if phrases[-2].startswith(subject) and phrases[-1].count(" contains ") == 1:
                phrases = [*phrases[:-2],
                           f"{phrases[-2]} together with {phrases[-1].removeprefix(subject)}"]
        text = listed(phrases)
        return "The" + text.removeprefix("the") if text.startswith("the ring ") else text

    def _cause(self, rule: Rule) -> str:
        """How a request of this function breaks a rule; empty if it cannot."""
        phrases = self.subject.unsettled(rule.when)
        if any(self.subject.holds(item) is False for item in rule.must):
            return self._joined(phrases)
        broken = [self.subject.say(item, True) for item in rule.must
                  if self.subject.holds(item) is not True]
        if not broken:
            return ""
        alternatives = listed(broken, "or")
        if phrases and len(broken) > 1:
            alternatives = f"either {alternatives}"
        return self._joined([*phrases, alternatives])

    @property
    def errors_intro(self) -> str:
        also = f" and those of {self.op.syscall}," if self.op.syscall else ""
        return self.prose(f"Errors come as negative numbers in {italic('cqe->res')}. Beside those "
                          f"that any request may get, see {page('rota_ops', 7)},{also} there are:")

    # -- the rest -----------------------------------------------------------

    @cached_property
    def versions(self) -> str:
        texts: list[str | None] = []
        if self.prep.since == self.op.since:
            texts.append(f"Linux {self.op.since}.")
        else:
            texts.append(f"Linux {self.prep.since}; {bold(self.op.constant)} itself is there "
                         f"since Linux {self.op.since}.")
        texts.append(_series(self.op.backports))
        if self.op.config:
            texts.append(f"The kernel must have been built with {self.op.config}.")
        return self.prose(*texts)

    @property
    def compatibility(self) -> str:
        return self.prose(*_compatibility(self.prep))

    @property
    def notes(self) -> str:
        return self.prose(self.op.note)

    @cached_property
    def example(self) -> str:
        return literal(prep_example(self))

    @cached_property
    def see_also(self) -> str:
        pages = {(prep.function, 3) for prep in self.op.preps if prep is not self.prep}
        pages |= {("rota_get_sqe", 3), ("rota_submit", 3), ("rota_wait_cqe", 3), ("rota", 7),
                  ("rota_ops", 7)}
        if self.op.syscall:
            pages.add((self.op.syscall[:-3], int(self.op.syscall[-2])))
        return references(pages)


def references(pages: Iterable[tuple[str, int]]) -> str:
    """The requests below SEE ALSO: by section, then by name."""
    ordered = sorted(set(pages), key=lambda item: (item[1], item[0]))
    return "\n".join(f".BR {name} ({section}){',' if index + 1 < len(ordered) else ''}"
                     for index, (name, section) in enumerate(ordered))


# -- examples ---------------------------------------------------------------

def _c_call(indent: str, head: str, arguments: list[str], tail: str, width: int = 72) -> str:
    """A call or a function head, wrapped below its parenthesis."""
    items = arguments or ["void"]
    pad = " " * (len(indent) + len(head) + 1)
    if len(pad) + max(map(len, items)) + len(tail) + 1 > width:
        pad = indent + " " * 8
    lines, current = [], f"{indent}{head}("
    start = current
    for index, item in enumerate(items):
        piece = item + ("," if index + 1 < len(items) else f"){tail}")
        if current not in (start, pad) and len(current) + len(piece) > width:
            lines.append(current.rstrip())
            current = pad
        current += piece + " "
    lines.append(current.rstrip())
    return "\n".join(lines)


def _c_comment(indent: str, text: str) -> str:
    whole = f"{indent}/* {text} */"
    if len(whole) <= 72:
        return whole
    lines = textwrap.wrap(text, 72 - len(indent) - 3, break_long_words=False,
                          break_on_hyphens=False)
    return "\n".join([f"{indent}/*", *(f"{indent} * {line}" for line in lines), f"{indent} */"])


def prep_example(page_of: PrepPage) -> str:
    """A function that sends one request and takes in what comes back."""
    op, prep = page_of.op, page_of.prep
    before = [] if not prep.amends else [next(item for item in op.preps if not item.amends)]
    steps = [*before, prep]
    parameters: dict[str, str] = {"ring": "struct rota_ring *ring"}
    for step in steps:
        parameters |= {arg.name: arg.declaration for arg in step.args}
    flags = _needed_flags(page_of)
    group = "IOSQE_BUFFER_SELECT" in flags and "buf_group" not in parameters
    if group:
        parameters["buf_group"] = "unsigned short buf_group"
    select = group or page_of._sets("IOSQE_BUFFER_SELECT")
    stream, notified = page_of.streams is True, op.completion.shape == "notification"
    headers = ["errno.h", "rota.h"]
    if stream:
        headers.append("stdio.h")
    lines = [f"#include <{name}>" for name in headers]
    lines += ["", _c_comment("", prep.summary)]
    lines += [_c_call("", f"int {prep.name}_example", list(parameters.values()), "")]
    lines += ["{", "    struct io_uring_sqe *sqe = rota_get_sqe(ring);",
              "    struct io_uring_cqe *cqe;"]
    if notified:
        lines.append("    int ret, res = 0;")
    else:
        lines.append("    int ret;")
    if stream or notified:
        lines.append("    bool more;")
    lines += ["", "    if (!sqe)", "        return -EBUSY; /* the queue is full: submit first */"]
    for step in steps:
        lines.append(_c_call("    ", step.function,
                             ["sqe", *(arg.name for arg in step.args)], ";"))
    if flags:
        lines.append(f"    sqe->flags |= {' | '.join(flags)};")
    if group:
        lines.append("    sqe->buf_group = buf_group;")
    lines.append("    rota_sqe_set_data64(sqe, 1); /* comes back in cqe->user_data */")
    lines += ["", "    ret = rota_submit(ring);", "    if (ret < 0)", "        return ret;"]
    if stream or notified:
        wait = ["    do {", "        ret = rota_wait_cqe(ring, &cqe);", "        if (ret < 0)",
                "            return ret;"]
        if notified:
            wait += ["        if (!rota_cqe_is_notif(cqe))", "            res = cqe->res;"]
        elif select:
            wait += ['        printf("%d, buffer %d\\n", cqe->res, rota_cqe_buffer_id(cqe));']
        else:
            wait += ['        printf("%d\\n", cqe->res);']
        wait += ["        more = rota_cqe_has_more(cqe);", "        rota_cqe_seen(ring, cqe);",
                 "    } while (more);"]
        lines += wait
        lines.append("    return res; /* the memory is free again */" if notified
                     else "    return 0;")
    else:
        lines += ["    ret = rota_wait_cqe(ring, &cqe);", "    if (ret < 0)",
                  "        return ret;"]
        lines += ["    ret = cqe->res;", "    rota_cqe_seen(ring, cqe);", "    return ret;"]
    lines.append("}")
    return "\n".join(lines)


def _needed_flags(page_of: PrepPage) -> list[str]:
    """IOSQE flags without which the kernel refuses every request of this function."""
    found: list[str] = []
    for rule in page_of.op.rules:
        if rule.until or page_of.subject.all_hold(rule.when) is not True:
            continue
        for item in rule.must:
            if item.subject == "flags" and item.operator == "has" \
                    and page_of.subject.holds(item) is not True:
                found += [flag for flag in item.operands if flag not in found]
    for key, flag in (("fixed_file", "IOSQE_FIXED_FILE"),
                      ("buffer_select", "IOSQE_BUFFER_SELECT")):
        if getattr(page_of.op, key) == "required" and not page_of._sets(flag) \
                and flag not in found:
            found.append(flag)
    return found


def call_example(call: Call) -> str:
    parameters = [] if call.without_ring else ["struct rota_ring *ring"]
    parameters += [arg.declaration for arg in call.args]
    arguments = [] if call.without_ring else ["ring"]
    arguments += [arg.name for arg in call.args]
    return "\n".join([
        "#include <rota.h>", "#include <stdio.h>", "#include <string.h>", "",
        _c_comment("", call.summary),
        _c_call("", f"int {call.name}_example", parameters, ""), "{",
        _c_call("    ", f"int ret = {call.function}", arguments, ";").replace("(void)", "()"), "",
        "    if (ret < 0)",
        _c_call("        ", "fprintf", ["stderr", f'"{call.function}: %s\\n"',
                                        "strerror(-ret)"], ";"),
        "    return ret;", "}"])


class CallPage:
    """The manual page of one register function."""

    def __init__(self, manual: "Manual", row: RegisterOp, call: Call) -> None:
        self.manual = manual
        self.prose = manual.prose
        self.row = row
        self.call = call

    @property
    def title(self) -> str:
        return self.call.function.upper()

    @property
    def name(self) -> str:
        return _name_line(self.call.function, self.call.summary)

    @cached_property
    def synopsis(self) -> str:
        parameters = [] if self.call.without_ring else [("struct rota_ring *", "ring", "")]
        parameters += [_parameter(arg.ctype, arg.name) for arg in self.call.args]
        return _synopsis(f"int {self.call.function}", parameters)

    @cached_property
    def intro(self) -> str:
        return self.prose(
            f"{bold(self.call.function)}() {clause(self.call.summary)}.",
            f"It makes the {bold(self.row.constant)} call of io_uring_register(2)."
            if not self.call.handwritten else
            f"It belongs to the {bold(self.row.constant)} call of io_uring_register(2).",
            self.call.handwritten)

    @cached_property
    def arguments(self) -> tuple[Item, ...]:
        items: list[Item] = []
        if not self.call.without_ring:
            items.append(Item(_head("struct rota_ring *", "ring"), self.prose("The ring.")))
        items += [self._argument(arg) for arg in self.call.args]
        return tuple(items)

    def _argument(self, arg: CallArg) -> Item:
        texts: list[str | None] = [arg.summary]
        if names.is_pointer(arg.ctype) and "rota_ring" not in arg.ctype:
            memory = "read" if arg.ctype.startswith("const ") else self.row.memory
            texts.append(_MEMORY[memory] if memory else None)
            texts.append("It is free to be reused when the call returns." if memory else None)
        return Item(_head(arg.ctype, arg.name), self.prose(*texts))

    @cached_property
    def notes(self) -> str:
        row = self.row
        texts: list[str | None] = [row.note]
        if row.lives == "unregister":
            texts.append("The memory that is registered must stay valid until it is unregistered.")
        if row.needs:
            texts.append(f"The ring must have been made with {listed(map(bold, row.needs))}.")
        if row.refuses:
            texts.append("The ring must not have been made with "
                         f"{listed(map(bold, row.refuses), 'or')}.")
        return self.prose(*texts)

    @cached_property
    def result(self) -> str:
        text = clause(self.row.res)
        success = f"On success the function returns {text.removeprefix('always ')}."
        return self.prose(success, "On failure it returns a negative error number and leaves "
                                   f"{italic('errno')} alone.")

    @cached_property
    def errors(self) -> tuple[Item, ...]:
        found = [(error.errno, self.prose(error.cause, error.remedy))
                 for error in self.row.errors]
        found.append(("EINVAL", self.prose("The kernel is older than the call.")))
        if not self.call.without_ring:
            found.append(("EBADF", self.prose("The ring is torn down.")))
            found.append(("EEXIST", self.prose(
                "The ring was made with IORING_SETUP_SINGLE_ISSUER, and another thread than its "
                "own makes the call.")))
            found.append(("EACCES", self.prose("A restriction of the ring forbids the call.")))
        return _errors(found)

    @cached_property
    def versions(self) -> str:
        texts: list[str | None] = []
        if self.call.since == self.row.since:
            texts.append(f"Linux {self.row.since}.")
        else:
            texts.append(f"Linux {self.call.since}; {bold(self.row.constant)} itself is there "
                         f"since Linux {self.row.since}.")
        texts.append(_series(self.row.backports))
        return self.prose(*texts)

    @property
    def compatibility(self) -> str:
        return self.prose(*_compatibility(self.call))

    @cached_property
    def example(self) -> str:
        return literal(call_example(self.call))

    @cached_property
    def see_also(self) -> str:
        pages = {(call.function, 3) for call in self.row.calls if call is not self.call}
        pages |= {("io_uring_register", 2), ("rota_init", 3), ("rota", 7), ("rota_ops", 7)}
        return references(pages)


@dataclass(frozen=True)
class Line:
    """A row of a table: finished cells."""

    number: int
    name: str
    since: str
    summary: str


class Manual:
    """All pages, and what rota_ops(7) says about the whole table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.prose = Prose(table)
        self._shown: set[str] = set()

    def prep(self, op: Op, prep: Prep) -> PrepPage:
        return PrepPage(self, op, prep)

    def call(self, row: RegisterOp, call: Call) -> CallPage:
        return CallPage(self, row, call)

    def entry(self, entry: Entry, since: str | None) -> Item:
        """A flag or value with its meaning, and its first kernel if that is to be told."""
        texts: list[str | None] = [entry.summary, entry.note]
        if entry.needs:
            texts.append(f"It needs {listed(map(bold, entry.needs))}.")
        if entry.needs_one:
            texts.append(f"It needs {listed(map(bold, entry.needs_one), 'or')}.")
        if entry.excludes:
            texts.append(f"It excludes {listed(map(bold, entry.excludes))}.")
        if entry.refused:
            texts.append(f"No kernel takes it: {clause(entry.refused)}.")
        texts.append(_series(entry.backports))
        tag = f'.BR {entry.name} " (Linux {since})"' if since else f".B {entry.name}"
        return Item(tag, self.prose(*texts))

    # -- rota_ops(7) --------------------------------------------------------

    @cached_property
    def opcodes(self) -> tuple[Line, ...]:
        return tuple(Line(op.number, op.constant, op.since, self.prose(op.summary))
                     for op in self.table.ops)

    @cached_property
    def register_opcodes(self) -> tuple[Line, ...]:
        return tuple(Line(row.number, row.constant, row.since, self.prose(row.summary))
                     for row in self.table.registers)

    @cached_property
    def requests(self) -> tuple[Item, ...]:
        """Each opcode: its functions, its flags, what comes back."""
        return tuple(Item(f'.BR {op.constant} " ({op.number}, Linux {op.since})"',
                          self.prose(op.summary, op.note, _series(op.backports),
                                     f"It needs {op.config}." if op.config else None),
                          self._request(op)) for op in self.table.ops)

    def _request(self, op: Op) -> tuple[Item, ...]:
        found: list[Item] = []
        if op.preps:
            found.append(Item("Functions", self.prose(
                f"{', '.join(page(prep.function) for prep in op.preps)}.")))
        for field in op.fields:
            if field.group is None:
                continue
            named = [bold(taken.name) + (f" ({taken.since})" if taken.since != op.since else "")
                     for taken in field.takes]
            if named:
                found.append(Item(f".I {field.slot.name}", self.prose(f"{', '.join(named)}.")))
        done = op.completion
        shape = {"one": None, "notification": "The result, then a notification.",
                 "stream": "Many completions." if not done.when else "Many completions with "
                 f"{listed(bold(name) for item in done.when for name in item.operands)}."}
        found.append(Item("Result", self.prose(done.res, shape[done.shape])))
        return tuple(found)

    @cached_property
    def calls(self) -> tuple[Item, ...]:
        """Each register opcode."""
        return tuple(Item(f'.BR {row.constant} " ({row.number}, Linux {row.since})"',
                          self.prose(row.summary, row.note, _series(row.backports)),
                          self._call(row)) for row in self.table.registers)

    def _call(self, row: RegisterOp) -> tuple[Item, ...]:
        found: list[Item] = []
        if row.calls:
            found.append(Item("Functions", self.prose(
                f"{', '.join(page(call.function) for call in row.calls)}.")))
        if row.arg:
            found.append(Item(".I arg", self.prose(f"{row.arg}.")))
        found.append(Item(".I nr_args", self.prose(row.nr_args)))
        rings: list[str | None] = []
        if row.needs:
            rings.append(f"Made with {listed(map(bold, row.needs))}.")
        if row.refuses:
            rings.append(f"Made without {listed(map(bold, row.refuses))}.")
        if row.only_without_ring:
            rings.append(f"None: it is called with the descriptor -1 (Linux {row.without_ring}).")
        elif row.without_ring:
            rings.append(f"It also works with the descriptor -1 (Linux {row.without_ring}).")
        if rings:
            found.append(Item("Ring", self.prose(*rings)))
        found.append(Item("Result", self.prose(row.res)))
        return tuple(found)

    @cached_property
    def lifetimes(self) -> dict[str, str]:
        """For each lifetime, the fields of opcodes whose memory has it."""
        found: dict[str, dict[str, list[str]]] = {}
        for op in self.table.ops:
            for field in op.fields:
                if field.lives:
                    below = found.setdefault(field.lives, {}).setdefault(op.constant, [])
                    below.append(italic(field.arg or field.slot.name))
        return {lives: self.prose(", ".join(f"{bold(constant)} ({', '.join(fields)})"
                                            for constant, fields in below.items()) + ".")
                for lives, below in found.items()}

    def opcodes_where(self, key: str, *values: str | bool) -> str:
        """The opcodes whose attribute has one of the values, as a sentence."""
        found = [bold(op.constant) for op in self.table.ops if getattr(op, key) in values]
        return self.prose(f"{', '.join(found)}." if found else "None.")

    def group(self, name: str) -> tuple[Item, ...]:
        """The entries of a group; nothing where the table has no such group."""
        self._shown.add(name)
        group = self.table.group_by_name.get(name)
        return self._entries(group) if group else ()

    def _entries(self, group: Group) -> tuple[Item, ...]:
        return tuple(self.entry(entry, entry.since) for entry in group.entries)

    @property
    def other_groups(self) -> tuple[tuple[str, str, tuple[Item, ...]], ...]:
        """The groups that the page has not shown so far: name, summary, entries."""
        return tuple((group.name, self.prose(group.summary), self._entries(group))
                     for group in self.table.groups
                     if not group.external and group.name not in self._shown)
