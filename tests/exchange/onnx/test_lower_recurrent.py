from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_workload
from tests.exchange.lowered import file_of, random, same_values
from tests.exchange.onnx_files import node

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def parts(op, direction, width=3, depth=4):
    directions = 2 if direction == "bidirectional" else 1
    rows = GATES[op] * width
    return {
        "w": random(directions, rows, depth), "r": random(directions, rows, width, seed=2),
        "b": random(directions, 2 * rows, seed=3),
    }  # fmt: skip


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_recurrent_layers(op, direction, tmp_path):
    constants = parts(op, direction)
    more = {"linear_before_reset": 1} if op == "GRU" and direction != "reverse" else {}
    nodes = [node(op, "x w r b", "y", hidden_size=3, direction=direction, **more)]
    workload = same_values(nodes, tmp_path, {"x": random(5, 2, 4)}, constants)
    directions = len(constants["w"])
    assert workload.num_macs == directions * 5 * 2 * GATES[op] * 3 * (4 + 3)
    assert workload.num_parameters == sum(array.size for array in constants.values())


def test_last_states_are_views(tmp_path):
    nodes = [node("LSTM", "x w r b", "y h c", hidden_size=3)]
    inputs = {"x": random(5, 2, 4)}
    same_values(nodes, tmp_path, inputs, parts("LSTM", "forward"), outputs=("h", "c"))


def test_weights_of_another_cell(tmp_path):
    nodes = [node("GRU", "x w r", hidden_size=3)]
    path = file_of(nodes, tmp_path, {"x": random(5, 2, 4)}, parts("LSTM", "forward"))
    with pytest.raises(GraphError, match=r"are not those of 1 directions with 3 gates|inferred"):
        read_workload(path)


def test_state_that_is_given_is_said(tmp_path):
    nodes = [node("GRU", "x w r b  h", hidden_size=3)]
    inputs = {"x": random(5, 2, 4), "h": random(1, 2, 3)}
    workload = read_workload(file_of(nodes, tmp_path, inputs, parts("GRU", "forward")))
    assert "y_node: the state it starts from is taken as zeros" in workload.assumptions
    constants = {**parts("GRU", "forward"), "h": np.zeros((1, 2, 3), np.float32)}
    workload = read_workload(file_of(nodes, tmp_path, {"x": random(5, 2, 4)}, constants))
    assert len(workload.assumptions) == 1
