from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.tasks import BiExponential, CrRc, Tabulated

TIMES = np.linspace(-20, 300, 3201)
SHAPES = (CrRc(), CrRc(4, 10.0), BiExponential(), BiExponential(1.0, 230.0))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_pulse_is_one_at_its_peak_and_nothing_before_it_begins(shape):
    values = shape.value(TIMES)
    assert values.max() == pytest.approx(1.0, abs=1e-4)
    assert TIMES[values.argmax()] == pytest.approx(shape.peak_ns, abs=0.1)
    assert not values[TIMES <= 0].any()
    assert shape.value(np.array([shape.peak_ns])) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_slopes_are_the_differences_of_values(shape):
    times, step = np.array([-5.0, 0.5, 3.0, 11.0, 40.0, 150.0]), 1e-5
    slopes = (shape.value(times + step) - shape.value(times - step)) / (2 * step)
    assert shape.slope(times) == pytest.approx(slopes, abs=1e-8)


def test_the_semi_gaussian_pulse_has_its_known_rise_and_slope():
    values = CrRc(2, 20.0).value(TIMES)
    rising = TIMES[(values >= 0.1) & (values <= 0.9) & (TIMES < 40)]
    assert np.ptp(rising) == pytest.approx(23.0, abs=0.3)
    assert CrRc(2, 20.0).slope(TIMES).max() == pytest.approx(0.0426, abs=2e-4)  # 1/ns


def test_a_stretch_is_a_factor_of_the_time_constant():
    assert CrRc(2, 20.0).value(TIMES, 1.5) == pytest.approx(CrRc(2, 30.0).value(TIMES))
    assert BiExponential(8, 40).value(TIMES, 1.25) == pytest.approx(
        BiExponential(10, 50).value(TIMES)
    )


def test_a_tabulated_pulse_is_straight_between_its_values():
    shape = Tabulated(2.0, np.array([0.0, 1.0, 4.0, 2.0]))
    assert shape.peak_ns == 4.0
    times = np.array([-1.0, 1.0, 3.0, 5.0, 7.0])
    assert shape.value(times) == pytest.approx([0.0, 0.125, 0.625, 0.75, 0.0])
    assert shape.slope(np.array([2.0, 4.0])) == pytest.approx([0.25, 0.0625])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CrRc(0), "order must be 1 to 8, not 0"),
        (lambda: CrRc(2, float("nan")), "tau_ns must be above 0, not nan"),
        (lambda: BiExponential(40, 40), "rise_ns must be below decay_ns, 40, not 40"),
        (lambda: BiExponential(-1, 40), "rise_ns must be above 0, not -1"),
        (
            lambda: Tabulated(1.0, np.zeros(5)),
            "a tabulated pulse needs two values or more, one of them above 0",
        ),
    ],
)
def test_shapes_that_are_none_are_refused(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert caught.value.message == message
