import numpy as np

from netwright.ir import (
    Graph,
    Node,
    TensorType,
    affordable_rows,
    held_values,
    interface_values,
    passed_values,
    row_size,
    rows_together,
)
from netwright.ir.row_size import in_groups, last_reads, multiplications


def doubling(times: int, width: int = 3) -> Graph:
    """Concatenations of a tensor with itself, `times` in a row, in front of one that reads x."""
    types = {"c0": TensorType((1, width))}
    nodes = []
    for number in range(times):
        made = f"c{number + 1}"
        nodes.append(Node(made, "Concat", (f"c{number}",) * 2, made, {"axis": 1}))
        types[made] = TensorType((1, width << (number + 1)))
    return Graph("doubling", ("c0",), (f"c{times}",), tuple(nodes), types, {})


def test_values_of_a_row_by_hand() -> None:
    graph = doubling(3)
    assert passed_values(graph) == 3 + 6 + 12 + 24
    assert interface_values(graph) == 3 + 24
    assert held_values(graph) == 3 + 12 + 24  # the input stays, c1 is gone when c3 is made
    assert held_values(graph, ["c1"]) == 3 + 6 + 12 + 24


def test_a_tensor_is_held_until_its_last_reader() -> None:
    types = {name: TensorType((1, 2)) for name in ("x", "a", "b", "c", "w")}
    nodes = (
        Node("a", "Relu", ("x",), "a"),
        Node("b", "Relu", ("a",), "b"),
        Node("c", "Add", ("a", "b"), "c"),
    )
    graph = Graph("skip", ("x",), ("c",), nodes, types, {"w": np.ones((1, 2))})
    assert last_reads(graph, {"c"}) == {"c": ("a", "b"), "b": (), "a": ("x",)}
    assert held_values(graph) == 8


def test_rows_follow_the_size_of_one(monkeypatch) -> None:
    monkeypatch.setattr(row_size, "VALUES_TOGETHER", 100)
    assert [rows_together(size, 30) for size in (0, 1, 4, 60, 1000)] == [30, 30, 25, 1, 1]
    monkeypatch.setattr(row_size, "VALUES_PASSED", 4500)
    assert [affordable_rows(doubling(3), count) for count in (1, 50, 500)] == [1, 33, 33]
    assert affordable_rows(doubling(10), 500) == 1
    types = {"x": TensorType((1, 4)), "w": TensorType((4, 5)), "y": TensorType((1, 5))}
    node = Node("y", "MatMul", ("x", "w"), "y")
    product = Graph("product", ("x",), ("y",), (node,), types, {"w": np.ones((4, 5))})
    assert multiplications(product) == 20
    monkeypatch.setattr(row_size, "STEPS_TOGETHER", 100)
    assert affordable_rows(product, 50) == 5
    assert [*in_groups((60, 40, 1, 200, 3), lambda size: size)] == [(60, 40), (1,), (200,), (3,)]
    assert [*in_groups((), lambda size: 1)] == []
