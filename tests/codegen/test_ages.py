# SPDX-License-Identifier: MIT
"""Since when a trial has to come out as the table says, and which older series have it too."""

from __future__ import annotations

import pytest

from codegen.table import names


@pytest.mark.parametrize("ages, series", [
    ([("5.1", ())], ()),
    ([("5.1", ()), ("5.15", ("5.10",))], ("5.10",)),
    ([("5.15", ("5.10",)), ("6.2", ("6.1",))], ("6.1",)),
    ([("6.2", ("6.1", "5.10")), ("5.15", ())], ("6.1",)),
    ([("6.2", ("6.1",)), ("6.2", ())], ()),
    ([("7.1", ("6.12", "6.1")), ("6.6", ("6.1",))], ("6.1", "6.12")),
    ([("5.15", ("5.10",)), ("5.18", ("5.10",))], ("5.10",)),
])
def test_a_series_has_a_trial_when_it_has_all_that_the_trial_uses(
        ages: list[tuple[str, tuple[str, ...]]], series: tuple[str, ...]) -> None:
    assert names.backported(ages) == series
