"""``MultiThreshold`` of FINN and qonnx: how many thresholds a value reaches."""

from __future__ import annotations

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import real, text
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.read_quant import MAX_QUANTIZER_BITS
from netwright.exchange.qonnx.reader import Reader, Reals
from netwright.exchange.steps import lowest_exponent
from netwright.ir import AttrValue

MAX_COMPARED = 255
"""Most thresholds that become comparisons of their own."""

_FEW = 15
"""Up to so many thresholds, comparisons are as small as a quantizer."""


def multi_threshold(reader: Reader, node: SourceNode) -> None:
    """Read MultiThreshold: a quantizer that rounds down where the thresholds are evenly spaced.

    Elsewhere each threshold is a comparison, and the results are added; both are exact. Real inputs
    are compared one by one, too: their format holds the sign of each difference, though not the sum
    from which a quantizer would round down. Where thresholds are many, real inputs are rounded down
    to a grid that holds all of them first.
    """
    source = reader.activation(node)
    rank = len(reader.shape(source))
    thresholds = reader.reals(node, 1, "the thresholds")
    channel = rank - 1 if text(node, "data_layout", "NCHW").endswith("C") and rank > 2 else 1
    extent = reader.shape(source)[channel] if rank > 1 else 0
    if thresholds.ndim != 2 or thresholds.shape[0] not in (1, extent) or not thresholds.size:
        raise GraphError(
            f"thresholds of shape {thresholds.shape} do not suit {extent} channels", node=node.name
        )
    scale, bias = real(node, "out_scale", 1.0), real(node, "out_bias", 0.0)
    rows = np.sort(thresholds, axis=1)
    step = _even(rows)
    few = MAX_COMPARED if source in reader.precisions else _FEW
    if rows.shape[1] > few and step is not None:
        if source in reader.precisions:
            source = _on_grid(reader, node, source, float(rows[0, 0]), float(rows[0, -1]), step)
        _round_down(reader, node, source, float(rows[0, 0]), step, rows.shape[1], scale, bias)
        return
    if rows.shape[1] > MAX_COMPARED:
        raise GraphError(
            f"{rows.shape[1]} thresholds that are not evenly spaced; at most {MAX_COMPARED} are "
            "supported",
            node=node.name,
            hint="read the QONNX file from which they were made",
        )
    _compare(reader, node, source, rows, channel, scale, bias)


def _even(rows: Reals) -> float | None:
    """The distance of thresholds that lie on one grid, exactly; ``None`` where they do not."""
    if rows.shape[0] != 1 or rows.shape[1] < 2:
        return None
    row = rows[0]
    step = float(row[1] - row[0])
    even = step > 0 and np.array_equal(row, row[0] + step * np.arange(len(row)))
    return step if even else None


def _round_down(
    reader: Reader,
    node: SourceNode,
    source: str,
    first: float,
    step: float,
    count: int,
    scale: float,
    bias: float,
) -> None:
    moved = reader.scaled(node, source, 1.0, step - first, "first")
    bits = count.bit_length()
    attrs: dict[str, AttrValue] = {
        "bits": bits,
        "signed": 0,
        "narrow": 0,
        "rounding": "floor",
        "zero_point": 0,
        "scale": (step,),
        "axis": None,
    }
    made = reader.emit(node, "Quant", (moved,), "count", attrs)
    if count != (1 << bits) - 1:
        limits: dict[str, AttrValue] = {"low": (0.0,), "high": (count * step,)}
        made = reader.emit(node, "Clip", (made,), "clipped", limits)
    reader.rename(node, reader.scaled(node, made, scale / step, bias, "out"))


def _on_grid(reader: Reader, node: SourceNode, source: str, first: float, last: float,
             step: float) -> str:  # fmt: skip
    """Real values rounded down to a grid of a power of two that holds every threshold.

    Nothing is added to the values, so what they are rounded to reaches the same thresholds.
    """
    grid = 2.0 ** min(0, lowest_exponent(np.array([first, step])))
    low, high = first / grid - 1, last / grid
    signed = low < 0
    bits = max(int(high), int(-low - 1), 1).bit_length() + signed
    if bits > MAX_QUANTIZER_BITS:
        raise GraphError(
            f"more than {MAX_COMPARED} thresholds on an input of real values, from {first:g} to "
            f"{last:g} on a grid of {grid:g}: its codes have {bits} bits, more than "
            f"{MAX_QUANTIZER_BITS}",
            node=node.name,
            hint="quantize the input first: with a Quant, or with --input-quant BITS,SCALE",
        )
    attrs: dict[str, AttrValue] = {
        "bits": bits,
        "signed": int(signed),
        "narrow": 0,
        "rounding": "floor",
        "zero_point": 0,
        "scale": (grid,),
        "axis": None,
        "precision": reader.precisions[source],
    }
    return reader.emit(node, "Quant", (source,), "grid", attrs)


def _compare(
    reader: Reader,
    node: SourceNode,
    source: str,
    rows: Reals,
    channel: int,
    scale: float,
    bias: float,
) -> None:
    rank, count = len(reader.shape(source)), rows.shape[1]
    sign: dict[str, AttrValue] = {"scale": (1.0,), "axis": None}
    if source in reader.precisions:
        sign["precision"] = reader.precisions[source]
    total = ""
    for index in range(count):
        level = rows[:, index]
        shaped = level.reshape([-1 if i == channel else 1 for i in range(rank)])
        shaped = shaped.reshape(()) if level.size == 1 else shaped
        moved = reader.scaled(node, source, 1.0, -shaped, f"level{index}")
        reached = reader.emit(node, "BipolarQuant", (moved,), f"reached{index}", sign)
        total = reader.emit(node, "Add", (total, reached), f"sum{index}") if total else reached
    made = reader.scaled(node, total, scale / 2, bias + scale * count / 2, "out")
    reader.rename(node, made)
