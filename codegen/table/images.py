"""Arguments that a whole-SQE test passes, and the bytes that they must give."""

from __future__ import annotations

import struct as packing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codegen.table import names
from codegen.table.conditions import is_number
from codegen.table.requests import Arg, Store


# What prep functions that copy find behind their pointer.
PAYLOAD = bytes((37 * index + 11) & 0xFF for index in range(80))


def sample(ctype: str, index: int) -> tuple[str, int]:
    """An argument for the whole-SQE test, as C text and as number; no two alike."""
    if names.is_pointer(ctype):
        value = 0x9ABC0000 + 0x101 * (index + 1)
        return f"({ctype})(uintptr_t){value:#x}U", value
    if ctype in ("__u64", "uint64_t"):
        value = 0x8877665544332211 + index
        return f"{value:#x}ULL", value
    if ctype in ("__s64", "int64_t"):
        value = -(0x0102030405060708 + index)
        return f"{value}LL", value
    if ctype in ("int", "__s32"):
        value = -(0x01020304 + 0x01010101 * index)
        return f"{value}", value
    if ctype in ("__u16", "uint16_t"):
        return f"{0xF0E1 + index:#x}", 0xF0E1 + index
    if ctype in ("__u8", "uint8_t"):
        return f"{0xA1 + index:#x}", 0xA1 + index
    value = 0xA1B2C3D4 + index
    return f"{value:#x}U", value


def _hooked(via: str | None, value: int, order: str) -> int:
    """What the hooks of rota/hooks.h do, said a second time so that tests can compare."""
    if via == "poll_mask" and order == "big":
        low, high = packing.unpack("<HH", packing.pack("<I", value & 0xFFFFFFFF))
        return int(low << 16 | high)
    if via == "direct_slot":
        return value if value == 0xFFFFFFFF else value + 1
    if via == "zero_extend":
        return value & 0xFFFFFFFF
    return value


@dataclass(frozen=True)
class Image:
    """Chosen arguments, the bytes that they must give in each byte order, and which are stored."""

    texts: tuple[str, ...]
    expected: tuple[tuple[str, tuple[int, ...]], ...]
    touched: tuple[int, ...]


def image(size: int, stores: Sequence[Store], args: Sequence[Arg],
          values: Mapping[str, int]) -> Image:
    """The image of a request of `size` bytes; `values` are the constants that it may store."""
    chosen: dict[str, int] = {}
    texts: list[str] = []
    for index, arg in enumerate(args):
        text, value = sample(arg.ctype, index)
        if arg.bytes:
            text = f"({arg.ctype})(const void *)payload"
        chosen[arg.name] = value
        texts.append(text)
    images: list[tuple[str, tuple[int, ...]]] = []
    touched: set[int] = set()
    for order in ("little", "big"):
        bytes_ = bytearray(size)
        for store in stores:
            if store.copied:
                end = store.slot.offset + store.copied
                bytes_[store.slot.offset:end] = PAYLOAD[:store.copied]
                touched.update(range(store.slot.offset, end))
                continue
            number = 0
            if store.arg is not None:
                number = _hooked(store.arg.via, chosen[store.arg.name], order)
            for text in store.constants:
                number |= int(text, 0) if is_number(text) else values[text]
            raw = (number & ((1 << (8 * store.slot.size)) - 1)).to_bytes(
                store.slot.size, "little" if order == "little" else "big")
            bytes_[store.slot.offset:store.slot.offset + store.slot.size] = raw
            touched.update(range(store.slot.offset, store.slot.offset + store.slot.size))
        images.append((order, tuple(bytes_)))
    return Image(tuple(texts), tuple(images), tuple(sorted(touched)))
