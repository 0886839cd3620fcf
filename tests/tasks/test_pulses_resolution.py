from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.tasks import resolution


def test_the_figures_of_a_gaussian_agree():
    errors = np.random.default_rng(0).normal(0.5, 2.0, 200_000)
    found = resolution(errors)
    assert found.bias == pytest.approx(0.5, abs=0.02)
    assert found.rms == pytest.approx(np.hypot(2.0, 0.5), rel=0.01)
    assert found.sigma == pytest.approx(2.0, rel=0.01)
    assert found.fwhm == pytest.approx(2.3548 * 2.0, rel=0.02)
    assert found.fwhm_of_rms == pytest.approx(2.3548 * found.rms, rel=1e-4)
    assert found.tail == pytest.approx(6.3e-5, abs=6e-5)


def test_outliers_move_the_root_mean_square_only():
    errors = np.random.default_rng(1).normal(size=10_000)
    errors[:100] = 50.0
    found = resolution(errors)
    assert found.rms > 4.5
    assert found.sigma == pytest.approx(1.0, rel=0.05)
    assert found.fwhm == pytest.approx(2.355, rel=0.06)
    assert found.tail == pytest.approx(0.01, abs=1e-3)


def test_equal_errors_have_no_width():
    found = resolution([3.0, 3.0, 3.0])
    assert (found.rms, found.bias, found.sigma, found.fwhm, found.tail) == (3.0, 3.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("errors", [[1.0], [], [1.0, np.nan]])
def test_errors_that_have_no_resolution_are_refused(errors):
    with pytest.raises(DataError, match="a resolution needs two finite errors or more"):
        resolution(errors)
