# SPDX-License-Identifier: MIT
"""A new kernel's opcode reaches every binding by the generator alone: adopt, generate, use."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codegen.write.foreign import Foreign, parse
from conftest import ROOT, whole_table

ROOMS = ("arch", "ring", "resource", "call", "table", "explain")


def run(*command: object, ends: int = 0, **env: str) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, env={**os.environ, **env})
    assert done.returncode == ends, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what is generated for a kernel that has one opcode more."""
    if not (shutil.which(os.environ.get("CC", "cc")) and shutil.which("readelf")):
        pytest.skip("adopt needs a C compiler and readelf")
    folder = tmp_path_factory.mktemp("adopted")
    table, header = folder / "ops.yaml", folder / "linux/io_uring.h"
    shutil.copy(whole_table(), table)
    shutil.copytree(whole_table().parent / "include", folder / "include")
    header.parent.mkdir()
    text = (whole_table().parent / "generated/include/rota/uapi.h").read_text("utf-8")
    assert text.count("    IORING_OP_LAST,\n") == 1
    header.write_text(text.replace("    IORING_OP_LAST,\n",
                                   "    IORING_OP_MADE_UP,\n    IORING_OP_LAST,\n"), "utf-8")
    generator = [sys.executable, "-m", "codegen"]
    os.chdir(ROOT)
    # Ours is no kernel header: its own include guard is left to a person, hence the 1.
    said = run(*generator, "adopt", "--since", "7.4", "--table", table, "-I",
               ROOT / "generated/include", "-I", ROOT / "include", header, ends=1)
    assert "adopted: opcode IORING_OP_MADE_UP: 65\n" in said
    run(*generator, "generate", "--table", table, "--out", folder / "generated")
    return folder


def test_python(adopted: Path) -> None:
    sources = [path for room in ROOMS for path in sorted((ROOT / "src" / room).glob("*.c"))]
    sources += sorted((ROOT / "src").glob("*.c"))
    sources += [path for room in ROOMS
                for path in sorted((adopted / "generated/src" / room).glob("*.c"))]
    run(os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O0", "-w", f"-I{ROOT}/include",
        f"-I{adopted}/generated/include", f"-I{ROOT}/src", *sources, "-o", adopted / "librota.so")
    program = ("import errno, rota\n"
               "try:\n"
               "    with rota.Ring(4) as ring:\n"
               "        ring.made_up(0, bytearray(8), 8, 0, 0)\n"
               "except OSError as failure:\n"
               "    print(rota.IORING_OP_MADE_UP, errno.errorcode[failure.errno])\n")
    said = run(sys.executable, "-B", "-c", program, ROTA_LIBRARY=str(adopted / "librota.so"),
               PYTHONPATH=str(adopted / "generated/bindings/python")).split()
    assert said[0] == "65" and said[1] in ("EINVAL", "ENOSYS", "EPERM")


def test_rust(adopted: Path) -> None:
    rustc = next((path for path in ("/usr/bin/rustc", shutil.which("rustc"))
                  if path and os.path.exists(path)), None)
    if rustc is None:
        pytest.skip("rustc is not installed")
    run(rustc, "--edition", "2021", "--crate-type", "rlib", "--crate-name", "rota", "--emit",
        "metadata", "-D", "warnings", adopted / "generated/bindings/rust/rota.rs", "-o",
        adopted / "librota.rmeta")
    (adopted / "user.rs").write_text(
        "use rota::*;\n"
        "pub unsafe fn user(ring: *mut rota_ring, op: *mut rota_op, memory: *mut c_void) -> i32 {\n"
        "    assert!(IORING_OP_MADE_UP == 65);\n"
        "    rota_start_made_up(ring, op, 0, memory, 8, 0, 0)\n"
        "}\n", "utf-8")
    run(rustc, "--edition", "2021", "--crate-type", "lib", "--emit", "metadata", "--extern",
        f"rota={adopted}/librota.rmeta", adopted / "user.rs", "-o", adopted / "user.rmeta")


def test_cpp(adopted: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler is installed")
    (adopted / "user.cpp").write_text(
        "#include <rota/rota.hpp>\n"
        "rota::task<int> user(rota::ring &ring, void *memory)\n"
        "{\n"
        "    static_assert(IORING_OP_MADE_UP == 65);\n"
        "    co_return co_await rota::made_up(ring, 0, memory, 8, 0, 0);\n"
        "}\n", "utf-8")
    run(compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
        f"-I{adopted}/generated/include", f"-I{ROOT}/include", adopted / "user.cpp")


# -- types in other words -------------------------------------------------------------

FOREIGN = Foreign({"own_structs": [{"name": "rota_ring"}], "structs": [], "callbacks": [
    {"name": "rota_hook", "returns": "int", "args": [{"type": "struct rota_ring *"}]}]})


@pytest.mark.parametrize("c, python, rust", [
    ("unsigned", "c_uint", "c_uint"), ("__s64", "c_int64", "i64"), ("size_t", "c_size_t", "usize"),
    ("const char *", "c_char_p", "*const c_char"), ("enum rota_answer", "c_int", "c_int"),
    ("struct rota_ring", "rota_ring", "rota_ring"),
    ("struct rota_op *const *", "c_void_p", "*const *mut rota_op"),
    ("const void *", "c_void_p", "*const c_void"),
    ("rota_hook *", "c_void_p", 'Option<unsafe extern "C" fn(*mut rota_ring) -> c_int>'),
    ("void (*)(int, uint64_t size)", "c_void_p", 'Option<unsafe extern "C" fn(c_int, u64)>'),
])
def test_types(c: str, python: str, rust: str) -> None:
    assert (FOREIGN.ctypes(c), FOREIGN.rust(c)) == (python, rust)


def test_names_and_numbers() -> None:
    assert FOREIGN.rust_name("sq_off.type") == "sq_off_type" and FOREIGN.rust_name("type") == "type_"
    assert FOREIGN.python_name("in") == "in_"
    assert [FOREIGN.rust_number(value) for value in (-1, 1, 1 << 16, 1 << 32)] == [
        "i32 = -1", "u32 = 1", "u32 = 0x10000", "u64 = 0x100000000"]
    assert [FOREIGN.rust_align(align) for align in (
        {"lp64": 8, "ilp32_4": 4, "ilp32_8": 8}, {"lp64": 8, "ilp32_4": 4, "ilp32_8": 4},
        {"lp64": 4, "ilp32_4": 4, "ilp32_8": 4})] == ["u64", "usize", "u32"]
    assert [FOREIGN.span_of(text) for text in ("const void *", "char *", "const struct iovec *")] == [
        "const std::byte", "std::byte", "const struct iovec"]
    assert parse("const int *").pointers == (True,)
