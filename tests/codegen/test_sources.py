# SPDX-License-Identifier: MIT
"""The generator's own sources: no row's facts in code, types that hold, a Python that is found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codegen.table import load, names
from conftest import HERE, ROOT, TINY, whole_table

CODEGEN = ROOT / "codegen"


def sources() -> Iterator[Path]:
    for pattern in ("**/*.py", "**/*.yaml", "templates/**/*.j2"):
        yield from sorted(CODEGEN.glob(pattern))


def mentions(words: set[str], paths: Iterable[Path]) -> list[str]:
    found = []
    for path in paths:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            found += [f"{path.relative_to(ROOT)}:{number}: {word}"
                      for word in re.findall(r"\w+", line) if word in words]
    return found


def decides(path: Path) -> bool:
    """Not prose: handwritten pages of the manual may show an example."""
    return "man" not in path.parts or "EACH" in path.name


def test_no_opcode_is_named_in_the_generator() -> None:
    data = load.load(whole_table()).data
    words = {row["name"] for row in (*data["opcodes"], *data["register"])}
    words |= {names.opcode(row["name"]) for row in data["opcodes"]}
    words |= {names.register(row["name"]) for row in data["register"]}
    found = mentions(words, filter(decides, sources()))
    assert not found, "\n".join(found)


def test_no_function_or_flag_of_a_row_is_named_in_the_generator() -> None:
    """Prose of the manual may show an example; nothing else may know a function or a flag."""
    data = load.load(whole_table()).data
    common = {entry["name"] for group in data["groups"] for entry in group["entries"]
              if group["group"] in ("sqe", "setup", "cqe", "feature", "enter")}
    words = {entry["name"] for group in data["groups"] for entry in group["entries"]} - common
    words |= {names.prep(prep["name"]) for row in data["opcodes"] for prep in row.get("prep", ())}
    words |= {names.call(call["name"]) for row in data["register"]
              for call in row.get("calls", ())}
    found = mentions(words, (path for path in sources() if path.name != "schema.yaml"
                             and decides(path)))
    assert not found, "\n".join(found)


def test_templates_only_loop_and_choose() -> None:
    """No assignment of state, no call of Python, in a template beyond for, if, set and macros."""
    for path in sorted(CODEGEN.glob("templates/**/*.j2")):
        for tag in re.findall(r"\{%-?\s*(\w+)", path.read_text("utf-8")):
            assert tag in {"for", "endfor", "if", "elif", "else", "endif", "set", "endset", "macro",
                           "endmacro", "import", "include", "from"}, f"{path.name}: {tag}"


def test_every_output_has_a_template_of_its_name() -> None:
    stems = {path.relative_to(CODEGEN / "templates").as_posix().removesuffix(".j2")
             for path in CODEGEN.glob("templates/**/*.j*") if path.is_file()}
    stems.add("ops.json")  # the table itself, which needs no template
    patterns = [re.escape(stem).replace("EACH_PREP", r"rota_prep_\w+").replace(
        "EACH_PLAIN_CALL", r"rota_\w+").replace(
        "EACH_CALL", r"rota_\w+").replace("EACH_OP", r"\w+") for stem in stems]
    for path in sorted((HERE / "expected").rglob("*")):
        name = path.relative_to(HERE / "expected").as_posix()
        assert path.is_dir() or any(re.fullmatch(pattern, name) for pattern in patterns), name


def test_types() -> None:
    probe = subprocess.run([sys.executable, "-m", "mypy", "--version"], capture_output=True,
                           check=False)
    if probe.returncode != 0:
        pytest.skip("mypy is missing (package mypy)")
    done = subprocess.run([sys.executable, "-m", "mypy", "--config-file", "codegen/mypy.ini",
                           "--cache-dir", os.devnull, "-p", "codegen"], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def run_main(others: list[object], hidden: str = "lambda name: None") -> Any:
    """Runs the generator in a Python without its packages; `others` are beside it."""
    program = (
        "import importlib.util, sys\n"
        f"importlib.util.find_spec = {hidden}\n"
        "import codegen.__main__ as entry\n"
        f"entry.CANDIDATES = {[str(each) for each in others]!r}\n"
        f"sys.argv = ['codegen', '--table', {str(TINY)!r}, 'list']\n"
        "sys.exit(entry.main())\n")
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True,
                          text=True, check=False, timeout=60)


def python_that(directory: Path, name: str, does: str) -> Path:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{does}\n", "utf-8")
    path.chmod(0o755)
    return path


def test_another_python_is_found(tmp_path: Path) -> None:
    poor = python_that(tmp_path, "poor", "exit 1")
    rich = python_that(tmp_path, "rich", f'echo used; exec "{sys.executable}" "$@"')
    done = run_main(["/no/such/python3", poor, rich])
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:3] == ["used", "0", "NOP"]


def test_without_any_python_the_packages_are_named(tmp_path: Path) -> None:
    done = run_main(["/no/such/python3", python_that(tmp_path, "poor", "exit 1")])
    assert (done.returncode, done.stdout) == (2, "")
    assert "install python3-jinja2 python3-yaml python3-jsonschema and run again" in done.stderr


def test_only_what_lacks_is_named() -> None:
    done = run_main([], "lambda name: None if name == 'yaml' else name")
    assert (done.returncode, done.stdout) == (2, "")
    assert "install python3-yaml and run again" in done.stderr


def test_a_python_does_not_call_itself_for_ever() -> None:
    done = run_main([sys.executable])
    assert (done.returncode, done.stdout) == (2, "")
