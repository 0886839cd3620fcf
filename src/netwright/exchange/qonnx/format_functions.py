"""Quantizers to number formats as functions of plain ONNX operators: their dense twin.

A node of our domain says what it is in its attributes. The function of its name, which stands in
the same file, does it with standard operators in float64, so that tools that know nothing of us
execute the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import NumericsError, require
from netwright.exchange.onnx.file_model import replace_all
from netwright.exchange.onnx.vocabulary import OPSET, QUANT_DOMAIN
from netwright.formats import BlockScaled, NumberFormat, OutlierPairs
from netwright.ir import Node
from netwright.ir.ops.format_quant import format_of

Reals = NDArray[np.float64]

MAX_TABLE = 512
"""Magnitudes of a format that is written as comparisons with all of them."""


@dataclass(frozen=True, slots=True)
class Twin:
    """What decides the function of a quantizer.

    Attributes:
        number: The number format.
        group_axis: The axis along which neighbors are coded together, 0 or more.
        rank: Number of axes of the tensor.
    """

    number: NumberFormat
    group_axis: int
    rank: int

    @classmethod
    def of(cls, node: Node, rank: int) -> Twin:
        """That of a ``FormatQuant`` node on a tensor of `rank` axes.

        Raises:
            GraphError: Its attributes describe no format.
        """
        format = format_of(node)
        return cls(format.number, format.group_axis % rank, rank)

    @property
    def name(self) -> str:
        """Name of the operator, and of the function that does it."""
        text = "".join(c if c.isalnum() else "_" for c in str(self.number))
        return f"FormatQuant_{text}_axis{self.group_axis}of{self.rank}"


def twin_function(twin: Twin) -> Any:
    """The function: inputs are the tensor and its scale, which broadcasts; the result is float32.

    Raises:
        NumericsError: There is no such function of the format.
    """
    return _made(twin)


@lru_cache(maxsize=64)
def _made(twin: Twin) -> Any:
    onnx = require("onnx", extra="qonnx", purpose="writing QONNX")
    body = _Body(onnx)
    wide = {"to": onnx.TensorProto.DOUBLE}
    scale = body.add("Cast", "scale", **wide)
    steps = body.add("Div", body.add("Cast", "values", **wide), scale)
    number, last = twin.number, twin.rank - 1
    order = [*(i for i in range(twin.rank) if i != twin.group_axis), twin.group_axis]
    is_moved = number.group > 1 and twin.group_axis != last
    if is_moved:
        steps = body.add("Transpose", steps, perm=order)
    if isinstance(number, OutlierPairs):
        made = _pairs(body, steps, number, twin.rank)
    elif isinstance(number, BlockScaled):
        made = _blocks(body, steps, number, twin.rank)
    else:
        made = _nearest(body, steps, number)
    if is_moved:
        back = [order.index(i) for i in range(twin.rank)]
        made = body.add("Transpose", made, perm=back)
    body.add("Cast", body.add("Mul", made, scale), to=onnx.TensorProto.FLOAT, output="made")
    return onnx.helper.make_function(
        QUANT_DOMAIN,
        twin.name,
        ["values", "scale"],
        ["made"],
        body.nodes,
        [onnx.helper.make_opsetid("", OPSET)],
        attributes=["number", "group_axis"],
    )


class _Body:
    """Nodes of a function; each result has the number of its node as name."""

    def __init__(self, onnx: Any) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []

    def add(self, op: str, *inputs: str, output: str = "", count: int = 1, **attrs: Any) -> str:
        name = output or f"t{len(self.nodes)}"
        outputs = [name] if count == 1 else [f"{name}_{i}" for i in range(count)]
        self.nodes.append(self.onnx.helper.make_node(op, inputs, outputs, **attrs))
        return name

    def constant(self, values: Any, kind: type[np.generic] = np.float64) -> str:
        tensor = self.onnx.numpy_helper.from_array(np.asarray(values, kind))
        return self.add("Constant", value=tensor)

    def shaped(self, tensor: str, shape: list[int]) -> str:
        return self.add("Reshape", tensor, self.constant(shape, np.int64))

    def last_axis(self, tensor: str) -> str:
        return self.add("Unsqueeze", tensor, self.constant([-1], np.int64))

    def entry(self, tensor: str, borders: Reals, table: Reals) -> str:
        """The entry of a table whose place is the number of borders below each value."""
        above = self.add("Greater", self.last_axis(tensor), self.constant(borders))
        counted = self.add("Cast", above, to=self.onnx.TensorProto.INT64)
        axes = self.constant([-1], np.int64)
        place = self.add("ReduceSum", counted, axes, keepdims=0)
        return self.add("Gather", self.constant(table), place)


def _borders(magnitudes: Reals, nearest: Callable[[Reals], Reals]) -> Reals:
    """Beyond which values the next magnitude is nearer; a tie that goes up lies beyond."""
    if len(magnitudes) > MAX_TABLE:
        raise NumericsError(
            f"formats of more than {MAX_TABLE} magnitudes have no function of ONNX operators"
        )
    middles = np.array([(low + high) / 2 for low, high in pairwise(magnitudes)])
    goes_up = nearest(middles) > middles
    return np.where(goes_up, np.nextafter(middles, -np.inf), middles)


def _magnitudes(number: NumberFormat) -> Reals:
    """Magnitudes of a format of one element, ascending, 0 first."""
    if number.bits > 8 or not number.signed or number.min != -number.max:
        raise NumericsError(f"{number} has no function of ONNX operators")
    every = number.decode(np.arange(1 << number.bits, dtype=np.uint64)).astype(np.float64)
    every = np.abs(every[number.allowed(every)])
    return np.unique(every)


def _nearest(body: _Body, values: str, number: NumberFormat) -> str:
    """The nearest values of a format of one element: its magnitude by a table, then the sign."""
    magnitudes = _magnitudes(number)

    def nearest(middles: Reals) -> Reals:
        return number.decode(number.encode(middles)).astype(np.float64)

    near = body.entry(body.add("Abs", values), _borders(magnitudes, nearest), magnitudes)
    return body.add("Mul", near, body.add("Sign", values))


def _pairs(body: _Body, values: str, pairs: OutlierPairs, rank: int) -> str:
    """The nearest values of the union of both grids; then zeros beside outliers."""
    grouped = body.shaped(values, [*[0] * (rank - 1), -1, 2])
    grid = np.array([*pairs.normals, *pairs.outliers], np.float64)
    borders = (grid[1:] + grid[:-1]) / 2
    near = body.entry(body.add("Abs", grouped), borders, grid)
    halves = body.add("Split", near, axis=rank, count=2)
    first, second = f"{halves}_0", f"{halves}_1"
    top, zero = body.constant(float(pairs.normals[-1])), body.constant(0.0)
    keeps_first = body.add("Greater", first, top)
    if pairs.rule == "larger":
        smaller = body.add("Less", first, second)
        keeps_first = body.add("And", keeps_first, body.add("Not", smaller))
    keeps_second = body.add("Greater", second, top)
    keeps_second = body.add("And", keeps_second, body.add("Not", keeps_first))
    left = body.add("Where", keeps_second, zero, first)
    right = body.add("Where", keeps_first, zero, second)
    kept = body.add("Concat", left, right, axis=rank)
    signed = body.add("Mul", kept, body.add("Sign", grouped))
    return body.shaped(signed, [*[0] * (rank - 1), -1])


def _blocks(body: _Body, values: str, blocks: BlockScaled, rank: int) -> str:
    """Elements under the usual scale of their group, or under one that is exact."""
    grouped = body.shaped(values, [*[0] * (rank - 1), -1, blocks.group])
    low, high = body.constant(blocks.min), body.constant(blocks.max)
    grouped = body.add("Clip", grouped, low, high)
    largest = body.add("ReduceMax", body.add("Abs", grouped), axes=[-1], keepdims=1)
    usual, others = _scales(body, largest, blocks)
    wide = body.last_axis(grouped)  # (..., groups, group, 1), against (..., groups, 1, scales)
    usual = body.last_axis(usual)
    keeps = _is_exact(body, wide, usual, blocks)
    found = _is_exact(body, wide, others, blocks)
    zero = body.constant(0.0)
    exact = body.add("Where", found, others, zero)
    other = body.add("ReduceMax", exact, axes=[-1], keepdims=1)
    usable = body.add("And", body.add("Greater", other, zero), body.add("Not", keeps))
    scale = body.add("Where", usable, other, usual)
    made = body.add("Mul", _elements(body, wide, scale, blocks), scale)
    return body.shaped(made, [*[0] * (rank - 1), -1])


def _elements(body: _Body, groups: str, scales: str, blocks: BlockScaled) -> str:
    zero, one = body.constant(0.0), body.constant(1.0)
    some = body.add("Greater", scales, zero)
    steps = body.add("Div", groups, body.add("Where", some, scales, one))
    return _nearest(body, body.add("Where", some, steps, zero), blocks.element)


def _is_exact(body: _Body, groups: str, scales: str, blocks: BlockScaled) -> str:
    """Whether all values of a group are elements times a scale: (..., groups, 1, scales)."""
    made = body.add("Mul", _elements(body, groups, scales, blocks), scales)
    same = body.add("Cast", body.add("Equal", made, groups), to=body.onnx.TensorProto.FLOAT)
    least = body.add("ReduceMin", same, axes=[-2], keepdims=1)
    return body.add("Greater", least, body.constant(0.5, np.float32))


def _scales(body: _Body, largest: str, blocks: BlockScaled) -> tuple[str, str]:
    """The usual scale of each group (..., groups, 1), and others that may be exact.

    The others have one axis more; those that are no scales are 0.
    """
    words = np.arange(256, dtype=np.uint64)
    if isinstance(blocks.scale, str):
        table = np.exp2(np.arange(255) - 127.0)
        _, top = np.frexp(blocks.element.max)
        borders = np.nextafter(table[1:] * np.exp2(top - 1.0), -np.inf)
        usual = body.entry(largest, borders, table)
        next_up = body.add("Mul", usual, body.constant(2.0))
        inside = body.add("Less", usual, body.constant(table[-1]))
        return usual, body.last_axis(body.add("Where", inside, next_up, body.constant(0.0)))
    scale = blocks.scale
    table = scale.decode(words).astype(np.float64)
    table = np.unique(table[np.isfinite(table) & (table >= 0)])

    def nearest(middles: Reals) -> Reals:
        return scale.decode(scale.encode(middles)).astype(np.float64)

    borders = _borders(table, nearest)
    usual = body.entry(body.add("Div", largest, body.constant(blocks.element.max)), borders, table)
    steps = _magnitudes(blocks.element)[1:]
    wanted = body.add("Div", body.last_axis(largest), body.constant(steps))
    near = body.entry(wanted, borders, table)
    same = body.add("Equal", near, wanted)
    return usual, body.add("Where", same, near, body.constant(0.0))


def without_functions(onnx: Any, model: Any) -> Any:
    """The model with standard operators in the place of our own quantizers; itself without such."""
    if not any(function.domain == QUANT_DOMAIN for function in model.functions):
        return model
    inliner = require("onnx.inliner", extra="qonnx", purpose="writing a dense file")
    made = inliner.inline_local_functions(model)
    replace_all(made.opset_import, [e for e in made.opset_import if e.domain != QUANT_DOMAIN])
    return onnx.shape_inference.infer_shapes(made)
