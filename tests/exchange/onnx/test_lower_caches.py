from __future__ import annotations

import numpy as np

from netwright.exchange import read_workload
from tests.exchange.lowered import file_of, random
from tests.exchange.onnx_files import node

INPUTS = {"past": random(1, 2, 7, 4), "new": random(1, 2, 1, 4)}


def test_append_writes_what_is_new(tmp_path):
    nodes = [node("Concat", "past new", "present", axis=2), node("Relu", "present")]
    workload = read_workload(file_of(nodes, tmp_path, INPUTS, outputs=("y", "present")))
    assert workload.by_name["present"].kind == "input"
    assert workload.by_name["present"].shape == (1, 2, 8, 4)
    written = workload.by_name[workload.outputs[1]]
    assert (written.name, written.shape) == ("present.new", (1, 2, 1, 4))
    assert any("only these are written" in taken for taken in workload.assumptions)


def test_what_does_not_come_back_is_no_cache(tmp_path):
    nodes = [node("Concat", "past new", "present", axis=2), node("Relu", "present")]
    workload = read_workload(file_of(nodes, tmp_path, INPUTS))
    assert workload.by_name["present"].kind == "activation"


def test_replaced_rows_are_written_alone(tmp_path):
    nodes = [node("ScatterND", "past at rows", "present"), node("Relu", "present")]
    inputs = {"past": random(16, 4), "rows": random(2, 4), "at": np.zeros((2, 1), np.int64)}
    workload = read_workload(file_of(nodes, tmp_path, inputs, outputs=("y", "present")))
    assert workload.by_name[workload.outputs[1]].shape == (2, 4)
