# SPDX-License-Identifier: MIT
"""The static test programs of a guest, cross-compiled where it is another architecture."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TREE = HERE.parent.parent
ELF_MAGIC = b"\x7fELF"


class CannotBuild(Exception):
    """A tool is missing; the message says which package has it."""


class BuildFailed(Exception):
    """A compiler or meson found an error."""


@dataclass(frozen=True)
class Toolchain:
    """Debian's compiler for an architecture, as meson needs to know it."""

    triplet: str
    package: str
    family: str
    endian: str = "little"
    elf_machine: int = 0  # e_machine, to tell the programs of one architecture from another's

    @property
    def compiler(self) -> str:
        return f"{self.triplet}-gcc"


TOOLCHAINS = {
    "amd64": Toolchain("x86_64-linux-gnu", "gcc-x86-64-linux-gnu", "x86_64", elf_machine=62),
    "arm64": Toolchain("aarch64-linux-gnu", "gcc-aarch64-linux-gnu", "aarch64", elf_machine=183),
    "i386": Toolchain("i686-linux-gnu", "gcc-i686-linux-gnu", "x86", elf_machine=3),
    "s390x": Toolchain("s390x-linux-gnu", "gcc-s390x-linux-gnu", "s390x", "big", elf_machine=22),
}


def find_toolchain(arch: str) -> Toolchain:
    toolchain = TOOLCHAINS[arch]
    if shutil.which(toolchain.compiler) is None:
        raise CannotBuild(f"{toolchain.compiler} is missing (package {toolchain.package})")
    return toolchain


def build(command: Sequence[str], what: str) -> str:
    done = subprocess.run(command, text=True, check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-40:])
        raise BuildFailed(f"cannot build {what}:\n{tail}")
    return done.stdout


def build_init(arch: str, directory: Path) -> Path:
    """PID 1 for a guest: a static program of the kernel's architecture."""
    toolchain = find_toolchain(arch)
    target = directory / f"init.{arch}"
    build([toolchain.compiler, "-std=gnu11", "-Os", "-static", "-s", "-o", str(target),
           str(HERE / "init.c")], "the init of the guest")
    return target


# ---- the meson tree ----------------------------------------------------------------------------

def cross_file(toolchain: Toolchain) -> str:
    tools = {"c": "gcc", "cpp": "g++", "ar": "gcc-ar", "strip": "strip", "objcopy": "objcopy",
             "nm": "gcc-nm"}
    binaries = "".join(f"{name} = '{toolchain.triplet}-{tool}'\n" for name, tool in tools.items()
                       if shutil.which(f"{toolchain.triplet}-{tool}"))
    return (f"[binaries]\n{binaries}[host_machine]\nsystem = 'linux'\n"
            f"cpu_family = '{toolchain.family}'\ncpu = '{toolchain.family}'\n"
            f"endian = '{toolchain.endian}'\n")


def setup_tree(arch: str, directory: Path) -> Path:
    """A build directory where everything is linked statically."""
    toolchain = find_toolchain(arch)
    if shutil.which("meson") is None:
        raise CannotBuild("meson is missing (package meson)")
    cross = directory / f"{arch}.cross"
    cross.write_text(cross_file(toolchain), encoding="utf-8")
    target = directory / arch
    if not (target / "build.ninja").exists():
        shutil.rmtree(target, ignore_errors=True)
        build(["meson", "setup", str(target), str(TREE), "--cross-file", str(cross),
               "--default-library=static", "-Dc_link_args=-static", "-Dcpp_link_args=-static"],
              f"the meson tree for {arch}")
    return target


def introspect(target: Path, what: str) -> Any:
    return json.loads(build(["meson", "introspect", f"--{what}", str(target)], what))


# Tests that run in guests only when they are named, and why.
LEFT_OUT = {
    "driver-disk": "it takes minutes on an emulated processor: the stage `drivers` runs it",
    "driver-mock": "no kernel of Debian has mock files: the stage `drivers` builds their module",
    "explain-oracle": "it takes minutes on an emulated processor, where explain-oracle-part runs instead",
}


def test_executables(target: Path, only: Sequence[str] = ()) -> list[Path]:
    """The tests of the tree that are one of its programs without arguments: those can be moved."""
    built = {filename for item in introspect(target, "targets") if item["type"] == "executable"
             for filename in item["filename"]}
    commands = [test["cmd"] for test in introspect(target, "tests")]
    return sorted({Path(command[0]) for command in commands
                   if len(command) == 1 and command[0] in built
                   and (Path(command[0]).name in only if only
                        else Path(command[0]).name not in LEFT_OUT)}, key=lambda path: path.name)


@contextlib.contextmanager
def tree(arch: str, cache: Path) -> Iterator[Path]:
    """The build directory of this checkout, which has one of its own in the cache; up to date."""
    directory = cache / hashlib.sha256(str(TREE).encode()).hexdigest()[:12]
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target = setup_tree(arch, directory)
        # A changed meson.build is read again before it is asked for its tests.
        build(["ninja", "-C", str(target), "build.ninja"], f"the meson tree for {arch}")
        yield target


def build_programs(arch: str, target: Path, programs: Sequence[Path]) -> None:
    if programs:
        names = [str(program.relative_to(target)) for program in programs]
        build(["ninja", "-C", str(target), *names], f"the test programs for {arch}")


def build_tree(arch: str, cache: Path, only: Sequence[str] = ()) -> list[Path]:
    """The test programs of this checkout."""
    with tree(arch, cache) as target:
        programs = test_executables(target, only)
        build_programs(arch, target, programs)
    return programs


def build_emulated(arch: str, cache: Path, only: Sequence[str] = ()) -> dict[str, list[str]]:
    """The commands of the tests that run once more on the emulated kernel, by program."""
    with tree(arch, cache) as target:
        found = dict[str, list[str]]()
        for test in introspect(target, "tests"):
            check, *arguments = test["cmd"]
            if Path(check) == TREE / "tests" / "emulated" / "check":
                differences, name, program = arguments
                if not only or name in only:
                    found[name] = [check, differences, name, str(target / program)]
        build_programs(arch, target, [Path(command[-1]) for command in found.values()])
    return dict(sorted(found.items()))


# ---- a directory of programs -------------------------------------------------------------------

def is_program_of(arch: str, path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        header = file.read(20)
    machine = int.from_bytes(header[18:20], "big" if header[5:6] == b"\2" else "little")
    return header.startswith(ELF_MAGIC) and machine == TOOLCHAINS[arch].elf_machine


def in_directory(arch: str, directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if is_program_of(arch, path))
