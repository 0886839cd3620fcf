"""Showers: against closed forms, and against a published mean profile of another program."""

from __future__ import annotations

import math

import numpy as np
import pytest

from netwright.tasks import calorimeter_showers as showers

LENGTHS = np.array([0.667, *[0.652, 0.665] * 4, 0.652, *[0.893, 0.886] * 5, *[1.292, 1.277] * 4])
ELECTRON_35_GEV_MIPS = np.array(
    [1.5874, 3.3291, 6.1224, 10.6888, 14.4497, 20.3249, 22.7999, 28.3454, 31.4394, 40.9882,
     36.8994, 37.8882, 31.1828, 30.3768, 23.5351, 22.3839, 16.3414, 15.1179, 12.3962, 12.1699,
     7.4253, 5.9549, 3.7008, 2.9236, 1.6568, 1.4056, 1.2952, 0.8951]
)  # fmt: skip
"""Mean layer profile of 35 GeV electrons from full simulation, LLRCMS/HGCAL-FastShower."""

MEV_PER_MIP = np.array([8.9] * 9 + [9.8] + [11.1] * 9 + [12.9] + [15.0] * 7 + [42.0])


def many(energy: float, count: int = 3000) -> showers.Profiles:
    return showers.sample_profiles(np.full(count, energy), 1.3, np.random.default_rng(1))


def test_mean_depth_is_that_of_full_simulation() -> None:
    end = np.cumsum(LENGTHS)
    begin, middle = end - LENGTHS, end - LENGTHS / 2
    profiles = many(35.0)
    rows = len(profiles.energy)
    ours = np.array(
        [
            showers.energy_fraction(profiles, np.full(rows, low), np.full(rows, high)).mean()
            for low, high in zip(begin, end, strict=True)
        ]
    )
    full = ELECTRON_35_GEV_MIPS * MEV_PER_MIP
    assert ours.sum() == pytest.approx(1.0, abs=0.01)
    assert ours @ middle / ours.sum() == pytest.approx(full @ middle / full.sum(), abs=0.3)


def test_energy_fraction_is_the_incomplete_gamma_function() -> None:
    special = pytest.importorskip("scipy.special", reason="needs scipy (extra solve)")
    profiles = many(20.0, 200)
    beta = (profiles.alpha - 1) / profiles.t_max
    begin, end = np.full(200, 6.0), np.full(200, 7.3)
    wanted = special.gammainc(profiles.alpha, beta * end) - special.gammainc(
        profiles.alpha, beta * begin
    )
    assert showers.energy_fraction(profiles, begin, end) == pytest.approx(wanted, abs=1e-12)


def test_nothing_is_left_before_the_shower_starts() -> None:
    profiles = many(20.0, 5)
    assert (showers.energy_fraction(profiles, np.full(5, -3.0), np.full(5, -1.0)) == 0).all()


def test_profiles_fluctuate_as_published() -> None:
    energy = 50.0
    log_y = math.log(energy / showers.CRITICAL_GEV)
    profiles = many(energy, 40_000)
    log_t, log_alpha = np.log(profiles.t_max), np.log(profiles.alpha)
    assert log_t.std() == pytest.approx(1 / (-2.5 + 1.25 * log_y), rel=0.03)
    assert log_alpha.std() == pytest.approx(1 / (-0.82 + 0.79 * log_y), rel=0.03)
    rho = 0.784 - 0.023 * log_y
    assert np.corrcoef(log_t, log_alpha)[0, 1] == pytest.approx(rho, abs=0.02)


@pytest.mark.parametrize("energy", [0.001, 0.05, 1.0, 5000.0])
def test_every_energy_gives_finite_profiles_and_radii(energy: float) -> None:
    profiles = many(energy, 500)
    radii = showers.sample_radii(
        profiles, np.full(500, 9.0), 1.3, np.full(500, 3), np.random.default_rng(2)
    )
    assert radii.shape == (1500,)
    assert np.isfinite(radii).all()
    assert 0 <= radii.min() <= radii.max() <= showers.MAX_RADIUS_CM
    share = showers.energy_fraction(profiles, np.full(500, 8.6), np.full(500, 9.4))
    assert ((share >= 0) & (share <= 1)).all()


def test_showers_widen_with_depth() -> None:
    profiles = many(50.0, 2000)
    few = np.full(2000, 10)
    rng = np.random.default_rng(3)
    early, late = (
        np.median(showers.sample_radii(profiles, np.full(2000, depth), 1.3, few, rng))
        for depth in (3.0, 14.0)
    )
    assert late > 1.5 * early
