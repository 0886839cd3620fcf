"""Einsum of ONNX on real values, as one product between moves."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import text
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.reader import Reader

MAX_EQUATION = 200
"""Most characters of an equation."""


def einsum(reader: Reader, node: SourceNode) -> None:
    """Read Einsum of two tensors whose first axis is the batch, one of which may be constant.

    Raises:
        GraphError: It is another one.
    """
    first, second, result = _terms(node)
    inputs = list(node.inputs)
    if not reader.is_activation(inputs[0]):
        first, second, inputs = second, first, inputs[::-1]
    source = reader.real(reader.activation(node, node.inputs.index(inputs[0])))
    constant = not reader.is_activation(inputs[1])
    if not constant and not reader.multiplies:
        raise GraphError("one factor must be a constant", node=node.name,
                         hint=reader.no_product_hint)  # fmt: skip
    values = reader.values(node, node.inputs.index(inputs[1]), "a factor") if constant else None
    other = None if constant else reader.real(reader.tensor(inputs[1]))
    shapes = reader.shape(source), values.shape if values is not None else reader.shape(other or "")
    extents = _extents(node, (first, second), shapes)
    batch = first[:1]
    ends = batch in result and (result[:1] == batch or reader.batch == 1)
    if not ends or (batch in second if constant else second[:1] != batch):
        raise GraphError(
            "the batch must be the first axis of all, but of constants", node=node.name
        )
    shared = [a for a in first[1:] if a in second and a in result]
    summed = [a for a in first if a in second and a not in result]
    rows = [a for a in first[1:] if a not in second]
    columns = [a for a in second if a not in first]
    if not {*rows, *columns} <= {*result}:
        raise GraphError("an axis of one factor alone must not be summed", node=node.name)

    def size(axes: Sequence[str]) -> int:
        return math.prod(extents[a] for a in axes)

    def moved(name: str, own: str, order: Sequence[str], shape: tuple[int, ...], what: str) -> str:
        places = tuple(own.index(a) for a in order)
        if places != tuple(range(len(own))):
            name = reader.emit(node, "Transpose", (name,), f"{what}_moved", {"order": places})
        return reader.emit(node, "Reshape", (name,), f"{what}_flat", {"shape": shape})

    lead = (1, *(extents[a] for a in shared))
    left = moved(source, first, [*batch, *shared, *rows, *summed],
                 (*lead, size(rows), size(summed)), "left")  # fmt: skip
    matrix = (size(summed), size(columns))
    if values is not None:
        held = values.transpose([second.index(a) for a in (*shared, *summed, *columns)])
        held = held.reshape(*(lead if shared else ()), *matrix)
        right = reader.place_values(f"{node.name}.factor", held)
    else:
        right = moved(other or "", second, [*batch, *shared, *summed, *columns], (*lead, *matrix),
                      "right")  # fmt: skip
    op = "MatMul" if values is not None and not shared else "BatchMatMul"
    made = reader.emit(node, op, (left, right), "product")
    axes = [*batch, *shared, *rows, *columns]
    shape = (*lead, *(extents[a] for a in (*rows, *columns)))
    made = reader.emit(node, "Reshape", (made,), "whole", {"shape": shape})
    order = (0, *(axes.index(a) for a in result if a != batch))
    made = reader.emit(node, "Transpose", (made,), "turned", {"order": order})
    final: tuple[int, ...] = tuple(1 if a == batch else extents[a] for a in result)
    if result[0] != batch and not reader.multiplies:
        raise GraphError("the batch must be the first axis of the result", node=node.name,
                         hint="write the equation so, and a Transpose behind it")  # fmt: skip
    if result[0] != batch:  # the batch of one row stays in front, and there is one more axis
        final = (1, *final)
        reader.lifted.add(node.outputs[0])
    reader.emit(node, "Reshape", (made,), attrs={"shape": final})


def _terms(node: SourceNode) -> tuple[str, str, str]:
    """The axes of both factors and of the result, a letter each."""
    equation = "".join(text(node, "equation", "").split())
    given, arrow, result = equation.partition("->")
    terms = given.split(",")
    if not arrow:
        letters = "".join(terms)
        result = "".join(sorted(a for a in set(letters) if letters.count(a) == 1))
    plain = all(term.isalpha() and term.isascii() for term in (*terms, result))
    distinct = all(len(set(term)) == len(term) for term in (*terms, result))
    known = {*result} <= {*"".join(terms)}
    if len(equation) > MAX_EQUATION or len(node.inputs) != 2 or len(terms) != 2 or not (
        plain and distinct and known
    ):  # fmt: skip
        raise GraphError(
            f"Einsum {equation[:MAX_EQUATION]!r} is not supported", node=node.name,
            hint="products of two tensors are, with each letter at most once in each",
        )  # fmt: skip
    return terms[0], terms[1], result


def _extents(
    node: SourceNode, terms: tuple[str, str], shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> dict[str, int]:
    found: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape) or any(
            found.setdefault(a, n) != n for a, n in zip(term, shape, strict=True)
        ):
            raise GraphError(f"{term!r} are not the axes of {shape}", node=node.name)
    return found
