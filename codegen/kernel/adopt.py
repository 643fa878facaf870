"""Writes what a kernel header has and the table lacks into the table, as drafts.

Rows go where a person would put them, in the table's own style; no other line is touched, except
that reserved bytes of a structure shrink where a new member has taken their place; what register
calls say of such a member goes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from codegen.kernel import diff, edit
from codegen.kernel.draft import Desk
from codegen.kernel.draft_numbers import NumberDrafts
from codegen.kernel.draft_rows import RowDrafts
from codegen.kernel.draft_structs import StructDrafts
from codegen.kernel.header import Constant, Header
from codegen.table import checks, load, model, names
from codegen.table.build import build_table


@dataclass
class Adoption:
    """The new text of the table, what went into it, and what is left to a person."""

    text: str
    adopted: list[diff.Difference] = field(default_factory=list)
    left: list[diff.Difference] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def adopt(text: str, name: str, header: Header, since: str) -> Adoption:
    """Adds what is missing; raises TableError when the table itself is wrong."""
    before = _table(text, name)
    missing = [item for item in diff.compare(before, header) if item.what == "added"]
    desk = Desk(text, before, header, since)
    _write(desk, missing)
    result = desk.editor.result() if missing else text
    try:
        after = _table(result, name)
    except load.TableError as failure:
        raise load.TableError(f"{name} with the new rows (nothing is written)",
                              failure.diagnostics) from None
    left = diff.compare(after, header)
    names_left = {(item.what, item.name) for item in left}
    adopted = [item for item in missing if (item.what, item.name) not in names_left]
    return Adoption(result, adopted, left, desk.reasons, desk.dropped)


def _table(text: str, name: str) -> model.Table:
    source = load.parse(text, name)
    checks.check(source)
    return build_table(source)


def _write(desk: Desk, missing: Sequence[diff.Difference]) -> None:
    if not missing:
        return
    constants = [desk.header.constants[item.name] for item in missing
                 if item.name in desk.header.constants]
    constants.sort(key=lambda item: desk.order.index(item.name))
    _kernel(desk)
    headers = [item for item in missing if item.kind == "header"]
    desk.add_last("headers", [{"name": item.name, "guard": item.header}
                              for item in headers if item.header])
    desk.reasons += [f"{item.name} has no include guard" for item in headers if not item.header]
    by_kind: dict[str, list[Constant]] = {}
    for constant in constants:
        kind = desk.known.kind(constant)
        if kind in ("flag", "value") and desk.known.group(constant) is None:
            kind = "constant"  # of an enum that the table lacks
        by_kind.setdefault(kind, []).append(constant)
    rows, numbers, structs = RowDrafts(desk), NumberDrafts(desk), StructDrafts(desk)
    rows.opcodes(by_kind.get("opcode", []))
    rows.registers(by_kind.get("register", []))
    numbers.entries([*by_kind.get("flag", []), *by_kind.get("value", [])])
    numbers.singles(by_kind.get("constant", []))
    structs.add([item.name for item in missing if item.kind == "structure"])
    for owner in dict.fromkeys(item.name.split(".")[0] for item in missing
                               if item.kind == "field"):
        structs.extend(owner)


def _kernel(desk: Desk) -> None:
    node = edit.value(desk.editor.root, "kernel")
    if node is not None and names.version(desk.since) > names.version(desk.table.kernel):
        desk.editor.replace(node.start_mark, node.end_mark, f'"{desk.since}"')
