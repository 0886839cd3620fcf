from __future__ import annotations

import tomllib
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl.adders.sharing import share
from netwright.compress import DenseLayer, LayerShape, count_luts, estimate
from netwright.compress.hardware import (
    HardwareModel,
    hardware_model,
    layer_latency_ns,
    layer_luts,
    write_model,
)
from netwright.errors import ConfigError
from tests.compress.chains import JETS


def test_the_shipped_model_states_its_errors_on_held_out_layers() -> None:
    model = hardware_model()
    assert model.layers >= 30
    assert 2 <= model.folds <= model.layers
    assert "yosys" in model.source
    assert 0 < model.lut.mean_absolute_error <= 0.15
    assert 0 < model.counted_error <= 0.15
    assert model.lut.mean_absolute_error <= model.lut.largest_error


def test_a_model_survives_being_written(tmp_path: Path) -> None:
    model = hardware_model()
    text = write_model(model, tmp_path / "model.toml").read_text()
    assert HardwareModel.model_validate(tomllib.loads(text)) == model


@pytest.mark.parametrize("shape", JETS, ids=lambda shape: shape.name)
def test_more_bits_cost_more(shape: LayerShape) -> None:
    for w, a in product(range(2, 8), range(3, 8)):
        cost = layer_luts(shape, w, a)
        assert 0 < cost < layer_luts(shape, w + 1, a)
        assert cost < layer_luts(shape, w, a + 1)


def test_fewer_weights_cost_less() -> None:
    costs = [
        estimate(DenseLayer(64, 32, 6, 6, density=density)).lut.value for density in (0.1, 0.3, 1.0)
    ]
    assert costs == sorted(costs)


def test_figures_carry_their_error_and_their_source() -> None:
    found = estimate(DenseLayer(16, 64, 6, 6))
    for figure in (found.lut, found.ff, found.adders_in_series):
        assert figure.fidelity == "modelled"
        assert figure.source == hardware_model().source
        assert figure.deviation is not None
        assert 0 < figure.deviation < figure.value


def test_latency_falls_with_the_clock_and_with_longer_stages() -> None:
    slow = layer_latency_ns(JETS[0], 6, 6, clock_mhz=100)
    assert layer_latency_ns(JETS[0], 6, 6, clock_mhz=200) == pytest.approx(slow / 2)
    assert layer_latency_ns(JETS[0], 6, 6, clock_mhz=100, adders_per_stage=8) == pytest.approx(
        slow / 2
    )


def test_the_count_is_that_of_the_adders_and_the_limits() -> None:
    weights = np.random.default_rng(3).integers(-7, 8, (10, 6))
    weights[:, 2] = 0
    adders = share(weights, [(0, 15)] * 10).num_luts
    each, output, bit = hardware_model().counted
    assert count_luts([weights], [4], [0]) == pytest.approx(each * adders)
    assert count_luts([weights], [4], [5]) == pytest.approx(each * adders + 5 * (output + 5 * bit))
    assert count_luts([weights, weights[:6]], [4, 5], [5, 0]) == pytest.approx(
        count_luts([weights], [4], [5]) + count_luts([weights[:6]], [5], [0])
    )


def test_values_out_of_range() -> None:
    with pytest.raises(ConfigError) as caught:
        DenseLayer(0, 4, 4, 4)
    assert str(caught.value) == (
        "extents and widths of a layer must be 1 or more and its density above 0 and at most 1, "
        "not (0, 4, 4, 4) and 1.0"
    )
