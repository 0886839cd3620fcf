"""Workloads as text that :func:`netwright.workload.cascade.parse` reads back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod

from netwright.errors import GraphError
from netwright.formats import Format, Int
from netwright.ir.einsums.einsum import ARITHMETIC, Access, Affine, Einsum
from netwright.ir.einsums.functions import FUNCTIONS
from netwright.workload.cascade.syntax import KEYWORDS, SIGNS
from netwright.workload.workload import Tensor, Workload

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")
_SIGN = {map_op: sign for sign, map_op in SIGNS.items()}


def write(workload: Workload) -> str:
    """The text of a workload.

    Raises:
        GraphError: It has steps that are opaque, ranks of one name and several extents, elements of
            several formats, or names that are no names in the text.
    """
    extents = _extents(workload)
    bits = _bits(workload)
    lines = [f"cascade {_name(workload.name, reserved=())}", f"bits {bits}"]
    lines += [f"rank {_name(name)} = {extent}" for name, extent in extents.items()]
    for tensor in workload.tensors:
        if tensor.is_external:
            axes = ", ".join(str(extent) for extent in tensor.shape)
            lines.append(f"{tensor.kind} {_name(tensor.name)}[{axes}]")
        elif tensor.initial is not None:
            lines.append(f"initial {_name(tensor.name)} = {_number(tensor.initial)}")
    lines.append(f"output {', '.join(_name(name) for name in workload.outputs)}")
    lines += [_einsum(workload, einsum) for einsum in workload.einsums]
    return "\n".join(lines) + "\n"


def _extents(workload: Workload) -> dict[str, int]:
    extents: dict[str, int] = {}
    for einsum in workload.einsums:
        for rank in einsum.ranks:
            if extents.setdefault(rank.name, rank.extent) != rank.extent:
                raise GraphError(
                    f"rank {rank.name} has extent {rank.extent} here, and "
                    f"{extents[rank.name]} elsewhere",
                    node=einsum.name,
                )
    return extents


def _bits(workload: Workload) -> int:
    formats = {tensor.format for tensor in workload.tensors}
    (known,) = formats if len(formats) == 1 else (None,)
    if known is None or known != Format(Int(known.bits)):
        raise GraphError(f'"{workload.name}" has elements of other formats than one integer')
    return known.bits


def _name(name: str, *, reserved: tuple[str, ...] = KEYWORDS) -> str:
    if not _NAME.fullmatch(name) or name in reserved:
        raise GraphError(f"{name!a} is no name in the text of a cascade")
    return name


def _number(value: float) -> str:
    return repr(int(value)) if value == int(min(max(value, -1e15), 1e15)) else repr(value)


def _einsum(workload: Workload, einsum: Einsum) -> str:
    known = all(function in FUNCTIONS for function in einsum.unary)
    if einsum.map_op not in ("copy", *ARITHMETIC) or not known:
        raise GraphError(f'"{einsum.map_op}" {einsum.unary} has no text', node=einsum.name)
    operands = [_access(workload, access) for access in einsum.inputs]
    operands += [_number(value) for value in einsum.constants]
    if einsum.map_op in ("max", "min"):
        text = f"{einsum.map_op}({', '.join(operands)})"
    else:
        text = f" {_SIGN.get(einsum.map_op, '')} ".join(operands)
    for function in einsum.unary:
        text = f"{function}({text})"
    reduced = [rank.name for rank in einsum.ranks if rank.name not in _ranks(einsum.output)]
    if einsum.reduce_op != "none":
        text = f"{einsum.reduce_op}({' '.join(reduced)}: {text})"
    label = "" if einsum.name == einsum.output.tensor else f"{_name(einsum.name)}: "
    return f"{label}{_access(workload, einsum.output)} = {text}"


def _ranks(access: Access) -> set[str]:
    return {rank for axis in access.index for rank, _ in axis.terms}


def _access(workload: Workload, access: Access) -> str:
    tensor = workload.by_name[access.tensor]
    if tensor.shape == (1,) and access.index == (Affine(()),):
        return _name(access.tensor)
    return f"{_name(access.tensor)}[{', '.join(_indices(tensor, access))}]"


def _indices(tensor: Tensor, access: Access) -> Iterator[str]:
    if prod(tensor.shape) > 1 and not any(axis.terms or axis.offset for axis in access.index):
        raise GraphError(f'"{tensor.name}" is read whole, which has no text')
    for axis, extent in zip(access.index, tensor.shape, strict=True):
        if not axis.terms:
            yield "last" if 0 < axis.offset == extent - 1 else str(axis.offset)
            continue
        parts = [rank if step == 1 else f"{step} * {rank}" for rank, step in axis.terms]
        parts += [str(axis.offset)] if axis.offset else []
        yield " + ".join(parts).replace("+ -", "- ")
