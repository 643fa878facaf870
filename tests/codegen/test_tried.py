# SPDX-License-Identifier: MIT
"""What the table says tests/drivers tries, the programs there call."""

from __future__ import annotations

import re

import pytest

from codegen.cli import read_table
from conftest import ROOT

DRIVERS = ROOT / "tests" / "drivers"


def source(name: str) -> str:
    """A program of tests/drivers with the example that it includes."""
    text = (DRIVERS / f"{name}.c").read_text("utf-8")
    for included in re.findall(r'#include "(\.\./examples/\w+\.c)"', text):
        text += (DRIVERS / included).read_text("utf-8")
    return text


TRIED = [(prep.tried, prep.name) for prep in read_table(ROOT / "ops.yaml").preps if prep.tried]


def test_some_are() -> None:
    assert len(TRIED) > 20


@pytest.mark.parametrize(("program", "function"), TRIED, ids=lambda text: text)
def test_the_program_calls_it(program: str, function: str) -> None:
    assert re.search(rf"\brota_(prep|start|call)_{function}\b", source(program))


ERRORS = [(error.tried, owner, error.errno) for family in read_table(ROOT / "ops.yaml").families
          for owner, errors in family.errors_of() for error in errors if error.tried]


@pytest.mark.parametrize(("program", "owner", "errno"), ERRORS, ids=lambda text: text)
def test_the_program_provokes_it(program: str, owner: str, errno: str) -> None:
    """Whose error it is, a command's or its family's, and its name stand at the check."""
    assert re.search(rf"\brefuses\({owner}, {errno},", source(program))
