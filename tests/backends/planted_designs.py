"""Nine tiny designs of every kind, whose input codes can all be tried."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from netwright.backends import hls, rtl
from netwright.formats import Int
from netwright.ir import Graph
from tests.backends.hls.graphs import Build
from tests.backends.planted import Design


def dense() -> Graph:
    """3-3-2 with multipliers and offsets; 4096 inputs."""
    build = Build("dense")
    hidden = build.requantize(
        build.dense(build.quantize((3,), bits=4), 3, bits=3, bias_bits=5),
        multiplier=(3, 5, 4), offset=(2, -3, 1), axis=1, bits=4, shift=4,
    )  # fmt: skip
    total = build.dense(hidden, 2, bits=3, bias_bits=4)
    return build.graph(build.requantize(total, bits=4, signed=True, shift=2))


def convolution() -> Graph:
    """A sequence of three, a kernel of two, a pool; 4096 inputs."""
    build = Build("conv")
    first = build.conv(build.quantize((1, 3), bits=4), 2, (2,), bits=3)
    pooled = build.pool("MaxPool", build.requantize(first, bits=3, shift=3), (2,), (2,))
    return build.graph(build.dense(build.flatten(pooled), 2, bits=3, bias_bits=4))


def tables() -> Graph:
    """3-2 functions, their sums; 4096 inputs."""
    build = Build("tables")
    own = build.constant(build.random.integers(-9, 10, (3, 2, 16)), Int(5))
    looked = build.add("Lookup", (build.quantize((3,), bits=4), own), {"first": -8})
    ones = build.constant(np.tile(np.eye(2, dtype=np.int64), (3, 1)))
    total = build.add("MatMul", (looked, ones))
    return build.graph(build.requantize(total, bits=4, signed=True, shift=2))


DESIGNS: dict[str, Callable[[Path], Design]] = {
    "hls latency": lambda folder: hls().generate(dense(), folder),
    "hls resource": lambda folder: hls(strategy="resource", reuse_factor=3).generate(
        dense(), folder
    ),
    "hls streams": lambda folder: hls(io_type="io_stream").generate(convolution(), folder),
    "hls tables": lambda folder: hls().generate(tables(), folder),
    "rtl unrolled": lambda folder: rtl(adders_per_stage=1).generate(dense(), folder),
    "rtl convolution": lambda folder: rtl().generate(convolution(), folder),
    "rtl tables": lambda folder: rtl().generate(tables(), folder),
    "rtl streams": lambda folder: rtl(reuse_factor=3).generate(dense(), folder),
    "rtl loadable": lambda folder: rtl(reuse_factor=3, weights="loadable").generate(
        dense(), folder
    ),
}
