"""The closed list of looks at the world: `FIELD is WORD`, `ring is not WORD`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(r"^([a-z_][a-z0-9_]*) is (not )?([a-z]+)$")

# What a look is at, by the role of its field; `memory` is any other pointer.
_SUBJECTS = {
    "file": "descriptor",
    "descriptor": "descriptor",
    "directory": "descriptor",
    "index": "slot",
    "slot": "slot",
    "far_slot": "slot",
    "buffer": "buffer",
    "group": "group",
    "path": "path",
    "new_path": "path",
    "any_path": "path",
    "text": "path",
    "descriptors": "descriptors",
}

# Each word, and what it can be said of.
WORDS = {
    "open": ("descriptor", "slot", "descriptors", "member"),
    "readable": ("descriptor", "memory", "path"),
    "writable": ("descriptor", "memory", "path", "vectors"),
    "appending": ("descriptor",),
    "direct": ("descriptor",),
    "nonblocking": ("descriptor",),
    "seekable": ("descriptor",),
    "regular": ("descriptor",),
    "directory": ("descriptor", "path"),
    "socket": ("descriptor", "path"),
    "pipe": ("descriptor", "path"),
    "character": ("descriptor",),
    "block": ("descriptor",),
    "epoll": ("descriptor",),
    "eventfd": ("descriptor", "descriptors"),
    "ring": ("descriptor", "descriptors", "member"),
    "own": ("descriptor",),
    "same": ("descriptor",),
    "listening": ("descriptor",),
    "connected": ("descriptor",),
    "bound": ("descriptor",),
    "datagram": ("descriptor",),
    "sealed": ("descriptor",),
    "tabled": ("descriptor", "ring"),
    "full": ("descriptor", "ring"),
    "within": ("slot", "buffer", "descriptors", "vectors", "slots"),
    "present": ("path", "group", "buffer", "member"),
    "reachable": ("path",),
    "empty": ("path",),
    "populated": ("path",),
    "changeable": ("path",),
    "link": ("path",),
    "creating": ("memory",),
    "moded": ("memory",),
    "reading": ("memory",),
    "writing": ("memory",),
    "confined": ("memory",),
    "cached": ("memory",),
    "linkless": ("memory",),
    "known": ("memory",),
    "crowded": ("memory",),
    "bounded": ("memory",),
    "related": ("memory",),
    "whole": ("memory", "vectors"),
    "valid": ("memory",),
    "formed": ("memory",),
    "buffered": ("ring",),
    "aligned": ("memory", "descriptor"),
    "paged": ("memory", "member"),
    "mapped": ("memory",),
    "tagged": ("descriptors", "vectors"),
    "zero": ("memory",),
    "absent": ("ring",),
    "power": ("member",),
}


@dataclass(frozen=True)
class Look:
    """`subject` is a field, or `ring` for the ring itself."""

    text: str
    subject: str
    word: str
    negated: bool

    @property
    def kind(self) -> str:
        return f"ROTA_LOOK_{self.word.upper()}"

    @property
    def of_field(self) -> bool:
        return self.subject != "ring"


def parse(text: str) -> Look:
    match = _FORM.match(text)
    if match is None or match.group(3) not in WORDS:
        raise ValueError(f"'{text}' is no look")
    subject, negation, word = match.groups()
    return Look(text, subject, word, negation is not None)


def subject_of(role: str | None, pointer: bool) -> str:
    """What a look at a field of that role is at; empty when there is nothing to look at."""
    return _SUBJECTS.get(role or "", "memory" if pointer else "")


def subject_of_items(ctype: str, descriptor: bool) -> str:
    """What a look at the array of a register call is at."""
    if descriptor:
        return "descriptors"
    return {"__s32": "descriptors", "struct iovec": "vectors", "slot": "slots"}.get(ctype, "memory")
