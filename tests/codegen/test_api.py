# SPDX-License-Identifier: MIT
"""What is read of handwritten headers: every form of declaration, and what is not understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.api import declarations
from codegen.api.declarations import Failure, Member, Parameter
from codegen.api.liburing import DropIn
from codegen.api.preprocess import DeclarationError, evaluate, preprocess
from codegen.api.sizes import Abi, Shape, Sizes
from conftest import HERE, TINY, Command

INCLUDE = HERE / "include"
API = declarations.read(INCLUDE, ("__big__", "__LP64__"))


def test_functions() -> None:
    found = {item.name: item for item in API.functions}
    assert list(found) == ["rota_tiny_look", "rota_tiny_left", "rota_tiny_right",
                           "rota_tiny_length", "rota_tiny_far"]
    look = found["rota_tiny_look"]
    assert (look.returns, look.inline, look.library) == ("int", False, "librota")
    assert look.parameters == (
        Parameter("tiny", "struct rota_tiny *"), Parameter("names", "const char *const *"),
        Parameter("hook", "void (*)(int, void *)"), Parameter("words", "uint64_t *"))
    assert look.summary == "Look at a thing."
    assert look.failures == (
        Failure("EBUSY", "somebody else looks"), Failure("EAGAIN", "somebody else looks"),
        Failure("EINVAL", "`tiny` is NULL"), Failure("EPERM", "-EPERM for a thing that is not yours."))
    assert found["rota_tiny_left"].doc == found["rota_tiny_right"].doc == "Two at once: neither says why."
    assert found["rota_tiny_left"].parameters == ()
    assert found["rota_tiny_right"].returns == "const char *"
    assert found["rota_tiny_length"].inline
    assert found["rota_tiny_far"].library == "librota-tiny"
    assert found["rota_tiny_far"].doc == ""


def test_structures_callbacks_and_objects() -> None:
    pair, tiny = API.records
    assert pair.members == (Member("low", "uint8_t", None, ""),
                            Member("high", "uint64_t", None, "the upper half; not the lower"))
    assert tiny.members[0] == Member("pairs", "struct rota_tiny_pair", 2, "Two of them.")
    assert tiny.members[2] == Member("hook", "void (*)(struct rota_tiny *tiny, int why)", None, "")
    assert (tiny.doc, tiny.align) == ("What is looked at.", 8)
    assert API.callbacks[0].name == "rota_tiny_hook"
    assert API.variables[0].ctype == "const struct rota_tiny"


@pytest.mark.parametrize("macros, align", [(("__LP64__",), 64), (("__LP64__", "__odd__"), 32), ((), 32)])
def test_constants(macros: tuple[str, ...], align: int) -> None:
    found = {item.name: item for item in declarations.read(INCLUDE, macros).constants}
    assert {name: item.value for name, item in found.items()} == {
        "ROTA_TINY_NEVER": 0, "ROTA_TINY_LATE": 4, "ROTA_TINY_LATER": 5, "ROTA_TINY_ONE": 1,
        "ROTA_TINY_ALL": 3, "ROTA_TINY_ALIGN": align}
    assert found["ROTA_TINY_ALL"].comment == "Both of them."
    assert found["ROTA_TINY_ONE"].comment == "the first"
    assert found["ROTA_TINY_NEVER"].enum == "rota_tiny_end"


@pytest.mark.parametrize("abi, pair, tiny", [
    (Abi("a", 8, 8), Shape(16, 8, (0, 8)), Shape(64, 8, (0, 32, 40, 48, 56))),
    (Abi("b", 4, 8), Shape(16, 8, (0, 8)), Shape(48, 8, (0, 32, 36, 40, 44))),
    (Abi("c", 4, 4), Shape(12, 4, (0, 4)), Shape(40, 8, (0, 24, 28, 32, 36)))])
def test_sizes(abi: Abi, pair: Shape, tiny: Shape) -> None:
    shapes = Sizes(abi, API.records, {}).shapes
    assert (shapes["rota_tiny_pair"], shapes["rota_tiny"]) == (pair, tiny)


def test_no_headers_no_declarations(tmp_path: Path) -> None:
    assert declarations.read(tmp_path, ()).functions == ()


@pytest.mark.parametrize("text, said", [
    ("#if TINY(1)\n#endif\n", "#if TINY(1)"),
    ("struct rota_bad {\n    int list[SOME];\n};\n", "the length of int list[SOME]"),
    ("enum rota_bad {\n    ROTA_BAD = SOME,\n};\n", "the value of ROTA_BAD"),
    ("struct rota_bad {\n    int;\n};\n", "a declaration: int"),
])
def test_what_is_not_understood(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "rota").mkdir()
    (tmp_path / "rota/bad.h").write_text(text, "utf-8")
    with pytest.raises(DeclarationError) as failure:
        declarations.read(tmp_path, ())
    assert str(failure.value) == f"{tmp_path}/rota/bad.h: cannot read {said}"


def test_unknown_sizes() -> None:
    strange = declarations.Record("strange", "", "", (Member("x", "struct far", None, ""),), None)
    with pytest.raises(DeclarationError, match="struct strange: a member of unknown size"):
        Sizes(Abi("a", 8, 8), [strange], {})
    with pytest.raises(DeclarationError, match="the type float"):
        Sizes(Abi("a", 8, 8), [], {}).measure("float")


def test_expressions() -> None:
    macros = {"ONE": "1u", "TWO": "(ONE << 1)", "ROUND": "ROUND", "TEXT": '"x"'}
    assert evaluate("(TWO | ONE)", macros) == 3
    assert evaluate("0x10ull", macros) == 16
    assert [evaluate(text, macros) for text in ("ROUND", "TEXT", "", "1 +", "sizeof(int)")] == [None] * 5


def test_branches() -> None:
    assert preprocess("#if __has_feature(x) || 0\none\n#else\ntwo\n#endif\n", ())[0].split() == ["two"]
    text = "#if defined(A) || defined B\none\n#elif !defined(C)\ntwo\n#else\nthree\n#endif\n"
    assert [preprocess(text, known)[0].split() for known in (("A",), ("B",), (), ("C",))] == [
        ["one"], ["one"], ["two"], ["three"]]


def test_the_command_says_what_it_cannot_read(codegen: Command, tmp_path: Path) -> None:
    table = tmp_path / "tiny.yaml"
    table.write_bytes(TINY.read_bytes())
    (tmp_path / "include/rota").mkdir(parents=True)
    (tmp_path / "include/rota/bad.h").write_text("enum rota_bad {\n    ROTA_BAD = SOME,\n};\n")
    done = codegen("--table", table, "--out", tmp_path / "out", "generate")
    assert (done.status, done.out) == (1, "")
    assert done.err == f"codegen: {tmp_path}/include/rota/bad.h: cannot read the value of ROTA_BAD\n"


def test_names_of_the_drop_in() -> None:
    """What rota calls each name: by symbol, by the only call, by name; null for what differs."""
    found = DropIn(INCLUDE, declarations.read(INCLUDE, ("__LP64__",)))
    assert {item.name: item.rota for item in found.names()} == {
        "io_uring_tiny_wrong": "rota_tiny_right",
        "io_uring_tiny_more": None,
        "io_uring_tiny_left": "rota_tiny_left",
        "io_uring_tiny_right": None,
        "__io_uring_tiny_right": None,
        "io_uring_tiny_size": "rota_tiny_length",
        "io_uring_tiny_length": "rota_tiny_length",
        "io_uring_tiny_twice": None,
        "io_uring_tiny_each": "rota_tiny_each",
        "io_uring_tiny_few": None,
        "IO_URING_TINY_VERSION": None,
    }
    assert {item.name: item.rota for item in found.tags()} == {
        "io_uring": "rota_tiny",
        "io_uring_tiny_pair": "rota_tiny_pair",
        "io_uring_tiny_iter": None,
    }
    assert found.members() == {"low": "the other half is enough"}
    assert found.headers() == ["time.h"]
