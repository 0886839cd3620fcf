from __future__ import annotations

import math

import pytest

from netwright.compress import (
    BUDGETS,
    LayerPlan,
    LayerShape,
    Plan,
    bops,
    latency_ns,
    layer_bops,
    layer_shapes,
    luts,
    total_bops,
    uniform,
    weight_bits,
)
from netwright.errors import ConfigError
from netwright.models import encoder
from tests.compress.chains import JETS

TABLE = {
    4: (90_112, 92_160, 45_056, 7_040, 234_368),
    5: (107_520, 120_832, 59_392, 9_280, 297_024),
    6: (124_928, 153_600, 75_776, 11_840, 366_144),
    7: (142_336, 190_464, 94_208, 14_720, 441_728),
    8: (159_744, 231_424, 114_688, 17_920, 523_776),
}
"""BOPs of w, a = w + 3 with 16-bit inputs, layer by layer and in sum."""


def test_bops_in_floating_point() -> None:
    """Asserted in the published code: b_w = b_a = 32."""
    layers = [layer_bops(shape, 32, 32) for shape in JETS]
    assert layers == [1_118_208, 2_240_512, 1_119_232, 174_880]
    assert sum(layers) == 4_652_832


@pytest.mark.parametrize("width", TABLE)
def test_bops_of_the_published_widths(width: int) -> None:
    plan = uniform(JETS, weight_bits=width, activation_bits=width + 3, input_bits=16)
    *layers, total = TABLE[width]
    found = [
        layer_bops(shape, layer.weight_bits, layer.input_bits)
        for shape, layer in zip(JETS, plan.layers, strict=True)
    ]
    assert found == layers
    assert total_bops(JETS, plan) == total


@pytest.mark.parametrize(("width", "total"), [(4, 124_448), (6, 226_592), (8, 362_784)])
def test_bops_of_uniform_widths(width: int, total: int) -> None:
    plan = uniform(JETS, weight_bits=width, activation_bits=width)
    assert total_bops(JETS, plan) == total
    assert bops(total).total(JETS, plan) == total


def test_bops_of_the_published_optimum_are_within_its_limit() -> None:
    """8, 5, 5, 5 at 350 000, with the published linearization: a layer's own w + 3."""
    found = [layer_bops(s, w, a) for s, w, a in zip(JETS, (8, 5, 5, 5), (16, 8, 8, 8), strict=True)]
    assert sum(found) == 349_248


def test_density_counts_in_the_product_only() -> None:
    shape = JETS[1]
    full, empty = layer_bops(shape, 4, 7), layer_bops(shape, 4, 7, density=0.0)
    assert full - empty == shape.inputs * shape.outputs * 4 * 7


def test_bops_of_a_convolution_count_every_position() -> None:
    conv, dense = layer_shapes(encoder(), (1, 8, 8))
    assert conv == LayerShape("conv1", inputs=9, outputs=8, positions=16, weights=72)
    assert dense == LayerShape("fc1", inputs=128, outputs=16, positions=1, weights=2048)
    assert layer_bops(conv, 6, 16) == pytest.approx(16 * 8 * 9 * (6 * 16 + 6 + 16 + math.log2(9)))


def test_weight_bits_count_memory() -> None:
    plan = Plan(tuple(LayerPlan(s.name, w, 8) for s, w in zip(JETS, (2, 3, 4, 5), strict=True)))
    assert weight_bits(1).total(JETS, plan) == 1024 * 2 + 2048 * 3 + 1024 * 4 + 160 * 5


def test_budgets_that_flows_can_name() -> None:
    assert {name: make(10).kind for name, make in BUDGETS.items()} == {
        "bops": "bops",
        "weight_bits": "weight_bits",
        "luts": "luts",
        "latency_ns": "latency_ns",
    }


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_impossible_limits_are_refused(limit: float) -> None:
    with pytest.raises(ConfigError) as caught:
        bops(limit)
    assert str(caught.value) == f"the bops budget must be positive, not {float(limit)}"


def test_hardware_budgets_are_additive_models() -> None:
    plan = uniform(JETS, weight_bits=6, activation_bits=6)
    narrow = uniform(JETS, weight_bits=3, activation_bits=4)
    for budget in (luts(1e9), latency_ns(1e9)):
        assert 0 < budget.total(JETS, narrow) < budget.total(JETS, plan)
    slow, fast = latency_ns(1e9, clock_mhz=100), latency_ns(1e9, clock_mhz=400)
    assert slow.total(JETS, plan) == pytest.approx(4 * fast.total(JETS, plan))
