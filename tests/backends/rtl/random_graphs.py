"""Small random graphs of every kind the interpreter runs, and random options to make them with."""

from typing import Any

import numpy as np

from netwright.backends.rtl import RtlBackend, rtl
from netwright.backends.rtl.reuse import PRODUCTS, accepted, product_shape
from netwright.formats import Int, Rounding
from netwright.ir import Graph
from tests.backends.hls.graphs import Build


def random_graph(seed: int) -> Graph:
    """A vector, a signal or an image, a few layers, perhaps a residual sum, a dense end."""
    build = Build(f"net_{seed}", seed)
    random = build.random
    rank = seed % 3
    extents = tuple(int(extent) for extent in random.integers(4, 8, rank))
    channels = int(random.integers(1, 4)) if rank else int(random.integers(3, 8))
    value = build.quantize((channels, *extents), bits=int(random.integers(2, 6)),
                           signed=bool(random.integers(2)))  # fmt: skip
    outputs = []
    for _ in range(int(random.integers(1, 4))):
        value = _layer(build, value, rank)
        if rank and random.random() < 0.3 and max(build.types[value].shape[2:]) <= 7:
            value = _larger(build, value, rank)
        if random.random() < 0.3:
            value = _residual(build, value, rank)
        if random.random() < 0.25:
            value = _part(build, value)
        if random.random() < 0.2:
            outputs.append(value)
    if rank:
        value = build.flatten(value)
    value = build.dense(value, int(random.integers(2, 5)), bits=3, bias_bits=5)
    return build.graph(*dict.fromkeys([*outputs, value]))


def random_backend(graph: Graph, seed: int, *, streams: bool) -> RtlBackend:
    """Options for either architecture, with accepted reuse factors."""
    random = np.random.default_rng(seed)
    adders = [None, 1, 2, 4][int(random.integers(4))]
    if not streams:
        return rtl(adders_per_stage=adders)
    factors = {}
    for node in graph.nodes:
        if node.op in PRODUCTS:
            _, inputs, sums = product_shape(node, graph)
            factors[node.name] = int(random.choice(accepted(inputs, sums)))
    weights: Any = "loadable" if random.random() < 0.3 else "fixed"
    return rtl(adders_per_stage=adders, reuse_factor=factors, weights=weights)


def _layer(build: Build, value: str, rank: int) -> str:
    random = build.random
    extents = build.types[value].shape[2:]
    kind = random.random()
    if rank == 0:
        value = build.dense(value, int(random.integers(2, 6)), bits=3, bias_bits=5)
    elif kind < 0.3 and min(extents) >= 2:
        op = "MaxPool" if random.random() < 0.5 else "SumPool"
        pads = int(random.integers(0, 2))
        strides = tuple(int(stride) for stride in random.integers(1, 3, rank))
        value = build.pool(op, value, (2,) * rank, strides, pads)
    else:
        channels = build.types[value].shape[1]
        group = channels if random.random() < 0.3 else 1
        filters = group * int(random.integers(1, 3))
        kernel = tuple(int(extent) for extent in random.integers(1, 4, rank))
        pads = tuple(int(pad) for pad in random.integers(1, 3, 2 * rank))
        value = build.conv(
            value, filters, kernel, bits=3, strides=int(random.integers(1, 3)), pads=pads,
            dilations=int(random.integers(1, 3)) if min(extents) >= 3 else 1, group=group,
            bias=bool(random.integers(2)),
        )  # fmt: skip
    return _activated(build, value)


def _activated(build: Build, value: str) -> str:
    random = build.random
    kind = random.random()
    if kind < 0.1:
        return build.add("Sign", (value,), {"offset": build.integers(-3, 4, 1)})
    if kind < 0.2:
        bits = build.types[value].dtype.bits
        value = build.add("Relu", (build.declare(value, Int(max(bits - 1, 2))),))
    channels = build.types[value].shape[1]
    each = random.random() < 0.5
    return build.requantize(
        value,
        bits=int(random.integers(2, 5)),
        signed=bool(random.integers(2)),
        shift=int(random.integers(0, 6)),
        rounding=str(random.choice([str(mode) for mode in Rounding])),
        multiplier=tuple(v or 1 for v in build.integers(-5, 8, channels)) if each else (1,),
        offset=build.integers(-9, 10, channels) if each else (0,),
        axis=1 if each else None,
        zero_point=int(random.integers(0, 2)),
    )


def _residual(build: Build, value: str, rank: int) -> str:
    """The value plus a convolution (or product) of itself in the same shape."""
    channels = build.types[value].shape[1]
    if rank == 0:
        other = build.dense(value, channels, bits=3, bias_bits=4)
    else:
        other = build.conv(value, channels, (3,) * rank, bits=3, pads=1)
    if build.random.random() < 0.4:
        return build.add("Concat", (_activated(build, other), value), {"axis": 1})
    return build.add("Add", (value, _activated(build, other)))


def _part(build: Build, value: str) -> str:
    """Some of the elements along one axis."""
    random, shape = build.random, build.types[value].shape
    axis = int(random.integers(1, len(shape)))
    start, stop = sorted(int(end) for end in random.choice(shape[axis] + 1, 2, replace=False))
    step = int(random.integers(1, 3))
    return build.add("Slice", (value,), {"axis": axis, "start": start, "stop": stop, "step": step})


def _larger(build: Build, value: str, rank: int) -> str:
    """A repetition, or a transposed convolution, with stride 2 or 3."""
    random = build.random
    if random.random() < 0.4:
        return build.resize(value, *(int(factor) for factor in random.integers(1, 4, rank)))
    channels = build.types[value].shape[1]
    group = channels if random.random() < 0.3 else 1
    strides = int(random.integers(1, 4))
    value = build.transposed(
        value, group * int(random.integers(1, 3)), tuple(map(int, random.integers(1, 4, rank))),
        bits=3, strides=strides, pads=int(random.integers(0, 2)), more=strides - 1,
        dilations=int(random.integers(1, 3)), group=group,
    )  # fmt: skip
    return _activated(build, value)
