import pytest

from netwright.backends.rtl.cells.affine import Affine, settle
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Wire

WIRE = Wire("w", (-3, 5))


def layer() -> LayerBuilder:
    made = LayerBuilder("l", None)
    made.times["w"] = (0, 0)
    return made


@pytest.mark.parametrize(
    ("value", "interval"),
    [
        (Affine(None, offset=7), (7, 7)),
        (Affine(WIRE), (-3, 5)),
        (Affine(WIRE, shift=2, offset=1), (-11, 21)),
        (Affine(WIRE, negate=True, offset=1), (-4, 4)),
    ],
)
def test_interval(value: Affine, interval: tuple[int, int]) -> None:
    assert value.interval == interval


def test_products_and_sums_are_carried_along() -> None:
    assert Affine(WIRE, 1, False, 3).plus(2).times(-1, 2) == Affine(WIRE, 3, True, -20)
    assert Affine(None, offset=3).times(-1, 2) == Affine(None, offset=-12)


def test_a_shift_back_is_exact_or_refused() -> None:
    assert Affine(WIRE, 3, False, 13).shifted_right(2) == Affine(WIRE, 1, False, 3)
    assert Affine(WIRE, 1).shifted_right(2) is None


def test_what_is_a_wire_already_takes_no_cell() -> None:
    made = layer()
    assert settle(Affine(WIRE), made, "y") == WIRE
    assert settle(Affine(None, offset=4), made, "y") == 4
    assert made.cells == []


def test_the_zeros_of_an_offset_take_no_carry_chain() -> None:
    made = layer()
    settle(Affine(WIRE, offset=8), made, "y")
    (cell,) = made.cells
    assert cell.parameters["SKIP"] == 3
    assert cell.output == Wire("y", (5, 13))


def test_a_shift_takes_no_adder() -> None:
    made = layer()
    wire = settle(Affine(WIRE, shift=2, offset=3), made, "y")
    assert isinstance(wire, Wire)
    assert made.times[wire.name] == (0, 0)
