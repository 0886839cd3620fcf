import numpy as np
import pytest

from netwright.errors import GraphError, NumericsError
from netwright.exchange.hgq.builder import HgqBuilder, Value
from netwright.exchange.hgq.formats import Formats
from netwright.formats import Overflow, Rounding
from netwright.ir import Graph, Interpreter, real_values
from netwright.passes import realize


def formats(fractions: object, *, integers: int = 3, overflow: Overflow = Overflow.WRAP) -> Formats:
    array = np.asarray(fractions)
    signed, whole = np.ones(array.shape, bool), np.full(array.shape, integers)
    return Formats(signed, whole, array, Rounding.HALF_UP, overflow)


def entered(shape: tuple[int, ...], own: Formats) -> tuple[HgqBuilder, Value]:
    builder = HgqBuilder()
    builder.enter("x", shape)
    return builder, builder.take("x", own, "first")


def values_of(graph: Graph, rows: np.ndarray) -> np.ndarray:
    output = graph.outputs[0]
    return real_values(graph, output, Interpreter.of(graph).run(rows)[output])


def rounded(values: np.ndarray, fractions: object, *, integers: int = 3) -> np.ndarray:
    step, span = 2.0 ** -np.asarray(fractions), 2.0**integers
    return np.mod(np.floor(values / step + 0.5) * step + span, 2 * span) - span


def test_an_input_wraps_in_the_format_of_every_element() -> None:
    fractions = np.array([0, 2, 5])
    builder, value = entered((3,), formats(fractions))
    rows = np.random.default_rng(0).normal(size=(500, 3)) * 8
    found = values_of(builder.finish("net", value, ""), rows)
    assert np.array_equal(found, rounded(rows, fractions))


def test_an_input_saturates_in_the_format_of_every_element() -> None:
    own = formats(np.array([0, 2, -1]), overflow=Overflow.SATURATE)
    builder, value = entered((3,), own)
    rows = np.array([[-99.0, -99.0, -99.0], [99.0, 99.0, 99.0], [2.5, 2.5, 3.0]])
    found = values_of(builder.finish("net", value, ""), rows)
    assert found.tolist() == [[-8, -8, -8], [7, 7.75, 6], [3, 2.5, 4]]


def test_an_input_next_to_a_border_is_rounded_in_single_precision() -> None:
    builder, value = entered((1,), formats(np.array([3]), overflow=Overflow.SATURATE))
    graph = builder.finish("net", value, "")
    below = np.nextafter(np.float32(0.0625), np.float32(0))
    rows = np.array([[below], [-below], [0.0625], [0.1875]], dtype=np.float64)
    assert values_of(graph, rows).tolist() == [[0.125], [0], [0.125], [0.25]]
    with pytest.raises(NumericsError, match="by adding one half in single precision"):
        realize(graph)


def test_formats_along_several_axes_need_a_flat_input() -> None:
    fractions = np.array([[0, 1, 2], [3, 1, 0]])
    builder, value = entered((2, 3), formats(fractions))
    graph = builder.finish("net", value, "")
    assert graph.types["x"].shape == (1, 6)
    assert graph.types[graph.outputs[0]].shape == (1, 2, 3)
    assert [note.text for note in graph.notes] == [
        "its input of shape (2, 3) is read as a flat one of 6 values"
    ]
    rows = np.random.default_rng(0).normal(size=(500, 2, 3)) * 8
    found = values_of(graph, rows.reshape(-1, 6))
    assert np.array_equal(found, rounded(rows, fractions))


def test_an_input_read_twice_cannot_become_flat() -> None:
    builder, _ = entered((2, 3), formats(np.zeros((2, 3), dtype=int)))
    with pytest.raises(GraphError, match='input "x" is read by several quantizers'):
        builder.take("x", formats(np.array([[0, 1, 2], [3, 1, 0]])), "second")


def test_formats_inside_may_vary_along_all_axes() -> None:
    fractions = np.array([[0, 1, 2], [3, 1, 0]])
    builder, value = entered((2, 3), formats(np.full((2, 3), 5)))
    made = builder.quantize(value, formats(fractions, integers=1), "second")
    rows = np.random.default_rng(0).normal(size=(500, 2, 3)) * 4
    found = values_of(builder.finish("net", made, ""), rows)
    assert np.array_equal(found, rounded(rounded(rows, 5), fractions, integers=1))


def test_sums_of_elements_with_other_steps() -> None:
    builder, first = entered((3,), formats(np.array([0, 2, 5])))
    second = builder.take("x", formats(np.array([3, 1, 5])), "second")
    rows = np.random.default_rng(0).normal(size=(200, 3))
    found = values_of(builder.finish("net", builder.add(first, second, "sum"), ""), rows)
    assert np.array_equal(found, rounded(rows, [0, 2, 5]) + rounded(rows, [3, 1, 5]))
    with pytest.raises(GraphError, match=r"adds tensors of shapes \(3,\) and \(1, 3\)"):
        builder.add(first, builder.reshape(second, (1, 3), "rows"), "sum2")


def test_factors_and_offsets_of_channels() -> None:
    builder, value = entered((3,), formats(np.array([0, 2, 5])))
    factors, offsets = np.array([0.75, -2.0, 0.0]), np.array([0.125, 0.0, -3.0])
    rows = np.random.default_rng(0).normal(size=(200, 3))
    made = builder.affine(value, factors, offsets, "bn")
    found = values_of(builder.finish("net", made, ""), rows)
    assert np.array_equal(found, rounded(rows, [0, 2, 5]) * factors + offsets)


def test_values_too_far_apart_are_refused() -> None:
    builder, value = entered((2,), formats(np.array([0, 0])))
    kernel = np.array([[2.0**40], [2.0**-40]])
    with pytest.raises(
        NumericsError, match=r"makes values of up to \d+ bits|whole steps of 62 bits"
    ):
        builder.product(value, kernel, None, "fc")
