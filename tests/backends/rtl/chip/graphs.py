"""Networks for the tests of chips, and charges for them."""

from collections.abc import Sequence

import numpy as np

from netwright.ir import Graph
from tests.backends.hls.graphs import Build

PUBLISHED = {
    "8x8": {"shape": (1, 8, 8), "filters": 8, "strides": 2, "pads": (0, 0, 1, 1)},
    "4x4x3": {"shape": (3, 4, 4), "filters": 8, "strides": 1, "pads": 1},
}
"""The two published encoders, which end in 16 outputs of 9 bits."""


def encoder(
    seed: int = 0,
    *,
    shape: tuple[int, int, int] = (1, 4, 4),
    filters: int = 2,
    strides: int = 2,
    pads: Sequence[int] | int = 1,
    outputs: int = 4,
) -> Graph:
    """Convolution 3x3, ReLU, dense, ReLU with random weights of 6 bits; 9 bits come out."""
    build = Build("encoder", seed)
    source = build.quantize(shape, bits=8, signed=False, scale=2.0**-7)
    hidden = build.conv(source, filters, (3, 3), bits=6, strides=strides, pads=pads, bias_bits=13)
    hidden = build.requantize(hidden, bits=8, shift=5, rounding="half-up")
    flat = build.add("Reshape", (hidden,), {"shape": (1, int(np.prod(build.types[hidden].shape)))})
    sums = build.dense(flat, outputs, bits=6, bias_bits=13)
    return build.graph(build.requantize(sums, bits=9, shift=7, rounding="half-up"))


def dense(seed: int = 0, *, inputs: int = 4, outputs: int = 2) -> Graph:
    """The smallest network that a chip can hold: one layer, two outputs of 9 bits."""
    build = Build("dense", seed)
    source = build.quantize((inputs,), bits=8, signed=False, scale=2.0**-7)
    sums = build.dense(source, outputs, bits=6, bias_bits=13)
    return build.graph(build.requantize(sums, bits=9, shift=4, rounding="half-up"))
