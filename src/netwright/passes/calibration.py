"""Grids of quantizers, chosen on values that were seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.formats import Int, Rounding
from netwright.formats.scales import Ladder, least_error, peak_scales, sampling_stride
from netwright.ir import Array, AttrValue, Graph, Interpreter, Node
from netwright.ir.interpret import Values
from netwright.ir.ops.filters import filter_axis

ScaleKind = Literal["power-of-two", "float"]
ScaleRule = Literal["mse", "absmax"]
"""The scale of smallest mean squared error, or the one that clips nothing."""

_CHUNK_ROWS = 64
_SAMPLED_VALUES = 1 << 14
_LADDERS = {"power-of-two": Ladder(8), "float": Ladder(8, 4, single=True)}


def observe(graph: Graph, rows: Values, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Values that tensors take on the rows: smallest, largest, and a regular sample.

    Raises:
        DataError: There are no rows, or they do not fit.
    """
    interpreter = Interpreter.of(graph)
    arrays = interpreter.checked_inputs(rows)
    count = len(next(iter(arrays.values())))
    if not count:
        raise DataError("calibration needs at least one row")
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in names}
    chunks = range(0, count, _CHUNK_ROWS)
    for start in chunks:
        part = {name: array[start : start + _CHUNK_ROWS] for name, array in arrays.items()}
        values = interpreter.run(part, keep=[n for n in names if n not in graph.inputs])
        for name in names:
            seen = np.asarray(part.get(name, values.get(name)), dtype=np.float64)
            flat, size = seen.reshape(-1), math.prod(seen.shape[1:])
            stride = sampling_stride(flat.size * len(chunks), _SAMPLED_VALUES, row=size)
            found[name].append(np.concatenate([flat[::stride], [flat.min(), flat.max()]]))
    return {name: np.concatenate(parts) for name, parts in found.items()}


@dataclass(frozen=True, slots=True)
class QuantGrid:
    """The grid of one quantizer: format of the codes, and one scale or one for each channel."""

    dtype: Int
    scale: tuple[float, ...]
    axis: int | None = None

    @property
    def attrs(self) -> dict[str, AttrValue]:
        """The attributes of its ``Quant`` node."""
        return {
            "scale": self.scale,
            "axis": self.axis,
            "zero_point": 0,
            "bits": self.dtype.bits,
            "signed": int(self.dtype.signed),
            "narrow": 0,
            "rounding": str(Rounding.HALF_EVEN),
        }


def activation_grid(
    values: NDArray[np.float64], bits: int, scale: ScaleKind, rule: ScaleRule = "mse"
) -> QuantGrid:
    """The grid for a tensor that takes these values.

    Raises:
        ConfigError: It takes negative values and has 1 bit.
    """
    signed = bool(values.min() < 0)
    if signed and bits < 2:
        raise ConfigError(f"input_bits must be 2 or more for negative values, not {bits}")
    dtype = Int(bits, signed)
    return QuantGrid(dtype, tuple(_best_scales(values[None], dtype, scale, rule)))


def weight_grid(
    graph: Graph, node: Node, bits: int, scale: ScaleKind, rule: ScaleRule = "mse"
) -> QuantGrid:
    """The grid of a product's weights: a scale for each output channel."""
    weights = np.asarray(graph.constants[node.inputs[1]], dtype=np.float64)
    axis = filter_axis(node, weights.shape)
    rows = np.moveaxis(weights, axis, 0)
    dtype = Int(bits)
    found = _best_scales(rows.reshape(len(rows), -1), dtype, scale, rule)
    return QuantGrid(dtype, tuple(found), axis)


def _best_scales(
    rows: NDArray[np.float64], dtype: Int, kind: ScaleKind, rule: ScaleRule
) -> list[float]:
    """For each row of values the scale that the rule chooses."""
    low = float(dtype.min) if dtype.signed else float(dtype.max)
    peaks = np.maximum(rows.max(axis=1) / dtype.max, rows.min(axis=1) / (low if low < 0 else -low))
    candidates = _LADDERS[kind].below(peak_scales(np.maximum(peaks, 0.0)))
    if rule == "absmax":
        return [float(scale) for scale in candidates[0]]
    scales, _ = least_error(rows, dtype, candidates)
    return [float(scale) for scale in scales]


def quantized_weights(graph: Graph, node: Node, grid: QuantGrid) -> Array:
    """The real values that the weights of a product have on a grid."""
    values = np.moveaxis(np.asarray(graph.constants[node.inputs[1]]), grid.axis or 0, 0)
    scale = np.array(grid.scale).reshape(-1, *(1,) * (values.ndim - 1))
    codes = np.clip(np.rint(values / scale), grid.dtype.min, grid.dtype.max)
    return np.moveaxis(codes * scale, 0, grid.axis or 0)
