import numpy as np

from netwright.backends.rtl.cells.affine import Affine
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Wire
from netwright.backends.rtl.unrolled.constant_products import multiply, scale


def layer() -> LayerBuilder:
    made = LayerBuilder("l", None)
    made.times |= {"a": (0, 0), "b": (0, 0)}
    return made


A, B = Wire("a", (0, 3)), Wire("b", (-2, 1))


def test_constants_become_offsets() -> None:
    made = layer()
    products = multiply([A, 5], np.array([[4, 0], [2, -3]]), made, "n")
    assert products == [Affine(A, 2, False, 10), Affine(None, offset=-15)]
    assert made.cells == []


def test_the_interval_of_a_sum_is_exact() -> None:
    made = layer()
    (product,) = multiply([A, B], np.array([[3], [-5]]), made, "n")
    values = [3 * a - 5 * b for a in range(4) for b in range(-2, 2)]
    assert product.interval == (min(values), max(values))


def test_scale_by_powers_of_two_takes_no_cell() -> None:
    made = layer()
    assert scale(Affine(A, 1, True, 3), -4, made, "n") == Affine(A, 3, False, -12)
    assert scale(Affine(A), 0, made, "n") == Affine(None)
    assert made.cells == []


def test_scale_by_another_number() -> None:
    made = layer()
    assert scale(Affine(A, offset=1), 5, made, "n").interval == (5, 20)
    assert [cell.module for cell in made.cells] == ["shift_adder"]
