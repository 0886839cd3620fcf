from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_workload
from tests.exchange.onnx_files import model, node, saved


def image(tmp_path, shape=("n", 3, "h", "w")):
    nodes = [
        node("Conv", "x k", "a"),
        node("GlobalAveragePool", "a", "b"),
        node("Reshape", "b s", "c"),
        node("MatMul", "c w"),
    ]
    constants = {"k": np.zeros((4, 3, 3, 3), "f4"), "s": np.array([1, 4]),
                 "w": np.zeros((4, 5), "f4")}  # fmt: skip
    return saved(model(nodes, constants, shape=shape), tmp_path)


def test_open_extents_are_named_and_set(tmp_path):
    path = image(tmp_path)
    with pytest.raises(GraphError) as caught:
        read_workload(path)
    assert caught.value.message.endswith(
        'input "x": the extent of axis 2 must be a fixed number of 1 or more, not "h"; only axis 0 '
        "may be open, unless its shape is given (--shape x=...)\n"
        '  - input "x": the extent of axis 3 must be a fixed number of 1 or more, not "w"; only '
        "axis 0 may be open, unless its shape is given (--shape x=...)"
    )
    workload = read_workload(path, shapes={"x": (1, 3, 10, 8)})
    assert workload.num_macs == 8 * 6 * 4 * 27 + 20


@pytest.mark.parametrize("shape", [(1, 3, 10, 8), ("n", 3, 10, 8)])
def test_batch(shape, tmp_path):
    path = image(tmp_path, shape)
    assert read_workload(path).num_macs == 8 * 6 * 4 * 27 + 20
    if shape[0] == 1:  # the reshape that names the batch keeps it
        assert read_workload(path, batch=5).num_macs == 5 * (8 * 6 * 4 * 27 + 20)


def test_shape_of_another_rank(tmp_path):
    with pytest.raises(GraphError, match=r'input "x" has 4 axes; its shape cannot be \(1, 3\)'):
        read_workload(image(tmp_path), shapes={"x": (1, 3)})


def test_shape_of_an_input_that_is_not_there(tmp_path):
    with pytest.raises(GraphError, match='no input is called "z"; inputs: "x"'):
        read_workload(image(tmp_path, (1, 3, 9, 9)), shapes={"z": (1, 3)})


def test_extent_of_nothing(tmp_path):
    with pytest.raises(GraphError, match='axis 2 must be a fixed number of 1 or more, not "0"'):
        read_workload(image(tmp_path), shapes={"x": (1, 3, 0, 8)})
