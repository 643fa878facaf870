"""What `rota migrate` knows: liburing's names, rota's for them, and names that would be in the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codegen.api.liburing import Alias, DropIn
from codegen.table.model import Table
from codegen.write.export_api import Library


@dataclass(frozen=True)
class Migration:
    functions: tuple[Alias, ...]  # and macros
    tags: tuple[Alias, ...]
    kernel: tuple[str, ...]  # tags that stay what they are
    own: tuple[str, ...]  # what <rota.h> declares
    members: tuple[tuple[str, str], ...]  # with what there is instead
    headers: tuple[str, ...]  # what <liburing.h> brings along


def _sorted(found: dict[str, str | None]) -> tuple[Alias, ...]:
    return tuple(Alias(name, found[name]) for name in sorted(found))


def migration(table: Table, include: Path) -> Migration:
    library = Library(table, include)
    api = library.first
    drop_in = DropIn(include, api) if api else None
    functions: dict[str, str | None] = {}
    tags: dict[str, str | None] = {}
    own: set[str] = {str(row["name"]) for row in library.functions()}
    if api and drop_in:
        constants = {item.name for item in api.constants} | \
            {item.name for item in table.constants}
        functions = {item.name: item.rota for item in drop_in.names()
                     if item.name not in constants}
        tags = {item.name: item.rota for item in drop_in.tags()}
        own |= {item.name for item in api.records} | {item.name for item in api.callbacks} | \
            {item.name for item in api.variables}
        own |= set(drop_in.own_macros)
    for op in table.ops:
        functions |= {prep.liburing: prep.function for prep in op.preps
                      if not prep.own or prep.drop_in}
    for row in table.registers:
        functions |= {call.liburing: call.function for call in row.calls if not call.own}
    kernel = {item.name for item in table.structs} | {"io_uring_op", "io_uring_register_op"} | \
        {name for group in table.groups for name in (group.enum, group.bits) if name}
    return Migration(_sorted(functions), _sorted(tags), tuple(sorted(kernel)), tuple(sorted(own)),
                     tuple(sorted(drop_in.members().items()) if drop_in else ()),
                     tuple(drop_in.headers() if drop_in else ()))
