"""Functions of one value, and tables of vectors, as lookup tables of codes.

Whatever function a quantized tensor goes through, it has few codes: the function is a table of
them. Entries are computed in float64 by ONNX's reference implementation.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import axis, integer
from netwright.exchange.onnx.evaluate import evaluate
from netwright.exchange.onnx.functions import FUNCTIONS as EXACT
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.reader import Codes, Reader, Reals
from netwright.ir import AttrValue, Node, Note
from netwright.passes.code_functions import MAX_ENTRIES, codes_of, is_tabulated
from netwright.passes.integerize_quant import is_plain_quantizer

FUNCTIONS = frozenset(
    {
        "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu", "Cos", "Cosh",
        "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Log", "Mish", "Mod",
        "Pow", "Reciprocal", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh",
        "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu",
    }
)  # fmt: skip
"""Operators that change each value by itself, whatever else they read being one constant each."""

_MOVING = ("Clip", "MaxPool", "Relu", "Reshape", "Slice", "Transpose")
"""Operators whose results lie on the grid of what they read."""

_EXACTLY = ("MaxPool", "Relu", "Reshape", "Slice", "Transpose")
"""Those whose limits are no others than codes have."""


def function(reader: Reader, node: SourceNode) -> None:
    """Read a function of a quantized tensor.

    Raises:
        GraphError: It reads no quantized tensor, or one with too many codes or several scales, or
            has no finite value for a code.
    """
    data = [name for name in node.inputs if name and reader.is_activation(name)]
    if len(data) != 1:
        raise GraphError(
            f"{node.op} of several activations is not supported",
            node=node.name,
            hint="make all inputs but one constants of one value, or do it on the host",
        )
    source = reader.tensor(data[0])
    maker = _quantizer(reader, source)
    values: Reals | None = None
    if not is_tabulated(reader.makers.get(source)) and (found := reader.functions_of_one([source])):
        source, (values,) = found
        maker = reader.makers[source]
    if maker is None:
        raise GraphError(
            f"{node.op} {reader.no_function}", node=node.name, hint=reader.function_hint
        )
    scale, (low, high) = maker.reals("scale")[0], codes_of(maker)
    if not is_tabulated(maker):
        raise GraphError(
            f"{node.op} must read at most {MAX_ENTRIES} codes of one scale, not {high - low + 1} "
            f"of {len(maker.reals('scale'))}",
            node=node.name,
            hint="quantize what it reads to 16 bits or fewer, with one scale for the tensor",
        )
    if values is None:
        values = np.arange(low, high + 1, dtype=np.float64) * scale
    tabulate(reader, node, source, _entries(reader, node, data[0], values.reshape(-1)))


def tabulate(
    reader: Reader, node: SourceNode, source: str, entries: Reals, output: str | None = None
) -> str:
    """Add a table with one entry for each code of a quantized tensor, moved or not."""
    maker = _quantizer(reader, source)
    assert maker is not None
    codes = reader.scaled(node, source, 1 / maker.reals("scale")[0], 0.0, "codes")
    features = reader.shape(codes)[-1]
    tables = reader.place_values(f"{node.name}.table", np.tile(entries, (features, 1, 1)))
    attrs: dict[str, AttrValue] = {"first": codes_of(maker)[0]}
    return reader.emit(node, "Lookup", (codes, tables), output, attrs)


def embedding(reader: Reader, node: SourceNode) -> None:
    """Read a Gather that takes vectors of a constant table by integers of the graph.

    Raises:
        GraphError: The vectors do not lie along the first axis, or the indices have no limits.
    """
    name = node.inputs[0]
    quantized = reader.quantized.get(name)
    scale = 1.0
    if quantized is not None and quantized.scale.size == 1:
        scale = float(quantized.scale.reshape(-1)[0])
    values = reader.values(node, 0, "the table") / scale
    along = axis(node, integer(node, "axis", 0), values.ndim)
    if along != 0 or (values.ndim < 2 and not _is_of_codes(reader, node)):
        raise GraphError(
            "vectors must be taken along the first axis of a table",
            node=node.name,
            hint="export the table transposed, so that axis is 0",
        )
    source = reader.activation(node, 1)
    if _gathered(reader, node, source, values * scale):
        return
    maker = _quantizer(reader, source)
    if maker is None or maker.reals("scale") != (1.0,):
        raise GraphError(
            "the indices must be an integer input",
            node=node.name,
            hint="let the network take its indices as an int64 input of their own",
        )
    rows, shape = values.reshape(len(values), -1), reader.shape(source)
    if scale != 1:
        rows = np.rint(rows)
    told = f"indices are from 0 to {len(rows) - 1}; smaller and larger ones are taken for these"
    reader.notes.append(Note(node.name, told))
    limits: dict[str, AttrValue] = {"low": (0.0,), "high": (len(rows) - 1.0,)}
    inside = reader.emit(node, "Clip", (source,), "inside", limits)
    places = reader.emit(node, "Reshape", (inside,), "places", {"shape": (*shape, 1)})
    tables = reader.place_values(f"{node.name}.table", rows.T[None])
    made = reader.emit(node, "Lookup", (places, tables), "vectors", {"first": 0})
    made = reader.scaled(node, made, scale, 0.0, "vectors")
    reader.emit(node, "Reshape", (made,), attrs={"shape": (*shape, *values.shape[1:])})


def whole_codes(reader: Reader, name: str) -> Codes | None:
    """The codes that a tensor of the file holds as whole numbers, if it is known to.

    It is what a quantizer of step 1 makes, or another one's values divided by its step.
    """
    return _held(reader, reader.tensor(name)) if reader.is_activation(name) else None


def _held(reader: Reader, tensor: str) -> Codes | None:
    """The same of a tensor of the graph."""
    factor = 1.0
    maker = reader.makers.get(tensor)
    if maker is not None and maker.op == "Mul":
        constants = [reader.placed[read] for read in maker.inputs if read in reader.placed]
        if len(constants) != 1 or constants[0].size != 1:
            return None
        factor = float(constants[0].reshape(()))
        (source,) = (read for read in maker.inputs if read not in reader.placed)
        maker = _quantizer(reader, source, through=_EXACTLY)
    else:
        maker = _quantizer(reader, tensor, through=_EXACTLY)
    if maker is None or len(maker.reals("scale")) > 1 or maker.reals("scale")[0] * factor != 1:
        return None
    low, high = codes_of(maker)
    return Codes(tensor, np.ones(()), 0, low, high)


def _is_of_codes(reader: Reader, node: SourceNode) -> bool:
    """Whether a Gather takes values by integers with limits that are no input."""
    codes = reader.codes.get(node.inputs[1]) if len(node.inputs) > 1 else None
    return codes is not None and codes.limits is not None and codes.maker is None


def _gathered(reader: Reader, node: SourceNode, source: str, values: Reals) -> bool:
    """Read a Gather of values by codes, with a constant for each feature added or not.

    Raises:
        GraphError: A code leaves the table.
    """
    if not _is_of_codes(reader, node) or values.ndim > 2:
        return False
    moved, added = np.zeros(1), reader.makers.get(source)
    if added is not None and added.op == "Add":
        constants = [read for read in added.inputs if read in reader.placed]
        (inner,) = (read for read in added.inputs if read not in reader.placed)
        known = reader.placed[constants[0]] if len(constants) == 1 else np.zeros((1, 1))
        if known.shape in ((), (1,), (reader.shape(inner)[-1],)):
            moved, source = known.reshape(-1), inner
    codes = _held(reader, source)
    if codes is None:
        return False
    least, most = codes.low + int(moved.min()), codes.high + int(moved.max())
    if least < 0 or most >= len(values):
        raise GraphError(
            f"places from {least} to {most} are beyond a table of {len(values)} values",
            node=node.name,
            hint="give the table one value for every code",
        )
    shape = reader.shape(source)
    rows = values.reshape(len(values), -1)
    places = moved.astype(np.int64)[:, None] + np.arange(codes.low, codes.high + 1)
    tables = np.broadcast_to(
        rows[places].transpose(0, 2, 1), (shape[-1], rows.shape[1], places.shape[1])
    )
    table = reader.place_values(f"{node.name}.table", tables)
    attrs: dict[str, AttrValue] = {"first": codes.low}
    if added is not None and source != added.output and reader.uses[node.inputs[1]] == 1:
        reader.nodes.remove(added)
    if values.ndim == 1:
        reader.emit(node, "Lookup", (source, table), attrs=attrs)
        return True
    made = reader.emit(node, "Lookup", (source, table), "vectors", attrs)
    reader.emit(node, "Reshape", (made,), attrs={"shape": (*shape, rows.shape[1])})
    return True


def _quantizer(reader: Reader, tensor: str, through: tuple[str, ...] = _MOVING) -> Node | None:
    """The quantizer whose codes a tensor holds, if only moves lie between."""
    makers = reader.makers
    node = makers.get(tensor)
    while node is not None and node.op in through:
        node = makers.get(node.inputs[0])
    return node if node is not None and is_plain_quantizer(node) else None


def is_of_codes(reader: Reader, tensor: str) -> bool:
    """Whether a tensor of the graph holds codes of one scale, few enough for a table."""
    return is_tabulated(_quantizer(reader, tensor))


def values_of_codes(reader: Reader, tensor: str) -> Reals:
    """The real values of the codes of a quantized tensor, in order."""
    maker = _quantizer(reader, tensor)
    assert maker is not None
    low, high = codes_of(maker)
    return np.arange(low, high + 1, dtype=np.float64) * maker.reals("scale")[0]


def limits_of(reader: Reader, tensor: str) -> tuple[float, float] | None:
    """The smallest and the largest value of a quantized tensor; ``None`` for others."""
    maker = _quantizer(reader, tensor)
    if maker is None:
        return None
    low, high = codes_of(maker)
    scale = max(maker.reals("scale"))
    return min(low * scale, 0.0), max(high * scale, 0.0)


def _entries(reader: Reader, node: SourceNode, data: str, values: Reals) -> Reals:
    """Results for every value; constants that it reads besides are one value each."""
    known = {data: values}
    for index, name in enumerate(node.inputs):
        if name and name != data:
            known[name] = reader.values(node, index, f'the constant "{name}"')
            if known[name].size != 1:
                raise GraphError(
                    f"{node.op} with a constant of more than one value is not supported",
                    node=node.name,
                    hint="Add, Mul, Div and PRelu take a constant for each channel",
                )
    if node.op in EXACT and len(known) == 1:
        made = EXACT[node.op](values, node.attrs)
    else:
        only = replace(node, outputs=node.outputs[:1])
        made = evaluate(only, known, reader.source.opsets)[node.outputs[0]]
    found = np.asarray(made, dtype=np.float64).reshape(-1)
    if found.size != values.size or not np.all(np.isfinite(found)):
        at = values[int(np.argmin(np.isfinite(found)))] if found.size == values.size else 0.0
        raise GraphError(
            f"{node.op} has no finite value for {at:g}, which its quantizer makes",
            node=node.name,
            hint="put a Clip behind the quantizer that keeps values for which it has one",
        )
    return found
