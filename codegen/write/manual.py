"""What the manual pages say: the facts of the table as sentences, ready for man(7).

Every property that a template uses holds finished roff: escaped, marked up, one sentence a
line, and wrapped. Sentences are glued here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from codegen.table import names
from codegen.write import examples
from codegen.table.conditions import is_number
from codegen.table.model import (Arg, Call, CallArg, Entry, Field, Group, Op, Prep, RegisterOp, Rule,
                           Table)
from codegen.write.prose import (Item, Prose, bold, clause, italic, listed, literal, name_line, page,
                           parameter, references, synopsis, tag)
from codegen.write.subject import Subject

MANY = 8  # more flags of another owner than this are named only, in one sentence
MORE = "IORING_CQE_F_MORE"

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
        return name_line(self.prep.function, self.prep.summary)

    @cached_property
    def synopsis(self) -> str:
        parameters = [("struct io_uring_sqe *", "sqe", "")]
        parameters += [parameter(arg.ctype, arg.name) for arg in self.prep.args]
        return synopsis(f"void {self.prep.function}", parameters)

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
        behind = "It has to stand right behind another request, one that carries " \
                 "IOSQE_IO_LINK or IOSQE_IO_HARDLINK." if self.op.behind_link else None
        return self.prose(first, second, counterpart, behind)

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
        first = Item(tag("struct io_uring_sqe *", "sqe"), self.prose(sqe, source, size))
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
        return Item(tag(arg.ctype, arg.name), self.prose(*texts), items)

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
                ", which the function sets." if self.subject.sets("IOSQE_FIXED_FILE") else "."))
        elif op.fixed_file == "taken" and not any(
                arg.field and arg.field.role == "file" for arg in self.prep.args):
            texts.append("The request takes IOSQE_FIXED_FILE.")
        elif op.fixed_file.startswith("E"):
            texts.append(f"IOSQE_FIXED_FILE is refused with {op.fixed_file}.")
        if op.buffer_select == "taken":
            version = _span(since.get("IOSQE_BUFFER_SELECT"), None)
            if self.subject.sets("IOSQE_BUFFER_SELECT"):
                texts.append("The function sets IOSQE_BUFFER_SELECT, so that the memory comes "
                             "from a group of provided buffers.")
            else:
                texts.append(f"With IOSQE_BUFFER_SELECT{version} the memory comes from the group "
                             f"of provided buffers whose number is in {italic('sqe->buf_group')}.")
        elif op.buffer_select == "required":
            texts.append("The request needs IOSQE_BUFFER_SELECT" + (
                ", which the function sets." if self.subject.sets("IOSQE_BUFFER_SELECT") else "."))
        if op.cqe_skip != "taken":
            texts.append("IOSQE_CQE_SKIP_SUCCESS is refused with EINVAL.")
        texts.append("A ring made with IORING_SETUP_IOPOLL "
                     f"{'takes' if op.iopoll else 'refuses'} the request.")
        if op.rings_one_of and not op.big:
            texts.append(f"The ring must have been made with "
                         f"{listed(map(bold, op.rings_one_of), 'or')}.")
        return self.prose(*texts)

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
    def source(self) -> str:
        """The example as C, for those who are not a manual page."""
        return examples.prep_example(self.subject, self.streams is True)

    @property
    def example(self) -> str:
        return literal(self.source)

    @cached_property
    def see_also(self) -> str:
        pages = {(prep.function, 3) for prep in self.op.preps if prep is not self.prep}
        pages |= {("rota_get_sqe", 3), ("rota_submit", 3), ("rota_wait_cqe", 3), ("rota", 7),
                  ("rota_ops", 7)}
        if self.op.syscall:
            pages.add((self.op.syscall[:-3], int(self.op.syscall[-2])))
        return references(pages)


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
        return name_line(self.call.function, self.call.summary)

    @cached_property
    def synopsis(self) -> str:
        parameters = [] if self.call.without_ring else [("struct rota_ring *", "ring", "")]
        parameters += [parameter(arg.ctype, arg.name) for arg in self.call.args]
        return synopsis(f"int {self.call.function}", parameters)

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
            items.append(Item(tag("struct rota_ring *", "ring"), self.prose("The ring.")))
        items += [self._argument(arg) for arg in self.call.args]
        return tuple(items)

    def _argument(self, arg: CallArg) -> Item:
        texts: list[str | None] = [arg.summary]
        if names.is_pointer(arg.ctype) and "rota_ring" not in arg.ctype:
            memory = "read" if arg.ctype.startswith("const ") else self.row.memory
            texts.append(_MEMORY[memory] if memory else None)
            texts.append("It is free to be reused when the call returns." if memory else None)
        return Item(tag(arg.ctype, arg.name), self.prose(*texts))

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
    def source(self) -> str:
        return examples.call_example(self.call)

    @property
    def example(self) -> str:
        return literal(self.source)

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
