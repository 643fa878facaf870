"""How rota's own structures lie in memory, for each way of an architecture to lay them out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codegen.api.declarations import Record
from codegen.api.preprocess import DeclarationError

_FIXED = {"bool": 1, "char": 1, "unsigned char": 1, "uint8_t": 1, "int8_t": 1, "__u8": 1,
          "uint16_t": 2, "int16_t": 2, "__u16": 2, "uint32_t": 4, "int32_t": 4, "int": 4,
          "unsigned": 4, "__u32": 4, "__s32": 4, "uint64_t": 8, "int64_t": 8, "__u64": 8}
_WORDS = {"size_t", "ptrdiff_t", "uintptr_t", "intptr_t", "long", "unsigned long"}


@dataclass(frozen=True)
class Abi:
    """What decides a layout: the bytes of a pointer, and the alignment of 64 bits."""

    name: str
    pointer: int
    align64: int


@dataclass(frozen=True)
class Shape:
    size: int
    align: int
    offsets: tuple[int, ...]


class Sizes:
    """Shapes of records in one ABI; `kernel` are the sizes of the kernel's structures."""

    def __init__(self, abi: Abi, records: Sequence[Record], kernel: Mapping[str, int]) -> None:
        self.abi = abi
        self.kernel = kernel
        self.shapes: dict[str, Shape] = {}
        waiting = list(records)
        while waiting:
            later = [record for record in waiting if not self._add(record)]
            if len(later) == len(waiting):
                raise DeclarationError(f"struct {later[0].name}: a member of unknown size")
            waiting = later

    def measure(self, ctype: str) -> tuple[int, int] | None:
        """Size and alignment of a type; None for a structure that is not known yet."""
        plain = re.sub(r"\bconst\b|\bvolatile\b", "", ctype)
        plain = re.sub(r"\s+", " ", plain).strip()
        if plain.endswith("*") or "(*)" in plain or plain in _WORDS:
            return self.abi.pointer, self.abi.pointer
        if plain in _FIXED:
            size = _FIXED[plain]
            return size, self.abi.align64 if size == 8 else size
        if plain.startswith("enum "):
            return 4, 4
        if plain.startswith("struct "):
            name = plain.removeprefix("struct ")
            if name in self.shapes:
                return self.shapes[name].size, self.shapes[name].align
            if name in self.kernel:
                return self.kernel[name], self.abi.align64 if self.kernel[name] % 8 == 0 else 4
            return None
        raise DeclarationError(f"the type {ctype}")

    def _add(self, record: Record) -> bool:
        size, align, offsets = 0, 1, []
        for member in record.members:
            measured = self.measure(member.ctype)
            if measured is None:
                return False
            align = max(align, measured[1])
            size = -(-size // measured[1]) * measured[1]
            offsets.append(size)
            size += measured[0] * (1 if member.count is None else member.count)
        align = max(align, record.align or 1)
        self.shapes[record.name] = Shape(-(-size // align) * align, align, tuple(offsets))
        return True
