from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.tasks import (
    CrRc,
    Law,
    Noise,
    calibrated,
    constant_fraction,
    draw,
    fraction_of_peak,
    leading_edge,
    resolution,
    template_fit,
)
from netwright.tasks.pulses_methods import LEADING_EDGE, TEMPLATE, peak

RAMP = np.array([[0.0] * 10 + [0.2, 0.4, 0.6, 0.8, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0]])
"""A triangle that rises by a fifth a sample from sample 9 on, to 1 at sample 14."""


def test_a_leading_edge_is_straight_between_samples():
    assert leading_edge(RAMP, period_ns=4.0, threshold=0.3) == pytest.approx([4 * 10.5])
    assert leading_edge(RAMP + 0.7, period_ns=4.0, threshold=0.3) == pytest.approx([4 * 10.5])
    assert leading_edge(RAMP, period_ns=4.0, threshold=0.2) == pytest.approx([4 * 10.0])


def test_a_pulse_below_the_threshold_has_the_time_of_its_peak():
    assert leading_edge(RAMP, period_ns=4.0, threshold=1.5) == pytest.approx([4 * 14.0])


def test_a_fraction_of_the_peak_does_not_depend_on_the_height():
    for height in (0.01, 1.0, 5.0):
        found = fraction_of_peak(height * RAMP, period_ns=2.0, fraction=0.5)
        assert found == pytest.approx([2 * 11.5])


def test_the_discriminator_is_what_was_computed_by_hand():
    # z[k] = y[k - 2] - 0.5 y[k]: 0 at sample 13 (0.4 - 0.4), below zero before
    for height in (0.3, 1.0):
        found = constant_fraction(height * RAMP, period_ns=4.0, fraction=0.5, delay_ns=8.0)
        assert found == pytest.approx([4 * 13.0])
    # f = 0.4: z[12] = 0.2 - 0.24 = -0.04, z[13] = 0.4 - 0.32 = 0.08, zero a third of the way
    found = constant_fraction(RAMP, period_ns=4.0, fraction=0.4, delay_ns=8.0)
    assert found == pytest.approx([4 * (12 + 1 / 3)])


def test_a_peak_lies_on_a_parabola_through_three_samples():
    places = np.arange(20.0)
    pulse = np.maximum(1 - 0.02 * (places - 12.3) ** 2, 0.0)
    pulse[:8] = 0.0
    assert peak(pulse[None]) == pytest.approx([1.0])


def test_a_fit_of_pulses_without_noise_is_exact():
    random = np.random.default_rng(0)
    times, heights = random.uniform(50, 90, 100), random.uniform(0.05, 1.0, 100)
    at = np.arange(64) * 4.0 - times[:, None]
    samples = heights[:, None] * CrRc().value(at) + 0.1
    found = template_fit(samples, CrRc(), period_ns=4.0, start_ns=70.0, iterations=12)
    for got, wanted in zip(found, (times, heights, np.full(100, 0.1)), strict=True):
        assert got == pytest.approx(wanted, abs=1e-6)


def test_methods_that_read_nothing_but_noise_give_finite_times():
    noise = np.random.default_rng(1).normal(size=(50, 64))
    rows = np.concatenate([noise, np.zeros((1, 64)), -np.ones((1, 64))])
    law = Law()
    for name, method in calibrated(law, draw(law, 500, seed=1)).items():
        assert np.isfinite(method(rows)).all(), name


def test_calibrated_methods_have_little_bias_and_the_template_is_the_best():
    law = Law()
    methods = calibrated(law, draw(law, 4000, seed=1))
    tested = draw(law, 4000, seed=2)
    found = {
        name: resolution(1000 * (method(tested.samples) - tested.times_ns))
        for name, method in methods.items()
    }
    for name, figures in found.items():
        assert abs(figures.bias) < 4 * figures.rms / np.sqrt(4000), name
    assert min(found, key=lambda name: found[name].rms) == TEMPLATE
    assert {n: round(f.rms, -1) for n, f in found.items()} == pytest.approx(
        {LEADING_EDGE: 170, "constant fraction": 130, "fraction of the peak": 120, TEMPLATE: 50},
        abs=11,
    )


def test_the_walk_of_a_leading_edge_is_corrected():
    law = Law(noise=Noise(snr_db=80.0, baseline=0.0))
    known = draw(law, 3000, seed=1)
    corrected = calibrated(law, known)[LEADING_EDGE]
    errors = corrected(known.samples) - known.times_ns
    plain = leading_edge(known.samples, period_ns=4.0, threshold=0.05) - known.times_ns
    assert errors.std() < 0.1 * plain.std()  # what is left is the interpolation between samples


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: fraction_of_peak(RAMP, period_ns=4.0, fraction=1.0),
            "fraction must be above 0 and below 1, not 1.0",
        ),
        (
            lambda: constant_fraction(RAMP, period_ns=4.0, delay_ns=1.0),
            "the delay must be 1 to 18 samples of 4 ns, not 1 ns",
        ),
    ],
)
def test_options_that_are_none_are_refused(call, message):
    with pytest.raises(ConfigError) as caught:
        call()
    assert caught.value.message == message
