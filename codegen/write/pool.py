"""A pool of strings: each text once, known by a name that is made of its words.

Rows mention a text by its place in the pool, so that nothing in them is an
address. The names keep the output stable: a new text moves no number of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 40  # characters of a name, its number aside


class Pool:
    """The texts of one generated source, in the order in which its rows mention them."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()

    def name(self, text: str) -> str:
        """The name of a text, which is put into the pool when it is new."""
        if text not in self._names:
            stem = self._stem(text)
            name, number = stem, 1
            while name in self._taken:
                number += 1
                name = f"{stem}_{number}"
            self._names[text] = name
            self._taken.add(name)
        return self._names[text]

    def entries(self) -> Iterator[tuple[str, int, str]]:
        """Name, size with the byte that ends it, and text of each."""
        for text, name in self._names.items():
            yield name, len(text.encode("utf-8")) + 1, text

    @staticmethod
    def _stem(text: str) -> str:
        # Never the text alone: it might be a keyword or the name of a macro.
        words = "t"
        for word in re.findall(r"[A-Za-z0-9]+", text):
            if len(words) + 1 + len(word) > LONGEST:
                break
            words += "_" + word
        return words
