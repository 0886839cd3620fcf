from __future__ import annotations

import numpy as np

from netwright.ir import Graph, Node, TensorType, interpret
from netwright.passes.replacing import Replacing


def graph() -> Graph:
    nodes = (Node("twice", "Add", ("x", "x"), "t"), Node("limit", "Relu", ("t",), "y"))
    types = {name: TensorType((1, 3)) for name in ("x", "t", "y")}
    return Graph("g", ("x",), ("y",), nodes, types, {})


def test_a_node_gives_way_to_several_and_names_stay_apart() -> None:
    old = graph()
    replacing = Replacing(old)
    factor = replacing.constant("t", np.array(2.0))
    product = replacing.tensor("limit", (1, 3))
    assert len({factor, product, "t", "limit"}) == 4
    replacing.made["twice"] = [
        Node(product, "Mul", ("x", factor), product),
        Node("twice", "Relu", (product,), "t"),
    ]
    new = replacing.whole()
    assert [node.op for node in new.nodes] == ["Mul", "Relu", "Relu"]
    rows = np.array([[1.0, -2.0, 3.0]])
    assert interpret(new, rows)["y"].tolist() == interpret(old, rows)["y"].tolist()
    assert old.constants == {}


def test_a_graph_of_which_nothing_was_replaced_is_the_graph() -> None:
    old = graph()
    replacing = Replacing(old)
    replacing.constant("unread", np.zeros(2))
    assert replacing.whole() is old
