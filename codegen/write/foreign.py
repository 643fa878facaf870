"""C types, names and numbers in the words of other languages, for the templates of bindings."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from codegen.table import names

Json = Mapping[str, Any]

# What each plain type is elsewhere: in ctypes, in Rust.
_PLAIN = {
    "void": ("None", "c_void"), "bool": ("c_bool", "bool"), "char": ("c_char", "c_char"),
    "unsigned char": ("c_uint8", "u8"), "int": ("c_int", "c_int"), "unsigned": ("c_uint", "c_uint"),
    "unsigned short": ("c_ushort", "u16"), "size_t": ("c_size_t", "usize"),
    "ptrdiff_t": ("c_ssize_t", "isize"), "uintptr_t": ("c_size_t", "usize"),
    **{f"{sign}int{bits}_t": (f"c_{sign}int{bits}", f"{'u' if sign else 'i'}{bits}")
       for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{f"__{sign}{bits}": (f"c_{'u' if sign == 'u' else ''}int{bits}",
                           f"{'u' if sign == 'u' else 'i'}{bits}")
       for sign in "us" for bits in (8, 16, 32, 64)},
    "__aligned_u64": ("c_uint64", "u64"), "__be16": ("c_uint16", "u16"),
    "__be32": ("c_uint32", "u32"),
}
_RUST_WORDS = frozenset(
    "as break const continue crate dyn else enum extern false fn for if impl in let loop match mod "
    "move mut pub ref return self Self static struct super trait true type unsafe use where while "
    "async await abstract become box do final macro override priv typeof unsized virtual yield "
    "try".split())
# Structures whose length is in bytes: they are as long as the kind of address.
_BYTES = frozenset({"struct sockaddr"})
# What the C++ header defines itself.
_CPP_OWN = frozenset({"buffers", "fits", "handle", "request", "ring", "run", "task"})
# Architectures of the table as Rust's cfg() names them.
_RUST_MACHINES = {
    "i386": 'target_arch = "x86"',
    "ppc64le": 'all(target_arch = "powerpc64", target_endian = "little")',
}


@dataclass(frozen=True)
class CType:
    """A parsed C type: what it is, and how many pointers lead there, each const or not."""

    base: str
    pointers: tuple[bool, ...]  # from the innermost: whether what it points to is const
    function: tuple[str, ...] | None = None  # result and parameters of a pointer to a function

    @property
    def record(self) -> str | None:
        return self.base.removeprefix("struct ") if self.base.startswith("struct ") else None


def parse(text: str) -> CType:
    function = re.fullmatch(r"(.*?) ?\(\*\)\((.*)\)", text)
    if function:
        parts = [re.sub(r"(?<=[\s*])\w+$", "", part.strip()).strip() or part.strip()
                 for part in function[2].split(",")]
        return CType("", (), (function[1], *(part for part in parts if part != "void")))
    words = text.replace("*", " * ").split()
    pointers: list[bool] = []
    base: list[str] = []
    const = False
    for word in words:
        if word == "const":
            const = True
        elif word == "*":
            pointers.append(const)
            const = False
        else:
            base.append(word)
    return CType(" ".join(base), tuple(pointers))


class Foreign:
    """The filters that need to know which structures and callbacks there are."""

    def __init__(self, ops: Json) -> None:
        self.own = {item["name"]: item for item in ops["own_structs"]}
        self.kernel = {item["name"]: item for item in ops["structs"]}
        self.callbacks = {item["name"]: item for item in ops["callbacks"]}

    def filters(self) -> dict[str, Callable[..., Any]]:
        """What templates call by these names."""
        return {
            "ctypes": self.ctypes, "python_name": self.python_name,
            "python_memory": self.python_memory, "rust": self.rust,
            "rust_name": self.rust_name, "rust_number": self.rust_number,
            "rust_align": self.rust_align, "rust_machine": self.rust_machine,
            "span_of": self.span_of, "cast_data": self.cast_data, "span_size": self.span_size,
            "declared": self.declared, "cpp_name": self.cpp_name,
        }

    @staticmethod
    def numbers(ops: Json) -> list[Json]:
        """The kernel's constants, each name once, with a value or with values of machines."""
        found: dict[str, Json] = {item["name"]: item for item in ops["constants"]}
        for group in ops["groups"]:
            for item in group["entries"]:
                if "value" in item or "values" in item:
                    found.setdefault(item["name"], item)
        return list(found.values())

    # -- Python ---------------------------------------------------------------

    def ctypes(self, text: str) -> str:
        """A type of ctypes; pointers are addresses, so that anything with one can be passed."""
        parsed = parse(text)
        if parsed.function is not None or parsed.pointers:
            return "c_char_p" if text == "const char *" else "c_void_p"
        if parsed.base.startswith("enum "):
            return "c_int"
        if parsed.record:
            return parsed.record
        return _PLAIN[parsed.base][0]

    @staticmethod
    def python_name(name: str) -> str:
        name = name.replace(".", "_")
        return f"{name}_" if keyword.iskeyword(name) else name

    @staticmethod
    def python_memory(arg: Json, args: list[Json]) -> str:
        """What is behind a pointer, the place of its length if that counts bytes, and if it is lent."""
        parsed = parse(arg["type"])
        if not parsed.pointers:
            return "None"
        text = parsed.base == "char" and "length" not in arg and arg["memory"] == "read"
        kind = "text" if text else "read" if arg.get("memory") == "read" else "written"
        counted = "length" in arg and parsed.base in {"void", "char", *_BYTES}
        at = [other["name"] for other in args].index(arg["length"]) if counted else None
        return repr((kind, at, arg.get("lives") == "unregister"))

    # -- Rust -----------------------------------------------------------------

    def rust(self, text: str) -> str:
        parsed = parse(text)
        if parsed.function is not None:
            result, *parameters = parsed.function
            return self._rust_function(result, parameters)
        if parsed.base in self.callbacks:
            item = self.callbacks[parsed.base]
            return self._rust_function(item["returns"], [arg["type"] for arg in item["args"]])
        name = parsed.record or ("c_int" if parsed.base.startswith("enum ")
                                 else _PLAIN[parsed.base][1])
        for const in parsed.pointers:
            name = f"*{'const' if const else 'mut'} {name}"
        return name

    def _rust_function(self, result: str, parameters: list[str]) -> str:
        inside = ", ".join(map(self.rust, parameters))
        back = "" if result == "void" else f" -> {self.rust(result)}"
        return f'Option<unsafe extern "C" fn({inside}){back}>'

    @staticmethod
    def rust_name(name: str) -> str:
        name = name.replace(".", "_")
        return f"{name}_" if name in _RUST_WORDS else name

    @staticmethod
    def rust_number(value: int) -> str:
        kind = "i32" if value < 0 else "u32" if value < 1 << 32 else "u64"
        return f"{kind} = {value if abs(value) < 0x10000 else hex(value)}"

    @staticmethod
    def rust_machine(name: str) -> str:
        return _RUST_MACHINES.get(name, f'target_arch = "{name}"')

    @staticmethod
    def rust_align(align: Mapping[str, int]) -> str:
        """A type that has the alignment of a structure on every machine."""
        widest = max(align.values())
        if widest < 8:
            return f"u{widest * 8}"
        narrow = [value for abi, value in align.items() if abi.endswith("_8")]
        return "u64" if 4 not in narrow else "usize"

    # -- C++ ------------------------------------------------------------------

    @staticmethod
    def span_of(text: str) -> str:
        """The elements of a span that stands for a pointer: bytes where C says nothing."""
        parsed = parse(text)
        base = "std::byte" if parsed.base in ("void", "char") else parsed.base
        return f"const {base}" if parsed.pointers[0] else base

    @staticmethod
    def span_size(arg: Json) -> str:
        """The parameter that a span's size becomes."""
        return str(arg["length"])

    @staticmethod
    def span_arg(arg: Json) -> bool:
        """Bytes without a type, or elements that are counted; an address is counted in bytes."""
        return "length" in arg and parse(arg["type"]).base not in _BYTES

    @staticmethod
    def cast_data(name: str, text: str) -> str:
        """The pointer that a function of C takes of a span."""
        char = parse(text).base == "char"
        return f"reinterpret_cast<{text}>({name}.data())" if char else f"{name}.data()"

    @staticmethod
    def declared(arg: Json) -> str:
        return names.declaration(arg["type"], arg["name"])

    @staticmethod
    def cpp_name(name: str) -> str:
        return f"{name}_" if name in names.C_KEYWORDS | _CPP_OWN else name

    def foreign_structs(self, ops: Json) -> list[str]:
        """Structures that only other headers define."""
        found: set[str] = set()
        types = [arg["type"] for item in (*ops["functions"], *ops["callbacks"])
                 for arg in item["args"]]
        types += [member["type"] for item in ops["own_structs"] for member in item["members"]]
        for text in types:
            found |= set(re.findall(r"struct (\w+)", text))
        return sorted(found - set(self.own) - set(self.kernel))
