"""How the emulated kernel does what a row describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# The ways, and how a person says each of a request.
WAYS = {
    "now": "At once",
    "ready": "When the file is ready",
    "worker": "On a worker",
    "timer": "By a timer",
    "ring": "On the ring itself",
    "refused": "Refused",
}


@dataclass(frozen=True)
class Emulation:
    """A system call with the fields that are its arguments, a hook, or a refusal."""

    way: str
    wait: str | None
    call: str | None
    args: tuple[str, ...]
    hook: str | None
    take: str | None
    event: str | None
    buffers: frozenset[str]  # in which ways it deals with provided buffers as most do not
    installs: bool
    waits: bool
    tries: bool
    because: str | None
    note: str | None

    @property
    def refused(self) -> bool:
        return self.way == "refused"

    @property
    def constant(self) -> str:
        return f"EMULATE_{self.way.upper()}"

    @property
    def events(self) -> str | None:
        """What epoll is asked for."""
        return f"EMULATE_{self.wait.upper()}" if self.wait else None

    @property
    def text(self) -> str:
        """A sentence or two for people."""
        parts = [f"When the file is {self.wait}" if self.wait else WAYS[self.way]]
        if self.call:
            parts.append(f", by {self.call}({', '.join(self.args)})")
        said = "".join(parts) + (f": {_lower(self.because)}" if self.because else ".")
        return f"{said} {self.note}" if self.note else said


def _lower(sentence: str) -> str:
    """A sentence as the second part of another one."""
    return sentence[0].lower() + sentence[1:]


def emulation(raw: Any) -> Emulation:
    call = raw.get("call", {})
    return Emulation(raw["way"], raw.get("wait"), call.get("name"), tuple(call.get("args", ())),
                     raw.get("hook"), raw.get("take"), raw.get("event"),
                     frozenset(raw.get("buffers", ())), raw.get("installs", False), raw.get("waits", False),
                     raw.get("tries", False), raw.get("because"), raw.get("note"))
