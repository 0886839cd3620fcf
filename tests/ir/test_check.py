from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.formats import Bipolar, Int
from netwright.ir import FLOAT, Graph, Node, TensorType, bounds, check
from tests.ir.test_interpret import two_layers


def graph() -> Graph:
    return two_layers(np.random.default_rng(4))


def with_attr(name: str, value: object) -> Graph:
    node = graph().node("rq")
    return graph().with_node(replace(node, attrs={**node.attrs, name: value}))


def without_attr(name: str) -> Graph:
    node = graph().node("rq")
    return graph().with_node(
        replace(node, attrs={key: value for key, value in node.attrs.items() if key != name})
    )


def with_constant(values: np.ndarray, tensor: TensorType) -> Graph:
    return replace(
        graph(),
        constants={**graph().constants, "w1": values},
        types={**graph().types, "w1": tensor},
    )


def without_type(name: str) -> Graph:
    return replace(graph(), types={k: v for k, v in graph().types.items() if k != name})


def test_a_good_graph_comes_back_itself() -> None:
    good = graph()
    assert check(good) is good


FAULTS: list[tuple[Graph, str]] = [
    (without_type("x"), 'tensor "x" has no type'),
    (without_type("s2"), 'tensor "s2" has no type'),
    (replace(graph(), outputs=()), "a graph needs at least one output"),
    (replace(graph(), outputs=("y",)), 'output "y" is made by no node'),
    (replace(graph(), outputs=("s2", "x")), "outputs must all hold codes or all hold real values"),
    (
        graph().with_node(replace(graph().node("fc1"), op="Gelu")),
        'node "fc1": operator "Gelu" is not supported by netwright',
    ),
    (
        graph().with_node(replace(graph().node("fc1"), inputs=("q",))),
        'node "fc1": MatMul takes 2 to 3 inputs, not 1',
    ),
    (
        graph().with_node(replace(graph().node("rq"), inputs=("s1", "b1"))),
        'node "rq": Requantize takes 1 inputs, not 2',
    ),
    (
        graph().with_node(replace(graph().node("fc2"), inputs=("late", "w2"))),
        'node "fc2" reads "late", which nothing before it makes',
    ),
    (
        graph().with_type("s1", TensorType((1, 5), Int(16))),
        'graph "toy" has 2 faults:\n'
        '  - node "fc1" makes shape (1, 4), the type of "s1" says (1, 5)\n'
        '  - node "rq": multiplier must hold 1 or 5 values along axis 1, not 4',
    ),
    (without_attr("shift"), 'node "rq": Requantize needs the attribute shift'),
    (
        with_attr("beta", 1),
        'node "rq": Requantize has no attribute beta; accepted: multiplier, offset, shift, axis, '
        "rounding, low, high, zero_point",
    ),
    (with_attr("shift", 1.5), 'node "rq": attribute shift must be an integer, not 1.5'),
    (with_attr("shift", "a"), "node \"rq\": attribute shift must be an integer, not 'a'"),
    (
        with_attr("multiplier", (1, 2.5, 3, 4)),
        'node "rq": attribute multiplier must be integers, not (1, 2.5, 3, 4)',
    ),
    (with_attr("multiplier", 3), 'node "rq": attribute multiplier must be integers, not 3'),
    (with_attr("multiplier", ()), 'node "rq": attribute multiplier must hold at least one number'),
    (with_attr("rounding", 3), 'node "rq": attribute rounding must be text, not 3'),
    (
        with_attr("rounding", "stochastic"),
        'node "rq": attribute rounding must be one of floor, ceil, toward-zero, away-from-zero, '
        "half-even, half-up, half-down, half-away, half-toward-zero, not 'stochastic'",
    ),
    (
        with_attr("axis", (1,)),
        'node "rq": attribute axis must be an integer or nothing, not (1,)',
    ),
    (with_attr("low", 99), 'node "rq": low (99) must not exceed high (7)'),
    (
        graph().with_node(
            replace(
                graph().node("quantize"),
                attrs={**graph().node("quantize").attrs, "scale": (0.0,)},
            )
        ),
        'node "quantize": attribute scale must be finite and not 0',
    ),
    (
        graph().with_node(
            replace(
                graph().node("quantize"),
                attrs={**graph().node("quantize").attrs, "scale": ("a",)},
            )
        ),
        "node \"quantize\": attribute scale must be numbers, not ('a',)",
    ),
    (
        graph().with_type("s1", TensorType((1, 4), Int(16), (1.0, 2.0), 1)),
        'tensor "s1": scale must hold 4 values, not 2',
    ),
    (
        graph().with_type("s1", TensorType((1, 4), Int(16), (1.0,), 2)),
        'tensor "s1": axis must be from 0 to 1, not 2',
    ),
    (
        graph().with_type("s1", TensorType((1, 4), Int(16), (float("nan"),))),
        'tensor "s1": scales must be finite and not 0',
    ),
    (
        with_constant(np.zeros((2, 2), dtype=np.int64), graph().types["w1"]),
        'constant "w1" has shape (2, 2), its type says (5, 4)',
    ),
    (
        with_constant(np.full((5, 4), 9), TensorType((5, 4), Int(4))),
        'constant "w1" holds 9 to 9, which int4 does not allow',
    ),
    (
        with_constant(np.full((5, 4), 0.5), TensorType((5, 4), Int(4))),
        'constant "w1" holds fractions, its type says int4',
    ),
    (
        with_constant(np.full((5, 4), np.inf), TensorType((5, 4), Int(4))),
        'constant "w1" holds NaN or infinity',
    ),
    (
        with_constant(np.full((5, 4), "a"), TensorType((5, 4), Int(4))),
        'constant "w1" must hold numbers, not <U1',
    ),
    (
        with_constant(np.array([[-1, 0, 1, 1]] * 5), TensorType((5, 4), Bipolar())),
        'constant "w1" holds 0, which bipolar does not allow',
    ),
    (
        graph().with_node(Node("fc1", "MatMul", ("x", "w1", "b1"), "s1")),
        'node "fc1" must read codes; "x" holds real values',
    ),
    (
        graph().with_type("s1", TensorType((1, 4), FLOAT)).with_node(
            Node("fc1", "MatMul", ("x", "w1", "b1"), "s1")
        ).with_type("w1", TensorType((5, 4), FLOAT)).with_type("b1", TensorType((4,), FLOAT)),
        'node "rq" must read codes; "s1" holds real values',
    ),
    (
        graph().with_type("s2", TensorType((1, 3), FLOAT)),
        'graph "toy" has 2 faults:\n'
        '  - node "fc2" must read real values; "a1" holds codes\n'
        '  - node "fc2" must read real values; "w2" holds codes',
    ),
    (
        graph().with_type("a1", TensorType((1, 4), FLOAT)),
        'graph "toy" has 2 faults:\n'
        '  - node "rq": Requantize belongs to the integer form only\n'
        '  - node "fc2" must read codes; "a1" holds real values',
    ),
    (
        replace(graph(), nodes=(*graph().nodes, graph().node("fc2"))),
        'graph "toy" has 2 faults:\n'
        '  - two nodes are called "fc2"\n'
        '  - tensor "s2" is made twice (again by node "fc2")',
    ),
    (
        replace(graph(), nodes=graph().nodes[::-1]),
        'graph "toy" has 3 faults:\n'
        '  - node "fc2" reads "a1", which nothing before it makes\n'
        '  - node "rq" reads "s1", which nothing before it makes\n'
        '  - node "fc1" reads "q", which nothing before it makes',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("broken", "message"), FAULTS)
def test_every_fault_is_named(broken: Graph, message: str) -> None:
    with pytest.raises(GraphError) as caught:
        check(broken)
    assert str(caught.value) == message


def test_a_graph_needs_inputs() -> None:
    empty = Graph("g", (), ("c",), (), {"c": TensorType((1,))}, {"c": np.zeros(1)})
    with pytest.raises(GraphError, match="a graph needs at least one input"):
        check(empty)


def test_all_faults_are_listed_and_long_lists_are_cut() -> None:
    nodes = tuple(Node(f"n{i}", "Relu", ("gone",), f"t{i}") for i in range(23))
    broken = Graph("g", ("x",), ("t0",), nodes, {"x": TensorType((1, 2))}, {})
    with pytest.raises(GraphError) as caught:
        check(broken)
    lines = str(caught.value).splitlines()
    assert lines[0] == 'graph "g" has 23 faults:'
    assert lines[20] == '  - node "n19" reads "gone", which nothing before it makes'
    assert lines[21] == "  … and 3 more"
    assert len(lines) == 22


def test_bounds_follow_the_declared_format_where_it_is_too_narrow() -> None:
    """What reads a wrapped accumulator may see any of its codes, and no more."""
    wide = bounds(graph())
    narrow = bounds(graph().with_type("s1", TensorType((1, 4), Int(4))))
    assert narrow["s1"].high == wide["s1"].high
    assert narrow["a1"].high <= wide["a1"].high


def test_bounds_of_a_float_tensor_do_not_exist() -> None:
    node = Node("r", "Relu", ("x",), "y")
    types = {name: TensorType((1, 2)) for name in "xy"}
    with pytest.raises(GraphError) as caught:
        bounds(Graph("g", ("x",), ("y",), (node,), types, {}))
    assert str(caught.value) == 'node "r": "y" must have an integer format'
