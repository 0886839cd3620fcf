from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.formats import Int
from netwright.ir import Graph, Node, Note, TensorType, interpret
from tests.ir.test_interpret import two_layers


def graph() -> Graph:
    return two_layers(np.random.default_rng(4))


def changed_weight(g: Graph) -> Graph:
    values = np.array(g.constants["w1"])
    values[0, 0] += 1
    return g.with_constant("w1", values)


def changed_attr(g: Graph) -> Graph:
    node = g.node("rq")
    return g.with_node(replace(node, attrs={**node.attrs, "shift": 6}))


MEANING: dict[str, Callable[[Graph], Graph]] = {
    "weight": changed_weight,
    "attribute": changed_attr,
    "type": lambda g: g.with_type("s1", TensorType((1, 4), Int(17))),
    "scale": lambda g: g.with_type("s1", TensorType((1, 4), Int(16), (0.5,))),
    "name": lambda g: replace(g, name="other"),
    "head": lambda g: replace(g, head="softmax"),
    "outputs": lambda g: replace(g, outputs=("s2", "s1")),
    "operands": lambda g: g.with_node(replace(g.node("fc2"), inputs=("a1", "w1"))),
    "operator": lambda g: g.with_node(replace(g.node("fc2"), op="Add")),
    "order": lambda g: replace(g, nodes=g.nodes[::-1]),
}


@pytest.mark.parametrize("change", MEANING.values(), ids=MEANING)
def test_digest_changes_with_the_meaning(change: Callable[[Graph], Graph]) -> None:
    assert change(graph()).digest != graph().digest
    assert change(graph()) != graph()


def test_digest_ignores_notes_and_origins() -> None:
    noted = replace(graph(), notes=(Note("rq", "rounded", 1e-3),))
    moved = graph().with_node(replace(graph().node("fc2"), origin="layer 2"))
    assert noted.digest == moved.digest == graph().digest


def test_digest_does_not_depend_on_numpy_scalars() -> None:
    node = graph().node("rq")
    attrs = {**node.attrs, "shift": np.int64(5), "multiplier": tuple(np.array([3, 5, -7, 1]))}
    assert graph().with_node(replace(node, attrs=attrs)).digest == graph().digest
    scaled = TensorType((np.int64(1), 4), Int(16), (np.float64(1.0),))  # type: ignore[arg-type]
    assert graph().with_type("s1", scaled).digest == graph().digest


def test_equal_graphs_are_equal_and_hash_alike() -> None:
    assert graph() == graph()
    assert hash(graph()) == hash(graph())
    assert graph() != "graph"
    assert len({graph(), graph(), changed_weight(graph())}) == 2
    assert len({graph().node("rq"), graph().node("rq")}) == 1


def pickled(value: Graph) -> Graph:
    return pickle.loads(pickle.dumps(value))  # noqa: S301  our own bytes


@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_copies_are_equal_and_frozen(copied: Callable[[Graph], Graph]) -> None:
    other = copied(graph())
    assert other == graph()
    with pytest.raises(ValueError, match="read-only"):
        other.constants["w1"][0, 0] = 1
    with pytest.raises(TypeError):
        other.node("rq").attrs["shift"] = 1  # type: ignore[index]


def test_a_spawned_process_receives_a_graph() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(interpret, (graph(), np.ones((2, 5))))
    np.testing.assert_array_equal(found["s2"], interpret(graph(), np.ones((2, 5)))["s2"])


def test_nobody_can_change_a_constant_from_outside() -> None:
    values = np.array([[1, 2]])
    view = values[:]
    view.setflags(write=False)
    for given in (values, view):
        made = Graph("g", (), (), (), {}, {"w": given})
        values[0, 0] += 1
        assert made.constants["w"][0, 0] == values[0, 0] - 1


def test_unchanged_constants_are_shared_not_copied() -> None:
    first = graph()
    assert replace(first, name="b").constants["w1"] is first.constants["w1"]


def test_producers_and_consumers() -> None:
    g = graph()
    assert g.producers["s1"].name == "fc1"
    assert [node.name for node in g.consumers["a1"]] == ["fc2"]
    assert g.consumers["s2"] == ()


def test_text_shows_every_node() -> None:
    assert str(graph()).splitlines() == [
        "graph toy(x) -> s2",
        "  q: int6[1x5] = Quantize(x) {high=31, low=-32, rounding=half-even, scale=(1.0,)}",
        "  s1: int16[1x4] = MatMul(q, w1, b1) {}",
        "  a1: int5[1x4] = Requantize(s1) {axis=1, high=7, low=-7, multiplier=(3, 5, -7, 1), "
        "offset=(0, 9, -4, 100), rounding=half-even, shift=5, zero_point=1}",
        "  s2: int10[1x3] = MatMul(a1, w2) {}",
    ]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(GraphError) as caught:
        graph().node("fc9")
    assert str(caught.value) == (
        'graph "toy" has no node "fc9"\nhint: nodes: quantize, fc1, rq, fc2'
    )
    with pytest.raises(GraphError, match=r'"w1" is not a constant of shape \(2, 2\)'):
        graph().with_constant("w1", np.zeros((2, 2)))


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (
            lambda node: node.integer("text"),
            "node \"n\": attribute text must be an integer, not 'a'",
        ),
        (
            lambda node: node.integers("text"),
            "node \"n\": attribute text must be integers, not 'a'",
        ),
        (lambda node: node.reals("number"), 'node "n": attribute number must be numbers, not 3'),
        (lambda node: node.text("number"), 'node "n": attribute number must be text, not 3'),
        (lambda node: node.axis("text"), "node \"n\": attribute text must be an axis, not 'a'"),
    ],
)
def test_attributes_of_the_wrong_kind_are_named(
    read: Callable[[Node], object], message: str
) -> None:
    node = Node("n", "Relu", ("x",), "y", {"text": "a", "number": 3})
    with pytest.raises(GraphError) as caught:
        read(node)
    assert str(caught.value) == message
