"""The single edits that turn a list of members in the table into the header's list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from codegen.kernel import edit
from codegen.kernel.header import Member


class Step:
    """One edit of a list of members."""

    def make(self, editor: edit.Editor) -> None:
        raise NotImplementedError


@dataclass
class AddMember(Step):
    sequence: yaml.SequenceNode
    place: int
    row: dict[str, Any]

    def make(self, editor: edit.Editor) -> None:
        editor.add(self.sequence, self.place, [self.row])


@dataclass
class RemoveMember(Step):
    node: yaml.Node

    def make(self, editor: edit.Editor) -> None:
        editor.remove(self.node.start_mark.line, editor.last_line(self.node))


@dataclass
class ResizeMember(Step):
    node: yaml.Node
    member: Member

    def make(self, editor: edit.Editor) -> None:
        ctype = edit.value(self.node, "type")
        count = edit.entry(self.node, "count")
        wanted = self.member.count
        assert ctype is not None
        if edit.text(self.node, "type") != self.member.ctype:
            editor.replace(ctype.start_mark, ctype.end_mark, self.member.ctype)
        if count is not None and wanted is not None:
            editor.replace(count[1].start_mark, count[1].end_mark, str(wanted))
        elif count is not None:
            editor.drop(self.node, *count)
        elif wanted is not None and _in_flow(self.node):
            editor.replace(ctype.end_mark, ctype.end_mark, f", count: {wanted}")
        elif wanted is not None:
            editor.insert(ctype.start_mark.line + 1,
                          [" " * self.node.start_mark.column + f"count: {wanted}"])


@dataclass
class WrapMember(Step):
    node: yaml.Node
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]

    def make(self, editor: edit.Editor) -> None:
        indent = editor.indent(self.node)
        first, last = self.node.start_mark.line, editor.last_line(self.node)
        old = [f"    {line}" for line in editor.lines[first:last + 1]]
        editor.remove(first, last)
        editor.insert(first, [f"{' ' * indent}- union:", *edit.rows(self.before, indent + 4), *old,
                              *edit.rows(self.after, indent + 4)])


def _in_flow(node: yaml.Node) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)
