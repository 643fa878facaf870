"""The small language of conditions: `FIELD has FLAG`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(r"^([a-z_][a-z0-9_]*) (has|lacks|within|is not|is|below|above) (\S+)$")

# How each operator reads in C, and how a person says it.
OPERATORS = {
    "has": ("ROTA_COND_HAS", "has"),
    "lacks": ("ROTA_COND_LACKS", "lacks"),
    "within": ("ROTA_COND_WITHIN", "has nothing but"),
    "is": ("ROTA_COND_IS", "is"),
    "is not": ("ROTA_COND_IS_NOT", "is not"),
    "below": ("ROTA_COND_BELOW", "is below"),
    "above": ("ROTA_COND_ABOVE", "is above"),
}


@dataclass(frozen=True)
class Condition:
    """`subject` is a field, or `ring` for the set-up flags."""

    text: str
    subject: str
    operator: str
    operands: tuple[str, ...]
    low: bool = False  # of the 64 bits of the field only the lower 32 count

    @property
    def kind(self) -> str:
        return OPERATORS[self.operator][0]

    @property
    def on_ring(self) -> bool:
        return self.subject == "ring"


def parse(text: str) -> Condition:
    match = _FORM.match(text)
    if match is None:
        raise ValueError(f"'{text}' is no condition")
    subject, operator, operands = match.groups()
    return Condition(text, subject, operator, tuple(operands.split("|")))


def is_number(operand: str) -> bool:
    return re.fullmatch(r"-?(0x[0-9a-fA-F]+|[0-9]+)", operand) is not None
