from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.tasks import CONDITIONS, Law, Noise, draw
from netwright.tasks.pulses_draw import draw_mixed, flicker

LAW = Law()


def quiet(**noise):
    return Law(noise=Noise(snr_db=120.0, baseline=0.0, **noise))


def test_equal_seeds_draw_equal_pulses():
    first, again, other = draw(LAW, 50, seed=3), draw(LAW, 50, seed=3), draw(LAW, 50, seed=4)
    assert np.array_equal(first.codes, again.codes)
    assert np.array_equal(first.times_ns, again.times_ns)
    assert not np.array_equal(first.codes, other.codes)


def test_without_noise_samples_are_the_pulse_up_to_rounding():
    law = quiet()
    found = draw(law, 200, seed=1)
    times = np.arange(64) * 4.0 - found.times_ns[:, None]
    pulse = found.amplitudes[:, None] * law.shape.value(times)
    assert np.abs(found.samples - pulse).max() <= 0.5 / 4096 + 8e-6
    assert found.clean == pytest.approx(pulse, abs=1e-6)


def test_beginnings_and_amplitudes_follow_the_law():
    found = draw(LAW, 5000, seed=2)
    assert 60 <= found.times_ns.min() < 60.1
    assert 75.9 < found.times_ns.max() < 76
    assert found.times_ns.std() == pytest.approx(16 / np.sqrt(12), rel=0.03)
    assert found.amplitudes.mean() == pytest.approx(0.55, abs=0.01)
    before = found.samples[:, :12]
    spread = before.std(axis=1, ddof=1)
    assert np.sqrt(np.mean(spread**2)) == pytest.approx(LAW.sigma, rel=0.02)
    assert before.mean(axis=1).std() == pytest.approx(
        np.sqrt(0.01**2 / 3 + LAW.sigma**2 / 12), rel=0.03
    )


def test_codes_are_clipped():
    law = Law(noise=Noise(snr_db=6.0), least=0.9, most=1.0)
    codes = draw(law, 200, seed=0).codes
    assert codes.min() == 0
    assert codes.max() == 4095


def test_flicker_noise_falls_with_the_frequency():
    noise = flicker(4000, 64, np.random.default_rng(0))
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1.0, rel=0.05)
    power = np.mean(np.abs(np.fft.rfft(noise * np.hanning(64))) ** 2, axis=0)
    slope = np.polyfit(np.log(np.arange(4, 28)), np.log(power[4:28]), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.15)


def test_every_condition_changes_the_samples_as_it_says():
    plain = draw(quiet(), 400, seed=5)
    for condition in CONDITIONS:
        found = draw(quiet().under(condition), 400, seed=5)
        assert np.array_equal(found.times_ns, plain.times_ns), condition
        moved = np.abs(found.samples - plain.samples).max()
        assert (moved < 1e-3) == (condition in ("white", "flicker")), condition  # flicker ∝ white
    loud = replace(LAW, noise=replace(LAW.noise, flicker=1.0, baseline=0.0))
    early = draw(loud, 3000, seed=1).samples[:, :12]
    assert np.sqrt(np.mean(early**2)) == pytest.approx(np.sqrt(2) * loud.sigma, rel=0.05)


def test_a_pulse_on_top_is_one_more_pulse_of_the_law():
    law = quiet(pileup_ns=50.0)
    found, plain = draw(law, 300, seed=6), draw(quiet(), 300, seed=6)
    more = found.samples - plain.samples
    assert more.min() > -1e-3
    assert 0.2 < more.max() < 1.9


def test_laws_are_mixed_in_equal_parts():
    laws = [LAW, LAW.under("wander"), LAW.under("pile-up")]
    mixed = draw_mixed(laws, 31, seed=1)
    assert len(mixed) == 31
    parts = [draw(laws[at], count, seed=(1, at)) for at, count in enumerate((11, 10, 10))]
    rows = sorted(map(tuple, np.concatenate([part.codes for part in parts]).tolist()))
    assert sorted(map(tuple, mixed.codes.tolist())) == rows
    with pytest.raises(ConfigError, match="one law or more"):
        draw_mixed([], 5, seed=1)


@pytest.mark.parametrize("rows", [0, True, 10**9])
def test_a_number_of_rows_that_is_none_is_refused(rows):
    with pytest.raises(ConfigError, match=f"rows must be 1 to 4000000, not {rows}"):
        draw(LAW, rows, seed=1)
