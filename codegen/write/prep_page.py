"""The manual page of one prep function: the facts of its row as sentences.

Every property that a template uses holds finished roff: escaped, marked up, one sentence a
line, and wrapped.
"""

from __future__ import annotations

from functools import cached_property

from codegen.table import names
from codegen.table.commands import Command, Family
from codegen.table.model import Table
from codegen.table.requests import Arg, Field, Op, Prep, Rule
from codegen.write import examples
from codegen.write.prose import (Item, Prose, bold, clause, italic, listed, literal, name_line,
                                 page, parameter, references, synopsis, tag)
from codegen.write.sentences import (LIVES, MEMORY, compatibility, entry, errors, flag_names,
                                     series, span)
from codegen.write.subject import Subject

MANY = 8  # more flags of another owner than this are named only, in one sentence
MORE = "IORING_CQE_F_MORE"


class PrepPage:
    """The manual page of one prep function."""

    def __init__(self, table: Table, prose: Prose, op: Op, prep: Prep) -> None:
        self.table = table
        self.prose = prose
        self.op = op
        self.prep = prep
        self.subject = Subject(table, op, prep)
        sent = table.command_functions.get(prep.name)
        self.family: Family | None = sent[0] if sent else None
        self.command: Command | None = sent[1] if sent else None

    @property
    def title(self) -> str:
        return self.prep.function.upper()

    @property
    def name(self) -> str:
        return name_line(", ".join(self.functions), self.prep.summary)

    @property
    def functions(self) -> tuple[str, ...]:
        """The prep function, and what starts such a request on a handle or waits for it."""
        if self.prep not in self.op.started:
            return (self.prep.function,)
        if self.op.streams(self.prep):
            return self.prep.function, self.prep.start
        return self.prep.function, self.prep.start, self.prep.awaited

    @cached_property
    def synopsis(self) -> str:
        arguments = [parameter(arg.ctype, arg.name) for arg in self.prep.args]
        ring = ("struct rota_ring *", "ring", "")
        sqe, handle = ("struct io_uring_sqe *", "sqe", ""), ("struct rota_op *", "handle", "")
        found = synopsis(f"void {self.prep.function}", [sqe, *arguments])
        if len(self.functions) > 1:
            found += "\n.PP\n.B #include <rota/call.h>"
        for name, given in zip(self.functions[1:], ([ring, handle], [ring])):
            found += "\n.PP\n" + synopsis(f"int {name}", [*given, *arguments])
        return found

    @cached_property
    def handles(self) -> str:
        """How the functions with handles relate to the first one."""
        if len(self.functions) < 2:
            return ""
        texts = [f"{bold(self.prep.start)}() takes an entry of {italic('ring')}, fills it in the "
                 f"same way and starts the request on {italic('handle')}; its results come by "
                 f"{page('rota_await')}."]
        if len(self.functions) > 2:
            texts.append(f"{bold(self.prep.awaited)}() also waits for the result, and returns it.")
        texts.append(f"Both are described in {page('rota_start')}." if len(self.functions) > 2
                     else f"It is described in {page('rota_start')}.")
        return self.prose(*texts)

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
        if self.command and self.family and self.command.big:
            size = "It has 128 bytes, which is to say that the ring was made with " \
                   "IORING_SETUP_SQE128, or with IORING_SETUP_SQE_MIXED, where its opcode " \
                   f"is to be IORING_OP_{self.family.large}. The functions with handles see to it."
        source = f"It comes from {page('rota_get_sqe')}, which has cleared it." \
            if not self.prep.amends else None
        first = Item(tag("struct io_uring_sqe *", "sqe"), self.prose(sqe, source, size))
        return (first, *(self._argument(arg) for arg in self.prep.args), *self._points())

    def _points(self) -> tuple[Item, ...]:
        """Memory that members of a command's structure, or fields of the SQE, lead to."""
        if self.command is None:
            return ()
        payload = self.command.payload
        inside = {item.path for item in payload.placed} if payload else set()
        taken = {arg.slot.name for arg in self.prep.args}
        return tuple(
            Item(f".I {'cmd' if point.member in inside else 'sqe'}\\->{point.member}",
                 self.prose(point.summary, MEMORY[point.memory], LIVES[point.lives],
                            f"Its bytes are in {italic(point.length)}." if point.length else None))
            for point in self.command.points if point.member in inside or point.member not in taken)

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
                texts += [MEMORY[field.memory], LIVES[field.lives]]
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
            texts.append(series(field.backports))
        return texts

    def _flags(self, field: Field) -> tuple[str, tuple[Item, ...]]:
        """What a field of flags takes: a sentence, and a list unless the sentence names them."""
        assert field.group is not None
        fixed = next((store.constants for store in self.prep.stores
                      if store.slot == field.slot and store.constants), ())
        always = [name for text in fixed for name in flag_names(field.group, text)]
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
            entry(self.prose, entries[taken.name],
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
            if any(0 <= field.slot.offset - store.slot.offset < (store.copied or 0)
                   for store in self.prep.stores):
                continue
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
        if "IOSQE_FIXED_FILE" in since:
            before = "do not look at it" if op.fixed_file_before == "ignored" \
                else f"refuse it with {op.fixed_file_before}"
            texts.append(f"IOSQE_FIXED_FILE is taken since Linux {since['IOSQE_FIXED_FILE']}; "
                         f"older kernels {before}.")
        if op.buffer_select == "taken":
            version = span(since.get("IOSQE_BUFFER_SELECT"), None)
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
        if done.shape != "stream":
            return False
        answers = [self.subject.all_hold(done.when)]
        if done.or_when:
            answers.append(self.subject.all_hold(done.or_when))
        return True if True in answers else None if None in answers else False

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
            phrases = ", or when ".join(
                listed(self.subject.unsettled(conditions))
                for conditions in (done.when, done.or_when)
                if conditions and self.subject.all_hold(conditions) is None)
            return self.prose("The request posts one completion. When "
                              f"{phrases}, it posts any number: {more}")
        return self.prose("The request posts one completion.")

    @cached_property
    def _short(self) -> str | None:
        """What it is to links when less was done than asked for."""
        done = self.op.completion
        if not done.short_fails or self.subject.all_hold(done.short_when) is False:
            return None
        phrases = listed(self.subject.unsettled(done.short_when))
        lead = f"When {phrases}, a" if phrases else "A"
        return (f"{lead} result below what was asked for counts as a failure: a request linked "
                "behind is cancelled, and the completion is posted in spite of "
                "IOSQE_CQE_SKIP_SUCCESS.")

    @cached_property
    def results(self) -> tuple[Item, ...]:
        """The fields of the completion."""
        done = self.op.completion
        entries = {entry.name: entry for group in self.table.groups
                   for entry in group.entries}
        flags = tuple(entry(self.prose, entries[name], entries[name].since)
                      for name in done.flags
                      if name != MORE or self.streams is not False or done.shape != "stream")
        found = [Item(".I cqe\\->res", self.prose(
            self.command.res if self.command else done.res, self._short, "A negative number is an error, see `ERRORS`."))]
        if flags:
            found.append(Item(".I cqe\\->flags", self.prose("Of these flags, any may be set."),
                              flags))
        if done.big:
            found.append(Item(".I cqe\\->big_cqe", self.prose(done.big)))
        return tuple(found)

    @cached_property
    def errors(self) -> tuple[Item, ...]:
        found = [(error.errno, self.prose(error.cause, error.remedy)) for error in self.op.errors
                 if self.subject.all_hold(error.when) is not False]
        if self.command and self.family:
            found += [(error.errno, self.prose(error.cause, error.remedy))
                      for error in (*self.command.errors, *self.family.errors)]
            if self.family.ring_errno:
                sizes = "128 bytes in an SQE" + (" and 32 in a completion"
                                                 if self.family.big_cqe else "")
                found.append((self.family.ring_errno,
                              self.prose(f"The ring was not made with {sizes}.")))
        for rule in self.op.rules:
            if self.subject.all_hold(rule.when) is False:
                continue
            cause = self._cause(rule)
            if cause:
                found.append((rule.errno, self.prose(
                    f"{cause}{span(rule.since, rule.until)}.", rule.because)))
        found.append(("EINVAL", self.prose(
            "A field that the request does not read is not 0, or the kernel is older than the "
            "request.")))
        return errors(found)

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
        texts.append(series(self.op.backports))
        config = (self.family.config if self.family else None) or self.op.config
        if config:
            texts.append(f"The kernel must have been built with {config}.")
        return self.prose(*texts)

    @property
    def compatibility(self) -> str:
        return self.prose(*compatibility(self.prep))

    @property
    def notes(self) -> str:
        own = (self.command.note, self.family.note) if self.command and self.family else ()
        return self.prose(*own, self.op.note)

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
        return references(pages | self._concepts)

    @property
    def _concepts(self) -> set[tuple[str, int]]:
        """Pages on what the request takes part in."""
        stored = {store.slot.name for store in self.prep.stores}
        pages = set()
        if any(field.role == "slot" and field.slot.name in stored for field in self.op.fields):
            pages |= {("rota_file_table", 3), ("rota_registered", 7)}
        if self.op.buffer_select in ("taken", "required"):
            pages.add(("rota_provided_buffers", 7))
        if self.streams:
            pages.add(("rota_multishot", 7))
        return pages
