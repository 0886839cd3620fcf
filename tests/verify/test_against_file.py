"""The user's file against the graph: what is equal, what is explained, what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from netwright.errors import ConfigError, NotExecutable, VerificationError
from netwright.formats import Int
from netwright.ir import Graph, Interpreter, Node, Note, TensorType, real_values
from netwright.verify import Stimulus, compare_file
from netwright.verify.against_file import _OnBorders
from tests.verify.graphs import dense

ROWS = np.random.default_rng(0).normal(size=(40, 6))


@dataclass
class Altered:
    """The graph's own outputs, changed; a stand-in for a file."""

    graph: Graph
    narrow: Callable[[np.ndarray], np.ndarray]
    wide: Callable[[np.ndarray], np.ndarray] | None = None
    name: str = "mine.onnx"

    def run(self, inputs: np.ndarray, *, precision: str = "file") -> tuple[np.ndarray, ...]:
        if precision == "float64" and self.wide is None:
            raise NotExecutable("no float64 here")
        change = self.narrow if precision == "file" else self.wide
        assert change is not None
        codes = Interpreter.of(self.graph).run(inputs)
        name = self.graph.outputs[0]
        return (change(real_values(self.graph, name, codes[name])),)


def step(graph: Graph) -> float:
    return float(graph.types[graph.outputs[0]].scale[0])


def one_off(graph: Graph, row: int = 3) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        changed = values.copy()
        if len(values) > row:
            changed[row, 1] += step(graph)
        return changed

    return change


def test_equal_up_to_noise_is_identical() -> None:
    graph = dense()
    file = Altered(graph, lambda v: v * (1 + 2.0**-23))
    result = compare_file(graph, file, ROWS)
    assert (result.rows, result.identical, result.holds) == (40, 40, True)
    assert (result.first, result.unexplained) == (None, None)
    assert 0 < result.worst <= np.abs(file.run(ROWS)[0]).max() * 2.0**-22
    assert result.worst_steps == result.worst / step(graph)


def test_other_shape_in_float64_is_an_obstacle_only() -> None:
    """A reference that is wrong itself does not hide what the file gave."""
    graph = dense()
    file = Altered(graph, one_off(graph), wide=lambda values: values[:, :-1])
    result = compare_file(graph, file, ROWS)
    assert (result.rows, result.identical, result.holds) == (40, 39, False)
    assert result.obstacle is not None
    assert "has the shape" in result.obstacle
    assert result.unexplained is not None
    assert "row 3 index [1]" in result.unexplained


def finer() -> Graph:
    """The graph with its output on a grid 2**16 times as fine, as behind a bias in float."""
    graph = dense()
    source = graph.types[graph.outputs[0]]
    bits = source.dtype.bits + 17
    attrs = {"multiplier": (1 << 16,), "offset": (5,), "shift": 0, "axis": None, "zero_point": 0}
    attrs |= {"rounding": "half-even", "low": -(1 << (bits - 1)), "high": (1 << (bits - 1)) - 1}
    node = Node("bias", "Requantize", (graph.outputs[0],), "answer", attrs)
    made = TensorType(source.shape, Int(bits), tuple(s / 2**16 for s in source.scale))
    types = {**graph.types, "answer": made}
    return replace(graph, outputs=("answer",), nodes=(*graph.nodes, node), types=types)


def test_steps_of_a_finer_output_are_those_of_the_sum() -> None:
    graph = finer()
    off = 2.0**16 * step(graph)
    same = compare_file(graph, Altered(graph, lambda v: v + 4 * step(graph)), ROWS)
    assert (same.identical, same.worst_steps) == (40, pytest.approx(2.0**-14))
    wrong = compare_file(graph, Altered(graph, lambda v: v + off, lambda v: v + off), ROWS)
    assert (wrong.identical, wrong.holds) == (0, False)


def test_channel_of_zeros_has_the_steps_of_the_others() -> None:
    """A factor of 0 makes values that are 0 and no step of 0, which everything were far from."""
    graph = dense()
    source = graph.types[graph.outputs[0]]
    factors = tuple(int(channel > 0) for channel in range(source.shape[1]))
    bits = source.dtype.bits
    attrs = {"multiplier": factors, "offset": (0,), "shift": 0, "axis": 1, "zero_point": 0}
    attrs |= {"rounding": "half-even", "low": -(1 << (bits - 1)), "high": (1 << (bits - 1)) - 1}
    node = Node("mask", "Requantize", (graph.outputs[0],), "answer", attrs)
    types = {**graph.types, "answer": source}
    graph = replace(graph, outputs=("answer",), nodes=(*graph.nodes, node), types=types)
    same = compare_file(graph, Altered(graph, lambda v: v + 1e-4 * step(graph)), ROWS)
    assert (same.rows, same.worst_steps) == (40, pytest.approx(1e-4, rel=1e-3))


def test_half_a_step_is_a_difference() -> None:
    graph = dense()
    result = compare_file(graph, Altered(graph, lambda v: v + 0.4 * step(graph)), ROWS)
    assert (result.identical, result.holds) == (0, False)
    assert result.worst_steps == pytest.approx(0.4)


def test_difference_that_float64_undoes_is_rounding_of_the_file() -> None:
    graph = dense()
    result = compare_file(graph, Altered(graph, one_off(graph), lambda v: v), ROWS)
    assert (result.identical, result.float32, result.noted, result.holds) == (39, 1, 0, True)
    assert result.unexplained is None
    assert result.first is not None
    assert result.first.startswith('output "fc3_sum" row 3 index [1]: mine.onnx gives ')
    assert result.first.endswith(", 1 steps apart")


def test_difference_in_float64_too_is_not_explained() -> None:
    graph = dense()
    everywhere = lambda v: v + step(graph)  # noqa: E731
    result = compare_file(graph, Altered(graph, everywhere, everywhere), ROWS)
    assert (result.identical, result.float32, result.noted, result.holds) == (0, 0, 0, False)
    assert result.unexplained == result.first is not None


def test_without_float64_nothing_is_explained_by_it() -> None:
    graph = dense()
    result = compare_file(graph, Altered(graph, one_off(graph)), ROWS)
    assert (result.float32, result.holds) == (0, False)
    assert result.obstacle == "no float64 here"


def noted(*, said: float) -> tuple[Graph, Graph]:
    """A graph of codes, and the same read with another scale, of which a note says so much."""
    grid = {"scale": (0.25,), "low": -8, "high": 7, "rounding": "half-even"}
    types = {"x": TensorType((1, 6)), "y": TensorType((1, 6), Int(4), (0.25,))}
    nodes = (Node("q", "Quantize", ("x",), "y", grid),)
    graph = Graph("g", ("x",), ("y",), nodes, types, {})
    graph = replace(graph, notes=(Note("q", "scaled", 0.04, said, said),))
    quant = {"bits": 4, "signed": 1, "rounding": "half-even", "scale": (0.26,), "axis": None}
    reals = {name: TensorType((1, 6)) for name in "xy"}
    before = Graph("g", ("x",), ("y",), (Node("q", "Quant", ("x",), "y", quant),), reals, {})
    return graph, before


class AsRead:
    """A file that is what was read."""

    name = "mine.onnx"

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def run(self, inputs: np.ndarray, *, precision: str = "file") -> tuple[np.ndarray, ...]:
        return (Interpreter.of(self.graph).run(inputs)[self.graph.outputs[0]],)


INSIDE = np.tile(np.arange(-5, 6)[:, None] * 0.255, 6)


def test_difference_that_a_note_names_is_explained() -> None:
    graph, before = noted(said=0.1)
    result = compare_file(graph, AsRead(before), INSIDE, before_notes=before)
    assert (result.identical, result.noted, result.holds) == (1, 10, True)
    assert result.worst == pytest.approx(0.05)
    assert not compare_file(graph, AsRead(before), INSIDE).holds


def test_what_was_read_is_not_below_nothing_where_codes_cancel() -> None:
    """In floats 3 times 0.7 less 7 times 0.3 may be below nothing, and rounded down one step."""
    quant = {"bits": 8, "signed": 1, "rounding": "half-even", "scale": (0.1,), "axis": None}
    down = {**quant, "rounding": "floor", "scale": (0.3,)}
    types = {"x": TensorType((1, 3)), "q": TensorType((1, 3)), "w": TensorType((3, 1))}
    types |= {name: TensorType((1, 1)) for name in "my"}
    nodes = (
        Node("q", "Quant", ("x",), "q", quant),
        Node("m", "MatMul", ("q", "w"), "m"),
        Node("y", "Quant", ("m",), "y", down),
    )
    weights = np.array([[3], [-7], [5]]) * 0.1
    before = Graph("g", ("x",), ("y",), nodes, types, {"w": weights})
    codes = np.array([[a, b, (7 * b - 3 * a) // 5] for a in range(10) for b in range(10)])
    rows = codes[codes @ np.array([3, -7, 5]) == 0] * 0.1
    assert np.min(Interpreter.of(before).run(rows)["y"]) < 0
    assert not np.any(_OnBorders.of(before).run(rows)["y"])
    # at the first quantizer a value beside a border stays beside it
    beside = np.full((1, 3), np.nextafter(0.15, 0))
    kept = _OnBorders.of(replace(before, outputs=("q",))).run(beside)["q"]
    np.testing.assert_array_equal(kept, np.full((1, 3), 0.1))


def test_difference_larger_than_the_note_says_is_not_explained() -> None:
    graph, before = noted(said=0.02)
    result = compare_file(graph, AsRead(before), INSIDE, before_notes=before)
    assert (result.identical, result.noted, result.holds) == (1, 4, False)
    assert result.unexplained is not None


@pytest.mark.parametrize("said", [0.0, 15 * 0.25, np.inf])
def test_note_that_would_excuse_anything_explains_nothing(said: float) -> None:
    """It bounds nothing, or by no less than the 15 steps that the output has."""
    graph, before = noted(said=said)
    result = compare_file(graph, AsRead(before), INSIDE, before_notes=before)
    assert (result.identical, result.noted, result.holds) == (1, 0, False)


def test_note_does_not_excuse_a_wrong_reading() -> None:
    """The file is neither what the graph is nor what was read."""
    graph, before = noted(said=0.1)
    other = before.with_node(
        replace(before.nodes[0], attrs={**before.nodes[0].attrs, "scale": (0.27,)})
    )
    result = compare_file(graph, AsRead(other), INSIDE, before_notes=before)
    assert (result.noted, result.holds) == (0, False)


def test_what_is_not_finite_differs() -> None:
    graph = dense()
    result = compare_file(graph, Altered(graph, lambda v: v * np.nan, lambda v: v * np.nan), ROWS)
    assert (result.identical, result.holds) == (0, False)
    assert result.worst == np.finfo(np.float64).max


def test_nothing_checked_is_refused() -> None:
    graph = dense()
    with pytest.raises(ConfigError, match='stimulus "none" has no rows'):
        compare_file(graph, Altered(graph, lambda v: v), Stimulus("none", np.zeros((0, 6))))


def test_outputs_of_another_shape_are_told() -> None:
    graph = dense()
    with pytest.raises(VerificationError, match=r'mine.onnx: output "fc3_sum" has the shape'):
        compare_file(graph, Altered(graph, lambda v: v[:, :2]), ROWS)


def test_rounding_in_front_of_the_quantizer_is_seen_in_float64() -> None:
    """The file and the graph quantize in different precisions; exactly computed they agree."""
    grid = {"scale": (0.1,), "low": -8, "high": 7, "rounding": "half-even"}
    types = {"x": TensorType((1, 6)), "y": TensorType((1, 6), Int(4), (0.1,))}
    exact = Graph("g", ("x",), ("y",), (Node("q", "Quantize", ("x",), "y", grid),), types, {})
    single = exact.with_node(replace(exact.nodes[0], attrs={**grid, "precision": "float32"}))

    class Rough:
        name = "mine.onnx"

        def run(self, inputs: np.ndarray, *, precision: str = "file") -> tuple[np.ndarray, ...]:
            moved = inputs if precision == "all-float64" else inputs + 1e-5
            return (real_values(exact, "y", Interpreter.of(exact).run(moved)["y"]),)

    rows = np.tile((np.arange(-7, 7) + 0.5)[:, None] * 0.1 - 1e-6, 6)
    result = compare_file(single, Rough(), rows)
    assert (result.identical, result.float32, result.holds) == (0, 14, True)
    assert not compare_file(exact, Rough(), rows).holds
