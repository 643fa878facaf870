"""What every kind of draft row needs: the edited text, both sides, words for the unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from codegen.kernel import diff, edit
from codegen.kernel.header import Header
from codegen.table.model import Table

UNKNOWN = "Not described yet."
RESERVED = "Must be zero."
UNTRIED = "No trial has been written yet."
REFUSED = {"way": "refused", "because": UNKNOWN}


class Desk:
    """The table's text while it is edited, beside the header that it is compared with."""

    def __init__(self, text: str, table: Table, header: Header, since: str) -> None:
        self.editor = edit.Editor(text)
        self.table = table
        self.header = header
        self.since = since
        self.known = diff.Names(table, header)
        self.reasons: list[str] = []
        self.dropped: list[str] = []
        self.order = list(header.constants)

    def section(self, name: str) -> yaml.SequenceNode | None:
        found = edit.value(self.editor.root, name)
        return found if isinstance(found, yaml.SequenceNode) else None

    def add_last(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        """Rows at the end of a section, which is made if there is none."""
        section = self.section(name)
        if section is not None and (section.value or section.flow_style):
            self.editor.add(section, len(section.value), rows)
        elif rows:
            lines = ["", f"{name}:"]
            for index, row in enumerate(rows):
                lines += ([""] if index else []) + edit.item(row, 2, block=True)
            self.editor.insert(len(self.editor.lines), lines)
