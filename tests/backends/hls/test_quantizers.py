from pathlib import Path

import pytest

from netwright.backends import hls
from netwright.backends.hls.translation import lower
from netwright.formats import Int, Rounding
from netwright.ir import Graph
from tests.backends.hls.graphs import Build, assert_same, needs_hls4ml


def every_rounding() -> Graph:
    """Each mode with both signs, both overflows, uneven clamps, zero points and multipliers."""
    build = Build("rounding")
    total = build.dense(build.quantize((6,), bits=6), 12, bits=4)
    positive = build.add("Relu", (total,))
    outputs = [build.requantize(positive, bits=5, shift=3, rounding="away-from-zero")]
    for mode in Rounding:
        if mode is Rounding.AWAY_FROM_ZERO:
            continue
        outputs += [
            build.requantize(total, bits=5, shift=3, rounding=mode),
            build.requantize(total, bits=5, shift=4, signed=True, rounding=mode),
            build.requantize(total, bits=8, shift=2, signed=True, low=-127, rounding=mode),
            build.requantize(total, shift=2, signed=True, low=-20, high=13, rounding=mode),
            build.requantize(
                total,
                bits=8,
                shift=11,
                signed=True,
                multiplier=build.integers(-900, 900, 12),
                axis=1,
                rounding=mode,
            ),
        ]
    outputs += [
        build.requantize(total, shift=3, zero_point=31),
        build.requantize(total, bits=5, shift=3, dtype=Int(3)),
        build.requantize(
            total, signed=True, shift=33, multiplier=(2**30 + 12345,), offset=(2**31 + 17,)
        ),
        build.requantize(total, shift=5, signed=True, multiplier=(3,), rounding="ceil"),
        build.requantize(total, bits=9, shift=0, multiplier=(2,)),
        build.requantize(total, bits=7, shift=5, multiplier=(4,), signed=True),
        build.add("Sign", (total,), {"offset": build.integers(-200, 200, 12), "axis": 1}),
    ]
    return build.graph(*outputs)


def dyadic() -> Graph:
    """Scales that are not powers of two: 31-bit multipliers, one for each channel."""
    build = Build("dyadic")
    value = build.quantize((16,), scale=0.0313)
    for width in (32, 16):
        total = build.dense(value, width)
        multiplier = build.integers(2**30, 2**31 - 1, width)
        value = build.requantize(total, shift=38, multiplier=multiplier, axis=1, scale=0.071)
    return build.graph(build.dense(value, 5))


@pytest.mark.tool("g++")
@needs_hls4ml
def test_every_rounding_mode(tmp_path: Path) -> None:
    assert_same(every_rounding(), hls(), tmp_path, rows=1500, intermediate=False)


@pytest.mark.tool("g++")
@needs_hls4ml
def test_multipliers_per_channel(tmp_path: Path) -> None:
    assert_same(dyadic(), hls(), tmp_path)


@pytest.mark.tool("g++")
@pytest.mark.slow
@needs_hls4ml
def test_multipliers_per_channel_on_streams(tmp_path: Path) -> None:
    backend = hls(io_type="io_stream", strategy="resource", reuse_factor=64, backend="Vivado")
    assert_same(dyadic(), backend, tmp_path)


def test_a_clamp_that_no_register_does_takes_three_layers_more() -> None:
    build = Build()
    total = build.dense(build.quantize((3,)), 2)
    output = build.requantize(total, shift=2, signed=True, low=-20, high=13)
    layers = lower(build.graph(output), "io_parallel").layers[2:]
    assert [layer.name for layer in layers] == [
        "requantize_2",
        "requantize_2_top",
        "requantize_2_bottom",
        "requantize_2_shift",
    ]
    top, bottom, shift = (layer.arrays for layer in layers[1:])
    unit = 2.0 ** (-3 - 5 + 2)
    assert (top["scale_data"] == -1).all()
    assert (top["bias_data"] == 13 * unit).all()
    assert (bottom["bias_data"] == 33 * unit).all()
    assert (shift["bias_data"] == -20 * unit).all()


def test_ceiling_is_floor_after_an_offset() -> None:
    build = Build()
    total = build.dense(build.quantize((3,)), 2)
    output = build.requantize(total, shift=4, signed=True, rounding="ceil")
    layer = lower(build.graph(output), "io_parallel").layers[-1]
    assert layer.kind == "BatchNormalization"
    assert layer.registers["result"].rounding is Rounding.FLOOR
    assert layer.arrays["bias_data"].tolist() == [15 * 2.0**-8]


def test_sign_saturates_an_odd_number() -> None:
    build = Build()
    output = build.add("Sign", (build.quantize((3,)),), {"offset": (4,)})
    layer = lower(build.graph(output), "io_parallel").layers[-1]
    assert layer.registers["result"].ap_fixed_name() == "fixed<2,2,TRN,SAT_SYM>"
    assert layer.arrays["scale_data"].tolist() == [16.0]
    assert layer.arrays["bias_data"].tolist() == [9.0]


def test_equal_constants_are_stored_once() -> None:
    build = Build()
    conv = build.conv(build.quantize((1, 4, 4)), 3, (2, 2))
    one = build.requantize(conv, shift=5, multiplier=(3,))
    each = build.requantize(conv, shift=5, multiplier=(3, 5, 7), axis=1)
    layers = lower(build.graph(one, each), "io_parallel").layers[-2:]
    assert [layer.attributes["n_filt"] for layer in layers] == [1, 3]
    assert [len(layer.arrays["scale_data"]) for layer in layers] == [1, 3]


def test_a_tensor_without_axes(tmp_path: Path) -> None:
    build = Build("scalar")
    total = build.dense(build.quantize((3,), bits=4), 1, bits=3, bias_bits=4)
    alone = build.add("Reshape", (total,), {"shape": (1,)})
    moved = build.requantize(alone, bits=4, shift=2, signed=True, multiplier=(3,), offset=(1,))
    graph = build.graph(build.add("Relu", (moved,)), moved)
    assert graph.types[moved].shape == (1,)
    assert_same(graph, hls(), tmp_path, rows=50)


def test_more_bits_are_rounded_away_than_a_value_has(tmp_path: Path) -> None:
    build = Build("small")
    source = build.quantize((3,), bits=2)
    outputs = [
        build.requantize(source, bits=3, signed=True, shift=8, rounding=rounding,
                         multiplier=multiplier, offset=(-3,), low=-2, high=3)
        for rounding in ("half-down", "half-even", "ceil")
        for multiplier in ((1,), (7,))
    ]  # fmt: skip
    assert_same(build.graph(*outputs), hls(), tmp_path, rows=30)
