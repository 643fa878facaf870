"""Every naming rule: which C name belongs to which row."""

from __future__ import annotations

import re
from collections.abc import Iterable

C_KEYWORDS = frozenset("""
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl const
    constexpr continue decltype default delete do double dynamic_cast else enum explicit export
    extern false float for friend goto if inline int long mutable namespace new noexcept not
    not_eq nullptr operator or or_eq private protected public register reinterpret_cast restrict
    return short signed sizeof static static_assert static_cast struct switch template this throw
    true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor
    xor_eq""".split())

HOOKS = {
    "poll_mask": "rota_hook_poll_mask",
    "direct_slot": "rota_hook_direct_slot",
    "zero_extend": "rota_hook_zero_extend",
}


def opcode(name: str) -> str:
    return f"IORING_OP_{name}"


def register(name: str) -> str:
    return f"IORING_{name}"


def prep(name: str) -> str:
    return f"rota_prep_{name}"


def start(name: str) -> str:
    return f"rota_start_{name}"


def awaited(name: str) -> str:
    return f"rota_call_{name}"


def call(name: str) -> str:
    return f"rota_{name}"


def liburing_prep(name: str) -> str:
    return f"io_uring_prep_{name}"


def liburing(name: str) -> str:
    return f"io_uring_{name}"


def is_gnu(ctype: str) -> bool:
    """Whether libc declares a type with _GNU_SOURCE only."""
    return re.search(r"\b(cpu_set_t|loff_t)\b", ctype) is not None


def bit_constant(flag: str) -> str:
    return f"{flag}_BIT"


def declaration(ctype: str, name: str) -> str:
    """`char *` and `p` make `char *p`; `int` and `fd` `int fd`; `void (*)(void)` and `f` `void (*f)(void)`."""
    if "(*)" in ctype:
        return ctype.replace("(*)", f"(*{name})", 1)
    return f"{ctype}{name}" if ctype.endswith("*") else f"{ctype} {name}"


def is_pointer(ctype: str) -> bool:
    return ctype.endswith("*")


def version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


def latest(*texts: str | None) -> str:
    """The newest of some versions, None left out."""
    return max((text for text in texts if text is not None), key=version)


def backported(ages: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    """The stable series that have all of some things, of which one is newer.

    An age is a first release and the older series that have the thing, too.
    """
    known = tuple(ages)
    series = sorted({name for _, older in known for name in older}, key=version)
    newest = version(latest(*(since for since, _ in known)))
    return tuple(name for name in series if version(name) < newest
                 and all(version(since) <= version(name) or name in older
                         for since, older in known))


def identifier(text: str) -> str:
    """A lower-case C identifier made of any text."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
