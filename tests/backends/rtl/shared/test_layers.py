from netwright.backends.rtl.shared.layers import layer_cycles, total_cycles, tree_stages
from netwright.backends.rtl.shared.plan import planned
from netwright.backends.rtl.shared_options import SharedOptions
from tests.backends.hls.graphs import Build


def encoder() -> Build:
    """Four convolutions that halve 64 samples, and two dense layers; 23 616 MACs."""
    build = Build("encoder", seed=1)
    value = build.quantize((1, 64), bits=12)
    for filters in (8, 16, 16, 16):
        value = build.conv(value, filters, (4,), bits=8, strides=2, pads=1)
        value = build.requantize(value, bits=16, shift=9)
    value = build.requantize(build.dense(build.flatten(value), 32, bits=8), bits=16, shift=10)
    build.dense(value, 2, bits=8)
    return build


def test_cycles_of_the_encoder_by_hand() -> None:
    """8 x 2 x 2: a position takes its terms / 8 clocks, or two for the results of two units."""
    build, options = encoder(), SharedOptions(8, 2, 2)
    plan = planned(build.graph(build.nodes[-1].output), options)
    walks = [32 * 2 * 2, 16 * 4 * 4, 8 * 4 * 8, 4 * 4 * 8, 8 * 8, 4]
    lasts = [1, 2, 2, 2, 2, 2]
    assert sum(walks) == 836
    assert tree_stages(options) == 1
    assert [layer_cycles(layer, options) for layer in plan.layers] == [
        walk + last + 3 + 11 + 1 for walk, last in zip(walks, lasts, strict=True)
    ]
    assert plan.cycles == total_cycles(plan.layers, options) == 836 + 11 + 6 * 15
