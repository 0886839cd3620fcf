"""The input encoder: from words of 16 bits of every feature to the codes that a design reads.

Published designs differ in what they call their input. Here all begin at the same place: a
standardized feature as a word of 16 bits, 6 of them before the point (``ap_fixed<16,6>``, hls4ml's
default for this task). A scale that is no power of two is a product with a constant of 16 bits.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from benchmarks.triggers.contestants import Unusable
from netwright.formats import Int, smallest_int
from netwright.ir import Graph, Node, TensorType, check

WORD_BITS, POINT = 16, 10
FACTOR_BITS = 16


def encoder(slopes: np.ndarray, offsets: np.ndarray, low: int, high: int, rounding: str) -> Graph:
    """Codes ``round(slope * feature + offset)``, limited, of words of 16 bits.

    Raises:
        Unusable: A slope or an offset is no number that a product of 16 bits can hold.
    """
    sizes = np.abs([*slopes, *offsets])
    if not np.all(np.isfinite(sizes)) or not 2.0**-30 <= np.max(np.abs(slopes)) < 2.0**20:
        raise Unusable("the scales of its inputs are not finite, or out of every range")
    exact = [Fraction(float(slope)) / 2**POINT for slope in slopes]
    if all((f.numerator == 1 and f.denominator & (f.denominator - 1) == 0) or f.denominator == 1
           for f in exact) and not np.any(offsets):  # fmt: skip
        shift = max(f.denominator.bit_length() - 1 for f in exact)
    else:
        largest = float(max(abs(f) for f in exact))
        shift = FACTOR_BITS - 1 - int(np.floor(np.log2(largest)))
    multipliers = tuple(round(f * 2**shift) for f in exact)
    moved = tuple(round(float(offset) * 2**shift) for offset in offsets)
    attrs = {
        "multiplier": multipliers, "offset": moved, "shift": shift, "axis": 1,
        "rounding": rounding, "low": low, "high": high,
    }  # fmt: skip
    count = len(multipliers)
    ends = -(1 << (WORD_BITS - 1)), (1 << (WORD_BITS - 1)) - 1
    quantize = {"scale": (2.0**-POINT,), "rounding": "floor", "low": ends[0], "high": ends[1]}
    types = {
        "x": TensorType((1, count)),
        "word": TensorType((1, count), Int(WORD_BITS), (2.0**-POINT,)),
        "code": TensorType((1, count), smallest_int(low, high), (1.0,)),
    }
    nodes = (
        Node("quantize", "Quantize", ("x",), "word", quantize),
        Node("encode", "Requantize", ("word",), "code", attrs),
    )
    return check(Graph("encoder", ("x",), ("code",), nodes, types, {}))


def of_graph(graph: Graph) -> Graph:
    """The encoder of a graph's own input quantizer; formats that wrap keep what words can hold."""
    quantizers = [node for node in graph.nodes if node.op == "Quantize"]
    if len(quantizers) != 1 or len(graph.types[quantizers[0].output].shape) != 2:
        raise Unusable("its inputs are not one row of features")
    node = quantizers[0]
    count = graph.types[node.output].shape[1]
    scale = np.broadcast_to(np.asarray(node.attrs["scale"], dtype=float), count)
    low, high = node.integer("low"), node.integer("high")
    largest = 2 ** (WORD_BITS - 1 - POINT) / float(scale.min())
    low, high = max(low, -int(largest)), min(high, int(largest) - 1)
    return encoder(1.0 / scale, np.zeros(count), low, high, str(node.attrs["rounding"]))
