from pathlib import Path

import numpy as np
import pytest

from netwright.backends import hls
from netwright.backends.hls.translation import lower
from netwright.formats import Bipolar, Int
from netwright.ir import Graph
from tests.backends.hls.graphs import Build, assert_same, jet_tagger, needs_hls4ml

pytestmark = [pytest.mark.tool("g++"), needs_hls4ml]


def every_width() -> Graph:
    """One layer of each width, and accumulators that are too narrow or unsigned."""
    build = Build("widths")
    value = build.quantize((16,), bits=16, scale=2.0**-12)
    for bits in (16, 8, 7, 6, 5, 4, 3, 2):
        total = build.dense(value, 12, bits=bits)
        shift = max(build.types[total].dtype.bits - bits - 1, 0)
        value = build.requantize(total, bits=bits, shift=shift, signed=bits % 2 == 0)
    outputs = [build.dense(value, 5, bits=4)]
    outputs.append(build.declare(build.dense(build.quantize((8,), bits=6), 6, bits=5), Int(8)))
    outputs.append(build.requantize(outputs[-1], bits=5, shift=3, signed=True))
    unsigned = build.quantize((8,), bits=6, signed=False)
    outputs.append(build.declare(build.dense(unsigned, 6, bits=5), Int(7, signed=False)))
    signs = build.declare(build.constant(build.random.choice([-1, 1], (8, 4))), Bipolar())
    outputs.append(build.add("MatMul", (unsigned, signs)))
    return build.graph(*outputs)


def encoder() -> Graph:
    """1x8x8, eight 3x3 filters with stride 2, rectified, flattened, 16 outputs."""
    build = Build("encoder")
    value = build.quantize((1, 8, 8), signed=False)
    value = build.conv(value, 8, (3, 3), strides=2, pads=1, bits=6)
    value = build.requantize(value, bits=6, shift=5)
    return build.graph(build.dense(build.flatten(value), 16))


def convolutions(*, streams: bool) -> Graph:
    build = Build("convolutions")
    value = build.quantize((3, 6, 7), bits=6)
    uneven = build.requantize(
        build.conv(value, 4, (3, 2), pads=(1, 0, 2, 1)), bits=5, signed=True, shift=5
    )
    pixel = build.conv(build.add("Relu", (uneven,)), 4, (1, 1), bias=False)
    both = build.add(
        "Add",
        (
            build.requantize(pixel, bits=5, signed=True, shift=3, scale=0.125),
            build.requantize(uneven, bits=4, signed=True, shift=1, scale=0.125),
        ),
    )
    grouped = build.conv(
        build.requantize(both, bits=4, signed=True, shift=1), 8, (2, 2), group=2, strides=2
    )
    scaled = build.requantize(
        grouped,
        bits=5,
        shift=3,
        multiplier=build.integers(-5, 9, 8),
        offset=build.integers(-50, 90, 8),
        axis=1,
    )
    depthwise = build.requantize(build.conv(scaled, 8, (2, 2), group=8, pads=1), bits=5, shift=3)
    largest = build.pool("MaxPool", depthwise, (2, 2), (2, 2))
    total = build.pool("SumPool", depthwise, (2, 2), (2, 2))
    outputs = [build.pool("SumPool", depthwise, (3, 2), (1, 2), pads=1), grouped]
    if not streams:
        outputs.append(build.pool("MaxPool", depthwise, (3, 3), (2, 2), pads=1))
        outputs.append(build.conv(depthwise, 2, (2, 2), dilations=2))
    joined = build.add(
        "Concat",
        (build.requantize(largest, shift=0), build.requantize(total, bits=6, shift=1)),
        {"axis": 1},
    )
    outputs += [build.conv(joined, 3, (2, 1)), build.dense(build.flatten(joined), 5, bits=4)]
    return build.graph(*outputs)


def sequences(*, streams: bool) -> Graph:
    build = Build("sequences")
    value = build.quantize((4, 10), bits=6)
    strided = build.requantize(build.conv(value, 6, (3,), pads=1, strides=2), bits=5, shift=5)
    steps = build.add("Transpose", (strided,), {"order": (0, 2, 1)})
    hidden = build.requantize(
        build.dense(build.flatten(strided), 8, bits=4), bits=5, shift=4, signed=True
    )
    window = ((5,), (5,), 0) if streams else ((3,), (1,), 1)
    return build.graph(
        build.conv(value, 3, (2,), dilations=3, pads=(1, 2)),
        build.conv(strided, 6, (2,), group=6),
        build.dense(steps, 7, bits=4),
        build.conv(build.add("Reshape", (hidden,), {"shape": (1, 2, 4)}), 2, (3,)),
        build.pool("MaxPool", strided, *window),
        build.pool("SumPool", strided, (5,), (5,)),
    )


def test_dense_layers_of_every_width(tmp_path: Path) -> None:
    assert_same(every_width(), hls(), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [2, 3, 4, 5, 7, 8, 16])
def test_jet_tagger_of_every_width(bits: int, tmp_path: Path) -> None:
    assert_same(jet_tagger(bits), hls(), tmp_path, rows=2000)


def test_convolutional_encoder(tmp_path: Path) -> None:
    assert_same(encoder(), hls(), tmp_path)


def test_convolutions_and_pools(tmp_path: Path) -> None:
    assert_same(convolutions(streams=False), hls(), tmp_path)


def test_convolutions_on_streams_with_shared_multipliers(tmp_path: Path) -> None:
    backend = hls(io_type="io_stream", strategy="resource", reuse_factor=3)
    design = assert_same(convolutions(streams=True), backend, tmp_path)
    assert design.reuse_factors["conv_1"] == 3
    assert design.reuse_factors["conv_4"] == 2


def test_sequences_with_shared_multipliers(tmp_path: Path) -> None:
    backend = hls(strategy="resource", reuse_factor={"conv_1": 12, "matmul_5": 60, "matmul_9": 6})
    design = assert_same(sequences(streams=False), backend, tmp_path)
    assert design.reuse_factors == {
        "conv_1": 12,
        "matmul_5": 60,
        "conv_7": 1,
        "matmul_9": 6,
        "conv_11": 1,
    }


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["latency", "resource"])
def test_sequences_on_streams(strategy: str, tmp_path: Path) -> None:
    backend = hls(io_type="io_stream", strategy=strategy, reuse_factor=4)  # type: ignore[arg-type]
    assert_same(sequences(streams=True), backend, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_encoder_for_the_older_compiler(io_type: str, tmp_path: Path) -> None:
    backend = hls(io_type=io_type, backend="Vivado", reuse_factor=2)  # type: ignore[arg-type]
    assert_same(encoder(), backend, tmp_path)


def test_grouped_and_dilated_kernels_are_filled_with_zeros() -> None:
    build = Build()
    output = build.conv(build.quantize((4, 6, 6)), 2, (2, 2), group=2, dilations=2)
    layer = lower(build.graph(output), "io_parallel").layers[-1]
    kernel = layer.arrays["weight_data"]
    assert kernel.shape == (3, 3, 4, 2)
    assert np.count_nonzero(kernel) <= 2 * 2 * 2 * 2
    assert not np.any(kernel[:, :, :2, 1])
    assert not np.any(kernel[1])


def test_windows_smaller_than_their_stride_on_streams(tmp_path: Path) -> None:
    build = Build("gaps")
    image = build.quantize((3, 5, 7), bits=4)
    outputs = [
        build.conv(image, 3, (1, 1), strides=2, bits=3, bias=False),
        build.conv(image, 3, (2, 2), strides=3, bits=3, group=3),
        build.conv(image, 2, (1, 2), strides=2, bits=3, pads=1),
        build.pool("SumPool", image, (1, 1), (2, 2)),
    ]
    row = build.quantize((2, 7), bits=4)
    outputs += [
        build.conv(row, 2, (1,), strides=3, bits=3),
        build.conv(row, 2, (2,), strides=3, bits=3, group=2),
        build.pool("SumPool", row, (1,), (4,)),
    ]
    assert_same(build.graph(*outputs), hls(io_type="io_stream"), tmp_path, rows=50)
