import numpy as np
import pytest

from netwright.backends.rtl.cells.affine import Affine
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Wire
from netwright.backends.rtl.cells.rescaling import addends, limit, round_off
from netwright.formats import Rounding
from netwright.ir import round_shift

SIGN_FREE = [mode for mode in Rounding if mode is not Rounding.HALF_EVEN]


@pytest.mark.parametrize("mode", SIGN_FREE)
@pytest.mark.parametrize("shift", [1, 2, 5])
def test_addends_make_a_mode_of_a_plain_shift(mode: Rounding, shift: int) -> None:
    values = np.arange(-200, 200)
    below, above = addends(mode, shift)
    shifted = (values + np.where(values < 0, below, above)) >> shift
    assert np.array_equal(shifted, round_shift(values, shift, mode))


@pytest.mark.parametrize("mode", list(Rounding))
@pytest.mark.parametrize("value", [-13, -12, -4, 0, 2, 6, 10, 13])
def test_a_constant_is_rounded_at_once(mode: Rounding, value: int) -> None:
    layer = LayerBuilder("l", None)
    expected = int(round_shift(np.array([value]), 2, mode)[0])
    assert round_off(Affine(None, offset=value), 2, mode, layer, "n") == Affine(
        None, 0, False, expected
    )
    assert layer.cells == []


@pytest.mark.parametrize("mode", list(Rounding))
def test_the_interval_after_rounding_is_exact(mode: Rounding) -> None:
    for low, high in ((-9, 13), (0, 31), (-40, -3), (-2, 2)):
        layer = LayerBuilder("l", None)
        layer.times["w"] = (0, 0)
        found = round_off(Affine(Wire("w", (low, high)), offset=3), 2, mode, layer, "n")
        values = round_shift(np.arange(low + 3, high + 4), 2, mode)
        assert found.interval == (values.min(), values.max())


def test_limits_that_are_never_passed_take_no_cell() -> None:
    layer = LayerBuilder("l", None)
    layer.times["w"] = (0, 0)
    value = Affine(Wire("w", (0, 9)))
    assert limit(value, 0, 15, layer, "n") is value
    assert limit(value, 0, 7, layer, "n").interval == (0, 7)
    assert layer.cells[0].parameters["CHECK_LOW"] == 0
    assert limit(value, -9, -1, layer, "n") == Affine(None, offset=-1)
