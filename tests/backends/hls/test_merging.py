from pathlib import Path

import pytest

from netwright.backends import hls
from netwright.backends.hls.translation import lower
from netwright.formats import Int
from netwright.ir import Graph
from tests.backends.hls.graphs import Build, assert_same, needs_hls4ml


def residual() -> Graph:
    build = Build("residual")
    value = build.quantize((2, 5, 5), bits=6)
    first = build.conv(value, 2, (3, 3), pads=1, bits=4)
    first = build.requantize(first, shift=4, signed=True, scale=0.125)
    early = build.add("Add", (first, value))
    second = build.conv(build.add("Relu", (early,)), 2, (3, 3), pads=1, bits=4)
    second = build.requantize(second, shift=13, signed=True, multiplier=(701,), scale=0.125)
    late = build.add("Add", (second, early))
    small = build.requantize(late, bits=4, shift=2, signed=True)
    return build.graph(build.dense(build.flatten(small), 3), late)


def assorted() -> Graph:
    """Two inputs; sums that wrap, constants, joins, an input that is an output."""
    build = Build("assorted")
    left = build.quantize((8,), bits=6)
    right = build.quantize((8,), bits=6, signed=False)
    wrapped = build.declare(build.add("Add", (left, right)), Int(6))
    constant = build.constant(build.random.integers(-30, 30, (8,)))
    signs = build.add("Sign", (left,), {"offset": (0,)})
    decoded = build.requantize(build.dense(left, 24, bits=4), bits=5, shift=4, signed=True)
    image = build.add("Reshape", (decoded,), {"shape": (1, 4, 2, 3)})
    conv = build.conv(image, 3, (2, 2), pads=1)
    scaled = build.requantize(conv, bits=5, shift=4, axis=1, multiplier=(3, 5, 7))
    turned = build.add("Transpose", (scaled,), {"order": (0, 3, 1, 2)})
    per_value = tuple(range(1, 37))
    return build.graph(
        left,
        build.add("Relu", (wrapped,)),
        build.add("Add", (left, constant)),
        build.add("Add", (left, left)),
        build.add("Concat", (left, right, signs), {"axis": 1}),
        build.requantize(build.add("Relu", (left,)), bits=4, shift=0, dtype=Int(3)),
        build.dense(build.flatten(turned), 4, bits=3),
        build.requantize(
            turned, bits=4, shift=5, axis=1, multiplier=(11, 9, 7, 5), offset=(1, -2, 3, 9)
        ),
        build.requantize(build.flatten(scaled), bits=4, shift=5, axis=1, multiplier=per_value),
        build.conv(turned, 2, (1, 1)),
        build.add("Concat", (turned, turned), {"axis": 2}),
    )


@pytest.mark.tool("g++")
@needs_hls4ml
def test_joined_and_moved_tensors(tmp_path: Path) -> None:
    assert_same(assorted(), hls(), tmp_path)


@pytest.mark.tool("g++")
@needs_hls4ml
def test_residual_sums_on_streams(tmp_path: Path) -> None:
    assert_same(residual(), hls(io_type="io_stream"), tmp_path)


@pytest.mark.tool("g++")
@pytest.mark.slow
@needs_hls4ml
def test_residual_sums(tmp_path: Path) -> None:
    assert_same(residual(), hls(), tmp_path)


def test_reshape_and_transpose_add_no_layer() -> None:
    build = Build()
    value = build.add("Relu", (build.quantize((2, 3)),))
    turned = build.add("Transpose", (value,), {"order": (0, 2, 1)})
    flat = build.add("Reshape", (turned,), {"shape": (1, 6)})
    firmware = lower(build.graph(flat), "io_parallel")
    assert [layer.kind for layer in firmware.layers] == ["InputLayer", "Activation"]
    assert firmware.views[flat].index.tolist() == [0, 3, 1, 4, 2, 5]


def test_padding_an_unsigned_maximum_needs_a_sign() -> None:
    build = Build()
    value = build.quantize((1, 4, 4), bits=5, signed=False)
    layers = lower(
        build.graph(build.pool("MaxPool", value, (2, 2), (2, 2), 1)), "io_parallel"
    ).layers
    assert [layer.name for layer in layers[1:]] == ["maxpool_1_signed", "maxpool_1"]
    assert layers[1].registers["result"].ap_fixed_name() == "fixed<6,3,TRN,WRAP>"
