"""What a prep function settles about a request, and conditions on it in words."""

from __future__ import annotations

from collections.abc import Iterable

from codegen.table.conditions import Condition, is_number
from codegen.table.model import Table
from codegen.table.requests import Op, Prep
from codegen.table.structs import Slot
from codegen.write.prose import bold, italic, listed


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
        self._values |= {command.name: command.number for command in table.commands}

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
            return (f"{subject} contains other bits than {listed(operands)}" if negated
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

    def sets(self, flag: str) -> bool:
        """Whether the function itself sets a flag."""
        return any(flag in store.constants for store in self.prep.stores)

    def unsettled(self, conditions: Iterable[Condition]) -> list[str]:
        """Conditions that this function leaves open, as phrases."""
        return [self.say(item) for item in conditions if self.holds(item) is not True]


def _power(text: str) -> str:
    """Large powers of two as such."""
    number = int(text, 0)
    if number >= 1 << 31 and number & (number - 1) == 0:
        return f"2^{number.bit_length() - 1}"
    return str(number)
