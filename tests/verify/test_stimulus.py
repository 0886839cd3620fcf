"""Stimuli for graphs of several inputs, and of inputs read by several quantizers."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import DataError, GraphError
from netwright.formats import Int, Rounding
from netwright.ir import Graph, Interpreter, Node, TensorType
from netwright.verify import Stimulus, bit_exact, borders, certify, corners, random, ties
from netwright.verify.stimulus import InputGrid, layouts


def grid(scale: float, bits: int, mode: str = "half-even", **more: object) -> dict:
    low = -(1 << (bits - 1))
    return {"scale": (scale,), "low": low, "high": -low - 1, "rounding": mode, **more}


def graph_of(*quantizers: tuple[str, dict], shapes: dict[str, tuple[int, ...]]) -> Graph:
    """A graph that quantizes its inputs and hands the codes out."""
    types = {name: TensorType((1, *shape)) for name, shape in shapes.items()}
    nodes = []
    for place, (name, attrs) in enumerate(quantizers):
        bits = int(attrs["high"]).bit_length() + 1
        types[f"y{place}"] = TensorType(types[name].shape, Int(bits), attrs["scale"])
        nodes.append(Node(f"q{place}", "Quantize", (name,), f"y{place}", attrs))
    outputs = tuple(node.output for node in nodes)
    return Graph("g", tuple(shapes), outputs, tuple(nodes), types, {})


SEVERAL = graph_of(
    ("a", grid(0.25, 4)), ("b", grid(0.1, 5)), shapes={"b": (2, 2), "a": (3,), "unread": (7,)}
)
TWICE = graph_of(("x", grid(0.25, 4)), ("x", grid(0.01, 6)), shapes={"x": (3,)})


@pytest.mark.parametrize("make", [corners, borders, lambda g: random(g, rows=40)])
def test_every_input_reaches_both_ends(make) -> None:
    stimulus = make(SEVERAL)
    assert isinstance(stimulus.inputs, dict)
    assert list(stimulus.inputs) == ["b", "a", "unread"]
    assert {len(array) for array in stimulus.inputs.values()} == {len(stimulus)}
    codes = Interpreter.of(SEVERAL).run(stimulus.inputs)
    assert (codes["y0"].min(), codes["y0"].max()) == (-8, 7)
    assert (codes["y1"].min(), codes["y1"].max()) == (-16, 15)
    assert not stimulus.inputs["unread"].any()


def test_single_values_of_every_input_have_their_turn() -> None:
    codes = Interpreter.of(SEVERAL).run(corners(SEVERAL).inputs)
    row = np.concatenate([codes["y1"].reshape(-1, 4), codes["y0"]], axis=1)
    for position in range(7):
        alone = row[(np.delete(row, position, axis=1) == 0).all(axis=1), position]
        assert alone.min() < 0 < alone.max()


@pytest.mark.parametrize("make", [borders, lambda g: random(g, rows=400)])
def test_every_quantizer_of_an_input_sees_its_whole_format(make) -> None:
    codes = Interpreter.of(TWICE).run(make(TWICE).inputs)
    assert {-8, 7} <= set(codes["y0"].ravel())
    assert len(set(codes["y1"].ravel()) & set(range(-32, 32))) > 20


def test_sums_of_every_input_are_as_large_as_they_can_be() -> None:
    types = {"a": TensorType((1, 3)), "b": TensorType((1, 3))}
    nodes = []
    for name in "ab":
        types |= {
            f"{name}q": TensorType((1, 3), Int(4), (0.5,)),
            f"{name}w": TensorType((3, 1), Int(4), (1.0,)),
        }
        types |= {f"{name}s": TensorType((1, 1), Int(9), (0.5,))}
        nodes.append(Node(f"q{name}", "Quantize", (name,), f"{name}q", grid(0.5, 4)))
        nodes.append(Node(f"m{name}", "MatMul", (f"{name}q", f"{name}w"), f"{name}s"))
    weights = {"aw": np.array([[1], [-2], [3]]), "bw": np.array([[-1], [2], [-3]])}
    graph = Graph("g", ("a", "b"), ("as", "bs"), tuple(nodes), types, weights)
    sums = Interpreter.of(graph).run(corners(graph).inputs)
    assert (sums["as"].min(), sums["as"].max()) == (-8 - 14 - 24, 7 + 16 + 21)
    assert (sums["bs"].min(), sums["bs"].max()) == (-7 - 16 - 21, 8 + 14 + 24)


@pytest.mark.parametrize("mode", tuple(Rounding))
@pytest.mark.parametrize("precision", [None, "float32", "float64"])
def test_borders_stand_where_the_code_changes(mode: Rounding, precision: str | None) -> None:
    """For every border, some value has the code below it and some value the code above."""
    more = {} if precision is None else {"precision": precision}
    graph = graph_of(("x", grid(0.3, 4, str(mode), zero_point=0, **more)), shapes={"x": (1,)})
    stimulus = borders(graph)
    values = np.asarray(stimulus.inputs).ravel()
    codes = Interpreter.of(graph).run(stimulus.inputs)["y0"].ravel()
    order = np.argsort(values)
    values, codes = values[order], codes[order]
    assert set(codes) == set(range(-8, 8))
    for code in range(-8, 7):
        below, above = values[codes == code].max(), values[codes == code + 1].min()
        assert 0 <= above - below < 1e-6
    if precision == "float32":
        np.testing.assert_array_equal(values, values.astype(np.float32))


def test_borders_of_wide_formats_are_drawn() -> None:
    graph = graph_of(("x", grid(2.0**-10, 32)), shapes={"x": (5,)})
    stimulus = borders(graph, rows=30)
    assert np.asarray(stimulus.inputs).shape == (30, 5)
    assert len(np.unique(stimulus.inputs)) > 100


def test_borders_are_reproducible_and_follow_the_seed() -> None:
    first, same, other = (np.asarray(borders(TWICE, seed=s).inputs) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_graph_of_several_inputs_is_certified() -> None:
    stimuli = [make(SEVERAL) for make in (corners, ties, borders)]
    results = certify(
        SEVERAL, {"itself": Interpreter.of(SEVERAL)}, stimuli, row_limits={"itself": 9}
    )
    assert [(r.stimulus, r.rows, r.holds) for r in results] == [
        ("corners", 9, True),
        ("borders", 9, True),
    ]
    inputs = random(SEVERAL, rows=5).inputs
    assert bit_exact(SEVERAL, Interpreter.of(SEVERAL), inputs).holds


def test_difference_on_several_inputs_is_located() -> None:
    wrong = SEVERAL.with_node(Node("q1", "Quantize", ("b",), "y1", grid(0.1, 5, "floor")))
    result = bit_exact(SEVERAL, Interpreter.of(wrong), borders(SEVERAL))
    assert result.first is not None
    assert (result.first.node, result.first.cause) == ("q1", "rounding: floor instead of half-even")


def test_uneven_inputs_are_refused() -> None:
    with pytest.raises(DataError, match='stimulus "s": inputs must have the same number of rows'):
        len(Stimulus("s", {"a": np.zeros((2, 3)), "b": np.zeros((3, 2))}))
    assert len(Stimulus("s", {})) == 0


def test_input_that_is_an_output_has_no_grid() -> None:
    types = {"x": TensorType((1, 2))}
    with pytest.raises(
        GraphError, match='input "x" must be read by Quantize nodes only, not by an out'
    ):
        layouts(Graph("g", ("x",), ("x",), (), types, {}))
    with pytest.raises(GraphError, match="reads none of its inputs"):
        layouts(Graph("g", ("x",), (), (), types, {}))


def test_zero_point_moves_the_borders() -> None:
    attrs = {"scale": (1.0,), "low": 0, "high": 3, "rounding": "toward-zero", "zero_point": 2}
    graph = graph_of(("x", attrs), shapes={"x": (1,)})
    made = InputGrid.of(graph, graph.nodes[0])
    assert (made.low, made.high, made.num_borders) == (-2, 1, 3)
    assert made.borders(np.arange(3)).tolist() == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize("factors", [(0.0, -2.0), (1e-320, 1e-45), (0.0, 0.0)])
@pytest.mark.parametrize("precision", [None, "float32"])
@pytest.mark.filterwarnings("error")
def test_factors_of_zero_and_tiny_ones_leave_stimuli_finite(
    factors: tuple[float, float], precision: str | None
) -> None:
    more: dict = {} if precision is None else {"precision": precision}
    steps = {"steps": "mul add", "operands": (*factors, 0.5, 1.0), "steps_axis": 1}
    graph = graph_of(("x", grid(0.25, 4, **more, **steps)), shapes={"x": (2,)})
    for stimulus in (corners(graph), borders(graph), random(graph, rows=20)):
        assert np.all(np.isfinite(stimulus.inputs))
        codes = Interpreter.of(graph).run(stimulus.inputs)["y0"]
        for channel, factor in enumerate(factors):
            if factor == -2.0:
                assert len(set(codes[:, channel])) > 5
            elif factor == 0.0:
                assert set(codes[:, channel]) == {(2, 4)[channel]}
