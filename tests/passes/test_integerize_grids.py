"""Unlike scales meet on one grid, exactly where codes stay narrow enough."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from netwright.errors import NumericsError
from netwright.ir import interpret, real_values
from netwright.passes import integerize
from netwright.passes.integerize_grids import GUARD_BITS, common_grid
from netwright.passes.rationals import exact
from tests.exchange.graphs import Sketch, inputs_for, quant


@pytest.mark.parametrize(
    ("scales", "grid"),
    [
        ((0.25, 1.0), Fraction(1, 4)),
        ((-0.5, 1.5), Fraction(1, 2)),
        ((0.5, 0.75), Fraction(1, 4)),
        ((Fraction(1, 6), Fraction(1, 4)), Fraction(1, 12)),
    ],
)
def test_the_grid_is_the_coarsest_that_holds_all(scales: tuple[float, ...], grid: Fraction) -> None:
    assert common_grid([exact(scale) for scale in scales], 100).tolist() == [grid]


def test_a_grid_that_would_be_too_fine_is_finer_by_guard_bits() -> None:
    found = common_grid([exact(0.1), exact(0.3)], 100)
    assert found.tolist() == [Fraction(0.1) / 2**GUARD_BITS]


@pytest.mark.parametrize(("scales", "is_exact"), [((0.5, 0.75), True), ((0.1, 0.3), False)])
def test_channels_that_a_move_spreads_get_one_scale(
    scales: tuple[float, float], is_exact: bool
) -> None:
    sketch = Sketch((1, 2, 3))
    last = sketch.quantized("Quant", ("x",), quant(4, scales, axis=1))
    last = sketch.quantized("Transpose", (last,), {"order": (0, 2, 1)})
    graph = sketch.graph(sketch.quantized("Reshape", (last,), {"shape": (1, 2, 3)}))
    integers = integerize(graph)
    (name,) = graph.outputs
    assert len(integers.types[name].scale) == 1
    rows = inputs_for(graph, np.random.default_rng(0))
    off = real_values(integers, name, interpret(integers, rows)[name])
    off = np.abs(off - interpret(graph, rows)[name])
    assert (integers.notes == ()) == is_exact
    assert np.max(off) <= sum(note.output_bound for note in integers.notes) + 1e-15


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("window", [(2, 1), (3, 2)])
def test_channels_that_meet_in_a_window_get_one_scale(op: str, window: tuple[int, int]) -> None:
    sketch = Sketch((1, 3, 2, 4))
    last = sketch.quantized("Quant", ("x",), quant(4, (0.25, 1.0, 0.75), axis=1))
    last = sketch.quantized("Transpose", (last,), {"order": (0, 2, 1, 3)})
    attrs = {"kernel": window, "strides": (1, 1), "pads": (0, 0, 0, 0)}
    graph = sketch.graph(sketch.quantized(op, (last,), attrs))
    integers = integerize(graph)
    (name,), rows = graph.outputs, inputs_for(graph, np.random.default_rng(0))
    found = real_values(integers, name, interpret(integers, rows)[name])
    np.testing.assert_allclose(found, interpret(graph, rows)[name], rtol=1e-12)
    assert integers.notes == ()


@pytest.mark.parametrize("bits", [14, 16])
def test_codes_too_wide_for_an_exact_ratio_are_bounded_through_later_products(bits: int) -> None:
    rng = np.random.default_rng(1)
    sketch = Sketch((1, 3))
    last = sketch.quantized("Quant", ("x",), quant(bits, 0.037))
    for index in range(3):
        weights = sketch.real(f"w{index}", rng.normal(size=(3, 3)))
        scales = tuple(map(float, rng.uniform(0.01, 0.3, 3)))
        weights = sketch.quantized("Quant", (weights,), quant(7, scales, axis=1))
        last = sketch.quantized("MatMul", (last, weights))
    graph = sketch.graph(last)
    integers = integerize(graph)
    name, rows = last, inputs_for(graph, np.random.default_rng(0))
    off = real_values(integers, name, interpret(integers, rows)[name])
    off = np.abs(off - interpret(graph, rows)[name])
    said = [note.output_bound for note in integers.notes]
    coarse = [note.output_bound for note in integers.notes if "common" in note.text]
    assert sum(coarse) < np.max(off) <= sum(said)
    assert all(bound > 0 for bound in said)


def test_extremes_of_extremes_of_unlike_scales_keep_their_codes() -> None:
    """Codes of a fine grid do not widen those of a coarse one that stand beside them."""
    sketch = Sketch((1, 4))
    fine = sketch.quantized("Quant", ("x",), quant(6, float(np.float32(0.1))))
    coarse = sketch.quantized("Quant", ("x",), quant(5, float(np.float32(0.33))))
    smaller = largest_of(sketch, fine, coarse)
    last = largest_of(sketch, fine, smaller)
    graph = sketch.graph(sketch.quantized("Quant", (last,), quant(5, 0.21)))
    integers = integerize(graph)
    (name,) = graph.outputs
    assert max(kind.dtype.bits for kind in integers.types.values() if kind.is_integer) <= 44
    assert all(note.output_bound < 0.22 for note in integers.notes)  # one step of the last
    rows = inputs_for(graph, np.random.default_rng(0))
    found = real_values(integers, name, interpret(integers, rows)[name])
    assert np.unique(found).size > 10
    np.testing.assert_allclose(found, interpret(graph, rows)[name], atol=1e-12)


def largest_of(sketch: Sketch, first: str, second: str) -> str:
    """The larger one of two vectors, element by element."""
    columns = [
        sketch.quantized("Reshape", (name,), {"shape": (1, 4, 1)}) for name in (first, second)
    ]
    joined = sketch.quantized("Concat", tuple(columns), {"axis": 2})
    attrs = {"kernel": (2,), "strides": (1,), "pads": (0, 0)}
    return sketch.quantized(
        "Reshape", (sketch.quantized("MaxPool", (joined,), attrs),), {"shape": (1, 4)}
    )


def test_codes_that_are_too_wide_for_any_multiplier_are_refused() -> None:
    sketch = Sketch((1, 4))
    last = sketch.quantized("Quant", ("x",), quant(31, 0.1))
    factor = sketch.real("w", np.full((4, 4), 0.3 * (2**25 - 1)))
    weights = sketch.quantized("Quant", (factor,), quant(26, 0.3))
    last = sketch.quantized("MatMul", (last, weights))
    graph = sketch.graph(sketch.quantized("Quant", (last,), quant(5, 7e20)))
    with pytest.raises(NumericsError, match=r"codes of 5\d bits, for which no multiplier is left"):
        integerize(graph)
