"""Comparisons and selections of ONNX between quantizers: a truth is the sign of a difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import integer
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx import read_functions, read_moves
from netwright.exchange.qonnx.read_many import common_shape, expanded
from netwright.exchange.qonnx.reader import Codes, Reader, Reals, Rule
from netwright.formats import rounded_to_bfloat16
from netwright.ir import AttrValue

_TRUTHS = 9
"""ONNX's number of the element type."""


def _float16(values: Reals) -> Reals:
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float64)


_NARROW: Mapping[int, Callable[[Reals], Reals]] = {
    10: _float16,
    16: lambda values: rounded_to_bfloat16(values).astype(np.float64),
}
"""Floats of 16 bits by their numbers, and what they make of values."""


def compare(reader: Reader, node: SourceNode) -> None:
    """Read comparisons: two values, or a value and constants."""
    apart = _difference(reader, node)
    match node.op:
        case "GreaterOrEqual":
            made = _reached(reader, node, apart, "reached")
        case "Less":
            made = _inverted(reader, node, _reached(reader, node, apart, "reached"))
        case "LessOrEqual" | "Greater":
            made = _reached(reader, node, _negated(reader, node, apart), "reached")
            made = made if node.op == "LessOrEqual" else _inverted(reader, node, made)
        case _:
            made = _is_zero(reader, node, apart)
    _give(reader, node, made)


def _difference(reader: Reader, node: SourceNode) -> str:
    """The first operand less the second."""
    left, right = node.inputs[:2]
    if not reader.is_activation(right):
        values = reader.values(node, 1, "what is compared with")
        return reader.scaled(node, reader.activation(node), 1.0, -values, "apart")
    if not reader.is_activation(left):
        values = reader.values(node, 0, "what is compared with")
        return reader.scaled(node, reader.activation(node, 1), -1.0, values, "apart")
    other = reader.scaled(node, reader.activation(node, 1), -1.0, 0.0, "other")
    return reader.emit(node, "Add", (reader.activation(node), other), "apart")


def _negated(reader: Reader, node: SourceNode, source: str) -> str:
    return reader.scaled(node, source, -1.0, 0.0, "turned")


def _reached(reader: Reader, node: SourceNode, source: str, what: str) -> str:
    """1 where a value is 0 or more, else 0."""
    sign: dict[str, AttrValue] = {"scale": (1.0,), "axis": None}
    if source in reader.precisions:
        sign["precision"] = reader.precisions[source]
    made = reader.emit(node, "BipolarQuant", (source,), what, sign)
    return reader.scaled(node, made, 0.5, 0.5, what)


def _is_zero(reader: Reader, node: SourceNode, source: str) -> str:
    above = _reached(reader, node, source, "above")
    below = _reached(reader, node, _negated(reader, node, source), "below")
    both = reader.emit(node, "Add", (above, below), "both")
    return reader.scaled(node, both, 1.0, -1.0, "equal")


def _inverted(reader: Reader, node: SourceNode, truth: str) -> str:
    return reader.scaled(node, truth, -1.0, 1.0, "inverted")


def _give(reader: Reader, node: SourceNode, tensor: str) -> None:
    """Let a truth be the result."""
    reader.rename(node, tensor)
    reader.truths.add(node.outputs[0])


def _truth(reader: Reader, node: SourceNode, name: str) -> str:
    """The tensor of a truth that is computed.

    Raises:
        GraphError: It is none.
    """
    if name not in reader.truths:
        raise GraphError(
            f'"{name}" must hold truths that are computed here', node=node.name,
            hint="make them with a comparison (Greater, Less, Equal, ...) or a Cast to BOOL",
        )  # fmt: skip
    return reader.tensor(name)


def invert(reader: Reader, node: SourceNode) -> None:
    """Read Not."""
    _give(reader, node, _inverted(reader, node, _truth(reader, node, node.inputs[0])))


def combine(reader: Reader, node: SourceNode) -> None:
    """Read And, Or and Xor of truths, one of which may be constant."""
    data = [name for name in node.inputs if reader.is_activation(name)]
    first = _truth(reader, node, data[0])
    if len(data) == 1:
        held = next(i for i, name in enumerate(node.inputs) if name != data[0])
        keep = reader.constant(node, held, "a truth").astype(np.float64)
        factor, addend = {
            "And": (keep, np.zeros(())), "Or": (1 - keep, keep), "Xor": (1 - 2 * keep, keep)
        }[node.op]  # fmt: skip
        shape = common_shape(node, [reader.shape(first), keep.shape])
        first = expanded(reader, node, first, shape, "truth")
        _give(reader, node, reader.scaled(node, first, factor, addend, "combined"))
        return
    second = _truth(reader, node, data[1])
    total = reader.emit(node, "Add", (first, second), "sum")
    if node.op == "Or":
        limits: dict[str, AttrValue] = {"low": (0.0,), "high": (1.0,)}
        _give(reader, node, reader.emit(node, "Clip", (total,), "either", limits))
        return
    above = reader.scaled(node, total, 1.0, -1.0, "above")
    both = reader.emit(node, "Relu", (above,), "both")
    if node.op == "Xor":
        both = reader.scaled(node, both, -2.0, 0.0, "twice")
        both = reader.emit(node, "Add", (total, both), "one")
    _give(reader, node, both)


def cast(reader: Reader, node: SourceNode) -> None:
    """Read Cast, to truths and from truths as well."""
    target, name = integer(node, "to", 0), node.inputs[0]
    if name in reader.truths:
        limits = read_moves.INTEGERS.get(target)
        if target == _TRUTHS:
            _give(reader, node, reader.tensor(name))
        elif limits is not None:
            codes = Codes(reader.tensor(name), np.ones(()), 0, 0, 1, limits=limits)
            reader.codes[node.outputs[0]] = codes
        else:
            reader.rename(node, reader.tensor(name))
    elif target == _TRUTHS:
        zero = _is_zero(reader, node, reader.activation(node))
        _give(reader, node, _inverted(reader, node, zero))
    elif _cuts(reader, node, target):
        _cut(reader, node, target)
    elif target in _NARROW and name not in reader.codes:
        _narrow(reader, node, _NARROW[target])
    else:
        read_moves.cast(reader, node)


def _cuts(reader: Reader, node: SourceNode, target: int) -> bool:
    """Whether a Cast cuts the fractions of codes off."""
    name = node.inputs[0]
    if target not in read_moves.INTEGERS or name in reader.codes:
        return False
    whole = read_functions.whole_codes(reader, name)
    return whole is None and read_functions.is_of_codes(reader, reader.tensor(name))


def _cut(reader: Reader, node: SourceNode, target: int) -> None:
    """A table of what is left of each value.

    Raises:
        GraphError: The integers do not hold one.
    """
    source, limits = reader.activation(node), read_moves.INTEGERS[target]
    entries = np.trunc(read_functions.values_of_codes(reader, source))
    low, high = int(entries.min()), int(entries.max())
    if not limits[0] <= low <= high <= limits[1]:
        raise GraphError(
            f"Cast of values from {low} to {high} to integers from {limits[0]} to {limits[1]} "
            "may wrap", node=node.name, hint="cast to int64",
        )  # fmt: skip
    made = read_functions.tabulate(reader, node, source, entries, "whole")
    reader.codes[node.outputs[0]] = Codes(made, np.ones(()), 0, low, high, limits=limits)


def _narrow(reader: Reader, node: SourceNode, narrowed: Callable[[Reals], Reals]) -> None:
    """A Cast of codes to a float of 16 bits: a table where that changes one of them.

    Raises:
        GraphError: One is beyond what the float holds.
    """
    source = reader.activation(node)
    codes, factor, addend = _scaled_codes(reader, source)
    if read_functions.is_of_codes(reader, codes):
        values = read_functions.values_of_codes(reader, codes) * factor + addend
        entries = narrowed(values)
        if not np.all(np.isfinite(entries)):
            raise GraphError(
                f"Cast of values from {values.min():g} to {values.max():g} to a float of 16 bits "
                "makes some infinite", node=node.name, hint="cast to float32, or scale them before",
            )  # fmt: skip
        if np.any(entries != values):
            made = read_functions.tabulate(reader, node, codes, entries, "narrow")
            reader.rename(node, made)
            return
    reader.rename(node, source)


def _scaled_codes(reader: Reader, source: str) -> tuple[str, float, float]:
    """A tensor, a factor and an addend that make `source`, as far back as these are numbers."""
    factor, addend = 1.0, 0.0
    while (maker := reader.makers.get(source)) is not None and maker.op in ("Add", "Mul"):
        number = reader.placed.get(maker.inputs[1])
        if number is None or number.size != 1:
            break
        value = float(number.reshape(-1)[0])
        factor, addend = (
            (factor * value, addend) if maker.op == "Mul" else (factor, addend + factor * value)
        )
        source = maker.inputs[0]
    return source, factor, addend


def where(reader: Reader, node: SourceNode) -> None:
    """Read Where: both choices, each kept or made 0, and added."""
    condition = node.inputs[0]
    shapes = [_shape(reader, name) for name in node.inputs]
    shape = common_shape(node, shapes)
    truth: str | None = None
    keep: Reals = np.ones(())
    if reader.is_activation(condition):
        truth = expanded(reader, node, _truth(reader, node, condition), shape, "condition")
    else:
        keep = reader.constant(node, 0, "the condition").astype(np.float64)
    terms: list[str] = []
    held: Reals | None = None
    for index, share in ((1, keep), (2, 1 - keep)):
        if not reader.is_activation(node.inputs[index]):
            values = reader.values(node, index, "a choice")
            if truth is None:
                held = share * values if held is None else held + share * values
            else:
                sign, addend = (1.0, np.zeros(())) if index == 1 else (-1.0, values)
                terms.append(reader.scaled(node, truth, sign * values, addend, f"choice{index}"))
            continue
        source = expanded(reader, node, reader.activation(node, index), shape, f"choice{index}")
        if truth is None:
            terms.append(reader.scaled(node, source, share, 0.0, f"choice{index}"))
            continue
        gate = truth if index == 1 else _inverted(reader, node, truth)
        terms.append(_gated(reader, node, gate, source, f"choice{index}"))
    made = terms[0] if len(terms) == 1 else reader.emit(node, "Add", (terms[0], terms[1]), "chosen")
    reader.rename(node, made if held is None else reader.scaled(node, made, 1.0, held, "held"))


def _shape(reader: Reader, name: str) -> tuple[int, ...]:
    if reader.is_activation(name):
        return reader.shape(reader.tensor(name))
    quantized = reader.quantized.get(name)
    return (reader.constants[name] if quantized is None else quantized.values).shape


def _gated(reader: Reader, node: SourceNode, truth: str, source: str, what: str) -> str:
    """A value where the truth holds, and 0 elsewhere: ``relu(x - low + W t - W) + low t``.

    `low` is the smallest value and `W` the width of all.

    Raises:
        GraphError: The values have no limits that are known.
    """
    limits = read_functions.limits_of(reader, source)
    if limits is None:
        raise GraphError(
            "Where must choose between constants and quantized tensors", node=node.name,
            hint="put a quantizer directly in front of what it chooses from",
        )  # fmt: skip
    low, width = limits[0], limits[1] - limits[0]
    lifted = reader.scaled(node, source, 1.0, -low, f"{what}_lifted")
    room = reader.scaled(node, truth, width, -width, f"{what}_room")
    kept = reader.emit(node, "Add", (lifted, room), f"{what}_sum")
    kept = reader.emit(node, "Relu", (kept,), f"{what}_kept")
    if not low:
        return kept
    back = reader.scaled(node, truth, low, 0.0, f"{what}_low")
    return reader.emit(node, "Add", (kept, back), what)


RULES: Mapping[str, Rule] = {
    "And": combine, "Cast": cast, "Equal": compare, "Greater": compare, "GreaterOrEqual": compare,
    "Less": compare, "LessOrEqual": compare, "Not": invert, "Or": combine, "Where": where,
    "Xor": combine,
}  # fmt: skip
"""How operators on truths are read between quantizers."""
