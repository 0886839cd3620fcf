import numpy as np
import pytest

from netwright.backends.rtl.cells.affine import Affine
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Wire
from netwright.backends.rtl.cells.rescaling import addends, limit, limit_all, round_off
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


def limited(stage_holds: int | None, *stages: int) -> list[tuple[int, int]]:
    """What the cells check that limit elements, each done in a stage, to 4 bits."""
    layer = LayerBuilder("l", stage_holds)
    names = [f"w{number}" for number in range(len(stages))]
    layer.times.update((name, (stage, 1)) for name, stage in zip(names, stages, strict=True))
    values = [Affine(Wire(name, (-30, 40))) for name in names]
    found = limit_all(values, [(-8, 7)] * len(values), layer, names)
    assert {value.interval for value in found} == {(-8, 7)}
    clamps = [cell.parameters for cell in layer.cells if cell.module == "clamp"]
    return [(given["CHECK_LOW"], given["CHECK_HIGH"]) for given in clamps]


def test_an_element_that_is_done_early_is_limited_one_side_after_the_other() -> None:
    assert limited(1, 0, 3) == [(1, 0), (0, 1), (1, 1)]
    assert limited(1, 3, 3) == [(1, 1)] * 2  # a register more would delay all of them
    assert limited(2, 0, 3) == [(1, 1)] * 2  # both would share a stage, without a register between
    assert limited(None, 0, 0) == [(1, 1)] * 2
