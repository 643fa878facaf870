"""Sentences that pages of both kinds say about a row: ages, errors, flags, memory."""

from __future__ import annotations

from codegen.table.calls import Call
from codegen.table.conditions import is_number
from codegen.table.numbers import Entry, Group
from codegen.table.requests import Prep
from codegen.write.prose import Item, Prose, bold, clause, listed

LIVES = {
    "submit": "It may be reused as soon as the request has been submitted.",
    "completion": "It must stay valid until the completion.",
    "notification": "It must stay valid and unchanged until the notification.",
    "unregister": "It must stay valid until it is unregistered or handed back.",
}
MEMORY = {
    "read": "The kernel reads this memory.",
    "written": "The kernel writes to this memory.",
    "both": "The kernel reads and writes this memory.",
}


def flag_names(group: Group, text: str) -> list[str]:
    """The flags behind a constant; a number is taken apart."""
    if not is_number(text):
        return [text]
    number = int(text, 0)
    if group.values:
        return [entry.name for entry in group.entries if entry.number == number]
    return [entry.name for entry in group.entries
            if entry.number and entry.number & number == entry.number]


def span(since: str | None, until: str | None) -> str:
    if since and until:
        return f" (from Linux {since} until Linux {until})"
    if since:
        return f" (since Linux {since})"
    return f" (before Linux {until})" if until else ""


def series(backports: tuple[str, ...]) -> str | None:
    if not backports:
        return None
    many = len(backports) > 1
    return f"The stable series {listed(backports)} {'have' if many else 'has'} it too."


def compatibility(function: Prep | Call) -> list[str | None]:
    """How a function relates to liburing's."""
    if function.own:
        return ["liburing has no such function."]
    counterpart = function.function.replace("rota_", "io_uring_", 1)
    first = f"The arguments are those of liburing's {counterpart}(3)"
    return [first + (", with a difference." if function.differs else "."), function.differs]


def errors(pairs: list[tuple[str, str]]) -> tuple[Item, ...]:
    return tuple(Item(f".B {name}", text) for name, text in sorted(pairs, key=lambda x: x[0]))


def entry(prose: Prose, each: Entry, since: str | None) -> Item:
    """A flag or value with its meaning, and its first kernel if that is to be told."""
    texts: list[str | None] = [each.summary, each.note]
    if each.needs:
        texts.append(f"It needs {listed(map(bold, each.needs))}.")
    if each.needs_one:
        texts.append(f"It needs {listed(map(bold, each.needs_one), 'or')}.")
    if each.excludes:
        texts.append(f"It excludes {listed(map(bold, each.excludes))}.")
    if each.refused:
        texts.append(f"No kernel takes it: {clause(each.refused)}.")
    texts.append(series(each.backports))
    tag = f'.BR {each.name} " (Linux {since})"' if since else f".B {each.name}"
    return Item(tag, prose(*texts))
