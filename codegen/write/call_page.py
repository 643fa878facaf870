"""The manual page of one register function: the facts of its row as sentences.

Every property that a template uses holds finished roff: escaped, marked up, one sentence a
line, and wrapped.
"""

from __future__ import annotations

from functools import cached_property

from codegen.table import names
from codegen.table.calls import Call, CallArg, RegisterOp
from codegen.write import examples
from codegen.write.prose import (Item, Prose, bold, clause, italic, listed, literal, name_line,
                                 page, parameter, references, synopsis, tag)
from codegen.write.sentences import MEMORY, compatibility, errors, series


class CallPage:
    """The manual page of one register function."""

    def __init__(self, prose: Prose, row: RegisterOp, call: Call) -> None:
        self.prose = prose
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
            texts.append(MEMORY[memory] if memory else None)
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
        return errors(found)

    @cached_property
    def versions(self) -> str:
        texts: list[str | None] = []
        if self.call.since == self.row.since:
            texts.append(f"Linux {self.row.since}.")
        else:
            texts.append(f"Linux {self.call.since}; {bold(self.row.constant)} itself is there "
                         f"since Linux {self.row.since}.")
        texts.append(series(self.row.backports))
        return self.prose(*texts)

    @property
    def compatibility(self) -> str:
        return self.prose(*compatibility(self.call))

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
