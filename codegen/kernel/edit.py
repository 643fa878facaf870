"""Edits a table as text: adds rows in its own style and leaves every other byte alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from codegen.table.load import compose

WIDTH = 100
_SPECIAL = re.compile(r"""^[-?:,\[\]{}#&*!|>'"%@`]|: |:$| #|^\s|\s$|^$""")
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n", "~"}


# -- how values are written -----------------------------------------------------

def scalar(value: Any, inside_flow: bool = True) -> str:
    """A value as YAML; quoted only where it would not be read as the same text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -0x10000 < value < 0x10000 else f"{value:#x}"
    text = str(value)
    other = re.fullmatch(r"[-+]?[\d.][\d._xXa-fA-F]*", text) or text.lower() in _WORDS
    if other or _SPECIAL.search(text) or (inside_flow and re.search(r"[,\[\]{}]", text)):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(each) for each in value) + "]"
    return scalar(value)


def _nested(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, Mapping) for each in value)


def _flat(value: Mapping[str, Any]) -> bool:
    return not any(isinstance(each, (Mapping, list)) and _nested(each) for each in value.values())


def item(value: Mapping[str, Any], indent: int, block: bool = False,
         columns: Sequence[int] = ()) -> list[str]:
    """A mapping as an item of a sequence: on one line if it is flat and fits, else in block form.

    `columns` gives the least widths of the first entries, so that the rows of a list align.
    """
    lead = " " * indent
    if not block and _flat(value):
        parts = [f"{scalar(key)}: {flow(each)}," for key, each in value.items()]
        parts[-1] = parts[-1][:-1] + "}"
        padded = [part.ljust(width) for part, width in zip(parts[:-1], columns)]
        for shown in (padded + parts[len(padded):], parts):
            line = f"{lead}- {{" + " ".join(shown)
            if len(line) <= WIDTH:
                return [line]
    lines: list[str] = []
    for key, each in value.items():
        start = f"{lead}  " if lines else f"{lead}- "
        if _nested(each):
            lines.append(f"{start}{scalar(key)}:")
            lines += rows(each, indent + 4)
        elif isinstance(each, (Mapping, list)):
            lines.append(f"{start}{scalar(key)}: {flow(each)}")
        else:
            lines.append(f"{start}{scalar(key)}: {scalar(each, inside_flow=False)}")
    return lines


def rows(values: Sequence[Any], indent: int) -> list[str]:
    """The items of a sequence, the first two columns of the short ones aligned."""
    heads = [[f"{scalar(key)}: {flow(each)}," for key, each in list(value.items())[:2]]
             for value in values if isinstance(value, Mapping) and _flat(value)]
    columns = [max((len(head[index]) for head in heads if len(head) > index), default=0)
               for index in range(2)]
    lines: list[str] = []
    for value in values:
        lines += item(value, indent, columns=columns) if isinstance(value, Mapping) \
            else [f"{' ' * indent}- {scalar(value, inside_flow=False)}"]
    return lines


# -- where things stand -----------------------------------------------------------

def _last_line(node: yaml.Node) -> int:
    """The last line with a piece of the node, counted from 0; comments after it do not count."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        tail = node.value[-1]
        return _last_line(tail[1] if isinstance(node, yaml.MappingNode) else tail)
    end = node.end_mark
    return int(end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line)


def entry(node: yaml.Node, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Key and value of a mapping."""
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == key:
                return key_node, value_node
    return None


def value(node: yaml.Node, key: str) -> yaml.Node | None:
    found = entry(node, key)
    return found[1] if found else None


def text(node: yaml.Node, key: str) -> str:
    """The scalar behind a key; empty without it."""
    found = value(node, key)
    return str(found.value) if isinstance(found, yaml.ScalarNode) else ""


def items(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


class Editor:
    """Collects edits of a text and makes them all at once."""

    def __init__(self, source: str) -> None:
        self.source = source if source.endswith("\n") else source + "\n"
        self.lines = self.source.split("\n")[:-1]
        self._starts = [0]
        for line in self.lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._edits: list[tuple[int, int, int, str]] = []
        self.root: yaml.Node = compose(self.source)

    def _edit(self, start: int, end: int, new: str) -> None:
        self._edits.append((start, len(self._edits), end, new))

    def insert(self, line: int, new: Sequence[str]) -> None:
        """New lines in front of a line; several at one place keep their order."""
        self._edit(self._starts[line], self._starts[line], "".join(f"{each}\n" for each in new))

    def remove(self, first: int, last: int) -> None:
        self._edit(self._starts[first], self._starts[last + 1], "")

    def replace(self, start: yaml.Mark, end: yaml.Mark, new: str) -> None:
        self._edit(self._starts[start.line] + start.column,
                   self._starts[end.line] + end.column, new)

    def drop(self, mapping: yaml.Node, key: yaml.Node, old: yaml.Node) -> None:
        """Takes an entry out of a mapping that has others."""
        if not isinstance(mapping, yaml.CollectionNode) or not mapping.flow_style:
            self.remove(key.start_mark.line, self.last_line(old))
            return
        pairs: list[tuple[yaml.Node, yaml.Node]] = mapping.value
        index = [pair[0] for pair in pairs].index(key)
        if index + 1 < len(pairs):
            self.replace(key.start_mark, pairs[index + 1][0].start_mark, "")
        else:
            self.replace(pairs[index - 1][1].end_mark, old.end_mark, "")

    def result(self) -> str:
        new, at = [], 0
        for start, _, end, what in sorted(self._edits):
            new.append(self.source[at:start])
            new.append(what)
            at = max(at, end)
        return "".join(new) + self.source[at:]

    # -- rows ----------------------------------------------------------------

    def last_line(self, node: yaml.Node) -> int:
        """The last line of a node, without the blank lines that end a block of text."""
        line = _last_line(node)
        while not self.lines[line].strip():
            line -= 1
        return line

    def indent(self, node: yaml.Node) -> int:
        """The column of the dash in front of an item."""
        return len(self.lines[node.start_mark.line]) - len(
            self.lines[node.start_mark.line].lstrip())

    def spaced(self, sequence: yaml.SequenceNode) -> bool:
        """Do blank lines stand between the items?"""
        for node in sequence.value[1:]:
            line = node.start_mark.line - 1
            while line > 0 and self.lines[line].lstrip().startswith("#"):
                line -= 1
            return not self.lines[line].strip()
        return False

    def columns(self, line: int) -> list[int]:
        """The widths of the first entries of a one-line item, to align with it."""
        match = re.match(r"\s*- \{([^,{\[\"]*, *)([^,{\[\"]*, *)?", self.lines[line])
        return [len(part) - 1 for part in match.groups() if part] if match else []

    def add(self, sequence: yaml.SequenceNode, at: int, new: Sequence[Mapping[str, Any]]) -> None:
        """New items in front of item `at` of a sequence (at its end if there is none)."""
        if not new:
            return
        nodes = sequence.value
        if sequence.flow_style:
            texts = [flow(each) for each in new]
            if not nodes:
                self.replace(sequence.start_mark, sequence.end_mark, "[" + ", ".join(texts) + "]")
            elif at < len(nodes):
                mark = nodes[at].start_mark
                self.replace(mark, mark, "".join(f"{each}, " for each in texts))
            else:
                mark = nodes[-1].end_mark
                self.replace(mark, mark, "".join(f", {each}" for each in texts))
            return
        near = nodes[at - 1] if at > 0 else nodes[0]
        indent = self.indent(near)
        gap = [""] if self.spaced(sequence) else []
        columns = [] if near.start_mark.line != self.last_line(near) \
            else self.columns(near.start_mark.line)
        block = not any(node.flow_style for node in nodes)
        lines: list[str] = []
        for each in new:
            whole = item(each, indent, block, columns)
            lines += [*gap, *whole] if at > 0 else [*whole, *gap]
        self.insert(self.last_line(near) + 1 if at > 0 else near.start_mark.line, lines)
