"""What register calls say of a member is taken back when the header has it no more."""

from __future__ import annotations

import yaml

from codegen.kernel import edit
from codegen.kernel.draft import Desk
from codegen.table.conditions import parse


def forget(desk: Desk, struct: str, gone: set[str]) -> None:
    """Drops the conditions on members that are gone; what is dropped is told to the user."""
    for row in edit.items(desk.section("register")):
        if not gone or edit.text(row, "arg") != f"struct {struct}":
            continue
        for holder in [row, *edit.items(edit.value(row, "errors"))]:
            for key in ("must", "when"):
                _forget_in(desk, edit.text(row, "name"), holder, key, gone)


def _forget_in(desk: Desk, name: str, holder: yaml.Node, key: str, gone: set[str]) -> None:
    found = edit.entry(holder, key)
    conditions = edit.items(found[1]) if found else []
    lost = [item for item in conditions if parse(item.value).subject in gone]
    if found is None or not lost:
        return
    for item in lost:
        desk.dropped.append(f"{name}: '{item.value}' of '{key}', whose member is gone")
    if len(lost) == len(conditions):
        desk.editor.drop(holder, *found)
    elif isinstance(found[1], yaml.CollectionNode) and found[1].flow_style:
        kept = [item.value for item in conditions if item not in lost]
        desk.editor.replace(found[1].start_mark, found[1].end_mark, edit.flow(kept))
    else:
        for item in lost:
            desk.editor.remove(item.start_mark.line, desk.editor.last_line(item))
