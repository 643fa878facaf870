# SPDX-License-Identifier: MIT
"""The pool of strings: each text once, names that no keyword or macro can be."""

from __future__ import annotations

from codegen.write.pool import LONGEST, Pool


def test_each_text_once() -> None:
    pool = Pool()
    first = pool.name("The kernel reads it.")
    assert pool.name("another") != first
    assert pool.name("The kernel reads it.") == first
    assert [text for _, _, text in pool.entries()] == ["The kernel reads it.", "another"]


def test_names_are_their_own() -> None:
    pool = Pool()
    names = [pool.name(text) for text in ("int", "int *", "O_DIRECT", "", "9", "x" * 90, "x" * 91)]
    assert len(set(names)) == len(names)
    assert names[:3] == ["t_int", "t_int_2", "t_O_DIRECT"]
    assert all(name.isidentifier() and len(name) <= LONGEST + 3 for name in names)


def test_a_number_is_no_other_name() -> None:
    pool = Pool()
    assert [pool.name(text) for text in ("a", "a 2", "a!")] == ["t_a", "t_a_2", "t_a_3"]


def test_sizes_count_bytes() -> None:
    pool = Pool()
    pool.name("größer")
    assert list(pool.entries()) == [("t_gr_er", 9, "größer")]
