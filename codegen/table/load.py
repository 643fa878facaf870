"""Reads a table: YAML with the line of every value, checked against the schema."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

Place = tuple[str | int, ...]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCHEMA = Path(__file__).with_name("schema.yaml")
_LABELS = {
    "opcodes": "name", "register": "name", "groups": "group", "structs": "name",
    "constants": "name", "scenarios": "name", "commands": "family",
}


def compose(text: str) -> Any:
    """The nodes of a YAML text, with their places."""
    return yaml.compose(text, Loader=_Loader)


@dataclass(frozen=True, order=True)
class Diagnostic:
    """One mistake in the table."""

    line: int
    label: str
    message: str


class TableError(Exception):
    """The table cannot be used; carries every mistake that was found."""

    def __init__(self, path: str, diagnostics: list[Diagnostic]) -> None:
        super().__init__(f"{len(diagnostics)} errors in {path}")
        self.path = path
        self.diagnostics = sorted(set(diagnostics))

    def lines(self) -> Iterator[str]:
        for item in self.diagnostics:
            label = f"{item.label}: " if item.label else ""
            yield f"{self.path}:{item.line}: error: {label}{item.message}"


class Source:
    """Plain data of a table, and where each piece of it stands."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.data: Any = None
        self._lines: dict[Place, int] = {}
        self._found: list[Diagnostic] = []

    def line(self, place: Place) -> int:
        """The line of a value, or of the nearest thing around it."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def label(self, place: Place) -> str:
        """The name of the row that a place belongs to."""
        if len(place) < 2 or place[0] not in _LABELS or not isinstance(place[1], int):
            return ""
        rows = self.data.get(place[0], []) if isinstance(self.data, dict) else []
        row = rows[place[1]] if place[1] < len(rows) else None
        name = row.get(_LABELS[str(place[0])]) if isinstance(row, dict) else None
        return str(name) if name is not None else f"{place[0]}[{place[1]}]"

    def drafts(self) -> list[tuple[int, str]]:
        """Line and name of every entry that `adopt` made and no person has completed."""
        found: list[tuple[int, str]] = []

        def walk(value: Any, place: Place) -> None:
            if isinstance(value, dict):
                if value.get("draft") is True:
                    found.append((self.line(place), str(value.get("name", ""))))
                for key, inner in value.items():
                    walk(inner, (*place, key))
            elif isinstance(value, list):
                for index, inner in enumerate(value):
                    walk(inner, (*place, index))

        walk(self.data, ())
        return found

    def error(self, place: Place, message: str) -> None:
        self._found.append(Diagnostic(self.line(place), self.label(place), message))

    def stop_on_errors(self) -> None:
        if self._found:
            raise TableError(self.path, self._found)

    def read(self) -> None:
        """Parses the text; afterwards `data` is plain Python."""
        try:
            node = compose(self.text)
        except yaml.MarkedYAMLError as failure:
            mark = failure.problem_mark
            line = mark.line + 1 if mark else 1
            raise TableError(self.path, [Diagnostic(line, "", f"not YAML: {failure.problem}")]) \
                from None
        except yaml.reader.ReaderError as failure:
            line = self.text[:failure.position].count("\n") + 1
            raise TableError(self.path, [Diagnostic(line, "", f"not YAML: {failure.reason}")]) \
                from None
        if node is None:
            raise TableError(self.path, [Diagnostic(1, "", "the table is empty")])
        found: list[tuple[Place, str]] = []
        self.data = self._plain(node, (), found)
        for place, message in found:
            self.error(place, message)
        self.stop_on_errors()

    def _plain(self, node: yaml.Node, place: Place, found: list[tuple[Place, str]]) -> Any:
        self._lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            result: dict[Any, Any] = {}
            for key_node, value_node in node.value:
                key = str(key_node.value)
                below = (*place, key)
                value = self._plain(value_node, below, found)
                self._lines[below] = key_node.start_mark.line + 1
                if not isinstance(key_node, yaml.ScalarNode):
                    found.append((below, "a key is a plain word"))
                elif key in result:
                    found.append((below, f"key '{key}' stands twice"))
                result[key] = value
            return result
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, (*place, index), found)
                    for index, item in enumerate(node.value)]
        try:
            return _scalar(node)
        except ValueError:
            found.append((place, f"'{node.value}' is no number; quote it if it is text"))
            return None


def _scalar(node: yaml.Node) -> Any:
    """A scalar as YAML 1.2 reads it: only true, false and numbers are special."""
    text, tag = node.value, node.tag
    if not isinstance(node, yaml.ScalarNode) or node.style in ("'", '"'):
        return text
    if tag.endswith(":int"):
        return int(text, 0)
    if tag.endswith(":float"):
        return float(text)
    if text in ("true", "false"):
        return text == "true"
    return text


@cache
def _validator() -> Any:
    schema = yaml.load(_SCHEMA.read_text("utf-8"), Loader=_Loader)  # noqa: S506 (CSafeLoader)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def is_version(text: str) -> bool:
    """Is it a kernel release as the schema wants it?"""
    return re.match(_validator().schema["$defs"]["version"]["pattern"], text) is not None


def _innermost(error: Any) -> Any:
    """Of the alternatives that all failed, the complaint of the one that was meant."""
    while error.validator in ("oneOf", "anyOf") and error.context:
        branches: dict[Any, list[Any]] = {}
        for sub in error.context:
            branches.setdefault(sub.relative_schema_path[0], []).append(sub)

        def strangeness(branch: list[Any]) -> tuple[bool, int]:
            """A value of another type is no attempt at the alternative; few mistakes are one."""
            other = any(sub.validator == "type" and not sub.relative_path for sub in branch)
            return other, sum(len(sub.instance.keys() - sub.schema.get("properties", {}))
                              if sub.validator == "additionalProperties" else 1
                              for sub in branch)

        error = min(branches.values(), key=strangeness)[0]
    return error


def _say(error: Any) -> Iterator[tuple[Place, str]]:
    """The places and the sentences of what a schema error is about."""
    error = _innermost(error)
    place = tuple(error.absolute_path)
    what = next((str(part) for part in reversed(place) if isinstance(part, str)), "the table")
    wanted = error.validator_value
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        for key in error.instance:
            if key not in known:
                close = difflib.get_close_matches(str(key), known, 1)
                hint = f"; did you mean '{close[0]}'?" if close else ""
                yield (*place, key), f"unknown key '{key}'{hint}"
    elif error.validator == "required":
        for key in wanted:
            if key not in error.instance:
                yield place, f"key '{key}' is missing"
    elif error.validator == "pattern":
        hint = error.schema.get("description", f"must match {wanted}")
        yield place, f"{what}: '{error.instance}' is not right: {' '.join(hint.split())}"
    elif error.validator == "enum":
        yield place, f"{what}: '{error.instance}' is not one of {', '.join(map(str, wanted))}"
    elif error.validator == "const":
        yield place, f"{what}: write {json.dumps(wanted)} or leave the key out"
    elif error.validator == "type":
        yield place, f"{what}: {_brief(error.instance)} stands where {_TYPES[wanted]} belongs"
    elif error.validator == "minItems":
        yield place, f"{what}: must not be empty"
    elif error.validator in ("minProperties", "maxProperties"):
        yield place, f"{what}: one name with one version belongs here"
    elif error.validator in ("minimum", "maximum"):
        side = "below" if error.validator == "minimum" else "above"
        yield place, f"{what}: {error.instance} is {side} {wanted}"
    else:
        yield place, f"{what}: {error.message}"


_TYPES = {"object": "a mapping", "array": "a list", "string": "text (in quotes)",
          "integer": "a number"}


def _brief(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)


def load(path: Path) -> Source:
    """Reads and checks a table; raises TableError with every mistake."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as failure:
        line = path.read_bytes()[:failure.start].count(b"\n") + 1
        raise TableError(path.name, [Diagnostic(line, "", "not UTF-8")]) from None
    return parse(text, path.name)


def parse(text: str, name: str) -> Source:
    """The same for a text; errors give it the name."""
    source = Source(name, text)
    source.read()
    for error in _validator().iter_errors(source.data):
        for place, message in _say(error):
            source.error(place, message)
    source.stop_on_errors()
    return source
