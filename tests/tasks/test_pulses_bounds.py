from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.tasks import BiExponential, Law, averaged_bound, bound_at, draw, template_fit
from netwright.tasks.pulses_bounds import jacobian, noise_variance

LAW = Law()


def test_the_bound_is_what_was_computed_by_hand():
    found = bound_at(LAW, 68.0, 0.55)
    assert found.time_ps == pytest.approx(41.3, abs=0.1)
    assert found.amplitude == pytest.approx(0.00156, abs=1e-5)
    for snr, expected in ((30.0, 306.0), (40.0, 97.0), (50.0, 30.6), (60.0, 9.7)):
        assert bound_at(LAW.at(snr), 68.0, 0.55).time_ps == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("law", [LAW, Law(BiExponential())], ids=lambda law: law.shape.name)
def test_derivatives_are_finite_differences_of_the_samples(law):
    def samples(time, amplitude, baseline):
        return amplitude * law.shape.value(np.arange(64) * 4.0 - time) + baseline

    at, step = np.array([67.3, 0.4, 0.02]), 1e-6
    columns = [
        (samples(*(at + step * e)) - samples(*(at - step * e))) / (2 * step) for e in np.eye(3)
    ]
    assert jacobian(law, 67.3, 0.4) == pytest.approx(np.stack(columns, axis=1), abs=1e-6)


def test_the_mean_over_the_law_is_that_of_bounds_at_drawn_pulses():
    found = averaged_bound(LAW)
    drawn = draw(LAW, 3000, seed=1)
    each = [bound_at(LAW, t, a) for t, a in zip(drawn.times_ns, drawn.amplitudes, strict=True)]
    assert found.time_ps == pytest.approx(np.sqrt(np.mean([b.time_ps**2 for b in each])), rel=0.02)
    assert found.amplitude == pytest.approx(
        np.sqrt(np.mean([b.amplitude**2 for b in each])), rel=0.02
    )
    assert found.time_ps == pytest.approx(53.6, abs=0.1)


def test_at_little_noise_the_template_fit_reaches_the_bound():
    law = LAW.at(55.0)
    drawn = draw(law, 20_000, seed=2)
    times, heights, _ = template_fit(drawn.samples, law.shape, period_ns=4.0, start_ns=68.0)
    bound = averaged_bound(law)
    late = 1000 * np.sqrt(np.mean((times - drawn.times_ns) ** 2))
    high = np.sqrt(np.mean((heights / drawn.amplitudes - 1) ** 2))
    assert late == pytest.approx(bound.time_ps, rel=0.02)
    assert high == pytest.approx(bound.amplitude, rel=0.02)


def test_rounding_counts_as_noise():
    assert noise_variance(LAW.at(120.0)) == pytest.approx((1 / 4096) ** 2 / 12, rel=1e-3)


def test_there_is_no_bound_for_other_noise():
    with pytest.raises(ConfigError) as caught:
        averaged_bound(LAW.under("flicker"))
    assert caught.value.message == "the bound is for white noise; this law has flicker besides"
