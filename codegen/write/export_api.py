"""Rota's own side of ops.json: every exported function, structure and constant of the library."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from codegen.api import declarations
from codegen.api.declarations import Api, Failure, Parameter
from codegen.api.sizes import Abi, Sizes
from codegen.table import names
from codegen.table.calls import Call, RegisterOp
from codegen.table.model import Architecture, Table
from codegen.table.requests import Op, Prep

Json = dict[str, Any]
RING = Parameter("ring", "struct rota_ring *")


def prototype(returns: str, name: str, parameters: list[Parameter]) -> str:
    inside = ", ".join(names.declaration(item.ctype, item.name) for item in parameters)
    return f"{names.declaration(returns, name)}({inside or 'void'})"


def _failures(found: tuple[Failure, ...] | list[Failure]) -> list[Json]:
    return [{"errno": item.errno, "cause": item.cause} for item in found]


class Library:
    """What the library offers; empty where no handwritten headers stand beside the table."""

    def __init__(self, table: Table, include: Path) -> None:
        self.table = table
        self.apis: dict[str, Api] = {
            machine.name: declarations.read(include, machine.macros)
            for machine in table.architectures}

    @cached_property
    def first(self) -> Api | None:
        """What is alike on all machines is taken from the first."""
        return next(iter(self.apis.values()), None)

    def architectures(self) -> list[Json]:
        return [{"name": item.name, "abi": item.abi, "pointer": item.pointer,
                 "align64": item.align64, "endian": item.endian, "macros": list(item.macros)}
                for item in self.table.architectures]

    # -- constants and structures -------------------------------------------

    def constants(self) -> list[Json]:
        found: list[Json] = []
        for item in self.first.constants if self.first else ():
            values = {machine: next(other.value for other in api.constants
                                    if other.name == item.name)
                      for machine, api in self.apis.items()}
            alike = len(set(values.values())) == 1
            row: Json = {"name": item.name}
            if alike:
                row["value"] = item.value
            else:
                row["values"] = values
            row["header"] = item.header
            if item.enum:
                row["enum"] = item.enum
            if item.comment:
                row["comment"] = item.comment
            found.append(row)
        return found

    @cached_property
    def _machines(self) -> dict[str, Architecture]:
        """One machine for each way to lay out memory."""
        found: dict[str, Architecture] = {}
        for item in self.table.architectures:
            found.setdefault(item.abi, item)
        return found

    @cached_property
    def _sizes(self) -> dict[str, Sizes]:
        kernel = {item.name: item.size for item in self.table.structs}
        return {abi: Sizes(Abi(abi, item.pointer, item.align64), self.apis[item.name].records,
                           kernel) for abi, item in self._machines.items()}

    def structs(self) -> list[Json]:
        found: list[Json] = []
        for record in self.first.records if self.first else ():
            shapes = {abi: sizes.shapes[record.name] for abi, sizes in self._sizes.items()}
            members: list[Json] = []
            for index, member in enumerate(record.members):
                row: Json = {"name": member.name, "type": member.ctype}
                if member.count is not None:
                    row["count"] = member.count
                row["offset"] = {abi: shape.offsets[index] for abi, shape in shapes.items()}
                if member.comment:
                    row["comment"] = member.comment
                members.append(row)
            found.append({"name": record.name, "header": record.header,
                          "size": {abi: shape.size for abi, shape in shapes.items()},
                          "align": {abi: shape.align for abi, shape in shapes.items()},
                          **({"doc": record.doc} if record.doc else {}), "members": members})
        return found

    def callbacks(self) -> list[Json]:
        return [{"name": item.name, "header": item.header, "returns": item.returns,
                 "args": [self._argument(each) for each in item.parameters]}
                for item in (self.first.callbacks if self.first else ())]

    def variables(self) -> list[Json]:
        return [{"name": item.name, "type": item.ctype, "header": item.header,
                 **({"library": item.library} if item.library != "librota" else {}),
                 **({"doc": item.doc} if item.doc else {})}
                for item in (self.first.variables if self.first else ())]

    # -- functions ------------------------------------------------------------

    def functions(self) -> list[Json]:
        """Each exported function once: requests, register calls, then what is written by hand."""
        found = [row for op in self.table.ops for prep in op.preps
                 for row in self._of_prep(op, prep)]
        found += [self._of_call(row, call) for row in self.table.registers for call in row.calls
                  if not call.handwritten]
        handwritten = {call.function: (row, call) for row in self.table.registers
                       for call in row.calls if call.handwritten}
        for item in self.first.functions if self.first else ():
            given = self._function(
                "register" if item.name in handwritten else "core", item.name, item.returns,
                list(item.parameters), item.header, item.summary, _failures(item.failures))
            if item.name in handwritten:
                row, call = handwritten[item.name]
                given["since"] = call.since
                given["errors"] = self._register_errors(row)
            if item.inline:
                given["inline"] = True
            if item.library != "librota":
                given["library"] = item.library
            if item.doc:
                given["doc"] = item.doc
            found.append(given)
        return found

    def _function(self, kind: str, name: str, returns: str, parameters: list[Parameter],
                  header: str, summary: str, errors: list[Json]) -> Json:
        return {"name": name, "kind": kind, "header": header,
                "prototype": prototype(returns, name, parameters), "returns": returns,
                "args": [self._argument(item) for item in parameters], "summary": summary,
                "errors": errors}

    @staticmethod
    def _argument(item: Parameter) -> Json:
        row: Json = {"name": item.name, "type": item.ctype}
        if item.ctype.endswith("*"):
            row["memory"] = "read" if item.ctype.startswith("const ") \
                and item.ctype.count("*") == 1 else "both"
        return row

    def _of_prep(self, op: Op, prep: Prep) -> Iterator[Json]:
        arguments = [Parameter(arg.name, arg.ctype) for arg in prep.args]
        owned: dict[str, Json] = {}
        for arg in prep.args:
            field = arg.field
            if arg.pointer and field is not None and field.memory and field.lives:
                owned[arg.name] = {"memory": field.memory, "lives": field.lives}
                size = next((each.name for each in prep.args if each.slot.name == field.length),
                            None)
                if size:
                    owned[arg.name]["length"] = size
                if field.optional:
                    owned[arg.name]["optional"] = True

        def made(kind: str, name: str, returns: str, first: list[Parameter], header: str,
                 errors: list[Json]) -> Json:
            row = self._function(kind, name, returns, [*first, *arguments], header, prep.summary,
                                 errors)
            for arg in row["args"]:
                arg.update(owned.get(arg["name"], {}))
            return row | {"since": prep.since, "inline": True, "request": prep.name,
                          "opcode": op.name}

        sqe = Parameter("sqe", "struct io_uring_sqe *")
        yield made("prep", prep.function, "void", [sqe], "rota/prep.h", [])
        if prep not in op.started:
            return
        starts = _failures(self.first.start_failures) if self.first else []
        results = [{"errno": error.errno, "cause": error.cause} for error in op.errors]
        yield made("start", prep.start, "int", [RING, Parameter("handle", "struct rota_op *")],
                   "rota/call.h", starts) | ({"stream": True} if op.streams(prep) else {})
        if not op.streams(prep):
            yield made("call", prep.awaited, "int", [RING], "rota/call.h", results)

    def _register_errors(self, row: RegisterOp) -> list[Json]:
        return [{"errno": error.errno, "cause": error.cause} for error in row.errors]

    def _of_call(self, row: RegisterOp, call: Call) -> Json:
        parameters = [] if call.without_ring else [RING]
        parameters += [Parameter(arg.name, arg.ctype) for arg in call.args]
        found = self._function("register", call.function, "int", parameters, "rota/register.h",
                               call.summary, self._register_errors(row))
        for arg in found["args"]:
            if "memory" in arg and not arg["type"].startswith("struct rota_ring"):
                memory = "read" if arg["type"].startswith("const ") else row.memory
                arg.update({"memory": memory or arg["memory"], "lives": "call"})
                if row.lives == "unregister":
                    arg["registered"] = "What it describes stays the kernel's until unregistered."
        return found | {"since": call.since}
