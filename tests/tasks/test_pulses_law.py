from __future__ import annotations

import math

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.tasks import CONDITIONS, Digitizer, Law, Noise


def test_both_definitions_of_snr_are_said():
    law = Law()
    assert str(law.snr) == "SNR_peak 47.4 dB (SNR_pow 40.4 dB)"  # 7.0 dB apart, by hand
    assert 20 * math.log10(0.55 / law.sigma) == pytest.approx(47.4)
    assert law.at(30.0).snr.peak_db - law.at(30.0).snr.power_db == pytest.approx(7.0, abs=0.05)


def test_the_power_is_that_of_the_samples():
    law = Law().at(20.0)
    times = np.arange(64) * 4.0 - 68.0
    mean_square = np.mean((0.55 * law.shape.value(times)) ** 2)
    assert law.snr.power_db == pytest.approx(10 * math.log10(mean_square / 0.055**2))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_changes_the_noise_only(condition):
    law = Law().at(35.0).under(condition)
    assert law.noise.snr_db == 35.0
    assert law.sigma == Law().at(35.0).sigma
    assert (law.noise == Law().at(35.0).noise) == (condition == "white")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Noise(snr_db=float("nan")), "snr_db must be from 0 to 120, not nan"),
        (lambda: Noise(stretch=-0.1), "stretch must be from 0 to 0.2, not -0.1"),
        (lambda: Digitizer(samples=8), "samples must be from 16 to 1024, not 8"),
        (lambda: Digitizer(bits=20), "bits must be from 4 to 16, not 20"),
        (lambda: Law(least=0.9, most=0.2), "least must be below most, 0.2, not 0.9"),
        (
            lambda: Law(first_ns=220.0),
            "pulses that begin from 220 ns on, within 16 ns, must peak within their 256 ns of "
            "samples, not at 276 ns",
        ),
        (
            lambda: Law().under("fog"),
            'condition must be white, stretched, flicker, wander, pile-up, clock, not "fog"',
        ),
    ],
)
def test_laws_that_are_none_are_refused(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert caught.value.message == message
