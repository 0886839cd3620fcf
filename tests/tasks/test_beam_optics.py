"""Matrices against the exponential of their generators, energies against the published ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import expm

from netwright.tasks.beam_optics import ARGON, Gap, drift, solenoid


def test_rigidity_is_the_published_one() -> None:
    assert ARGON.rigidity(54.24) == pytest.approx(0.5587, abs=5e-4)


@pytest.mark.parametrize("field", [-4.9, 0.0, 1e-7, 5.3])
def test_solenoid_is_the_exponential_in_the_rotating_frame(field: float) -> None:
    # Inside, with canonical momenta: x'' = 2k y' and so on; the edges add the turn of the frame.
    length, rigidity = 0.15, 0.5587
    k = field / (2 * rigidity)
    generator = np.array(
        [[0, 1, k, 0], [-k * k, 0, 0, k], [-k, 0, 0, 1], [0, -k, -k * k, 0]], dtype=float
    )
    assert_allclose(
        solenoid(np.array(field), length, rigidity), expm(generator * length), atol=1e-12
    )


def test_matrices_conserve_phase_space() -> None:
    assert np.linalg.det(solenoid(np.array([3.0, -5.0]), 0.2, 0.6)) == pytest.approx(1.0)
    assert np.linalg.det(drift(2.0)) == 1.0
    gap = Gap(0.8, np.deg2rad(-30), 1.85)
    shrinks = ARGON.momentum(54.0) / ARGON.momentum(54.0 + gap.gain(ARGON))
    assert np.linalg.det(gap.matrix(ARGON, 54.0)) == pytest.approx(shrinks**2)


def test_gap_defocuses_before_the_crest_and_gains_what_the_phase_says() -> None:
    gap = Gap(0.8, np.deg2rad(-60), 1.85)
    assert gap.gain(ARGON) == pytest.approx(12 * 0.8 * 0.5)
    assert gap.matrix(ARGON, 54.0)[1, 0] > 0
    assert Gap(0.8, np.deg2rad(60), 1.85).matrix(ARGON, 54.0)[1, 0] < 0
    assert Gap(0.8, 0.0, 1.85).matrix(ARGON, 54.0)[1, 0] == 0
