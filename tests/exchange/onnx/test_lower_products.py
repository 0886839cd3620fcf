from __future__ import annotations

import numpy as np
import pytest

from netwright.exchange import read_workload
from tests.exchange.lowered import file_of, random, same_values
from tests.exchange.onnx_files import node


@pytest.mark.parametrize(
    ("attrs", "weight"),
    [
        ({"pads": [1, 1, 1, 1]}, (4, 4, 3, 3)),
        ({"strides": [2, 1], "auto_pad": "SAME_UPPER"}, (4, 4, 3, 2)),
        ({"group": 2, "dilations": [2, 1], "pads": [2, 0, 2, 1]}, (6, 2, 3, 2)),
        ({"group": 4}, (8, 1, 2, 2)),
    ],
)
def test_convolution(attrs, weight, tmp_path):
    constants = {"w": random(*weight), "b": random(weight[0], seed=2)}
    workload = same_values(
        [node("Conv", "x w b", **attrs)], tmp_path, {"x": random(2, 4, 6, 5)}, constants
    )
    made = workload.by_name[workload.outputs[0]].shape
    assert workload.num_macs == np.prod(made) * np.prod(weight[1:])
    assert workload.num_parameters == np.prod(weight) + weight[0]


@pytest.mark.parametrize(
    ("attrs", "weight"),
    [
        ({"strides": [2, 2]}, (4, 3, 3, 2)),
        ({"strides": [2, 3], "pads": [1, 0, 1, 1], "output_padding": [1, 0]}, (4, 3, 3, 3)),
        ({"group": 2, "dilations": [2, 1], "auto_pad": "SAME_LOWER", "strides": [2, 2]},
         (4, 2, 2, 3)),
        ({"strides": [2, 2], "output_shape": [11, 9]}, (4, 1, 4, 3)),
    ],
)  # fmt: skip
def test_transposed_convolution(attrs, weight, tmp_path):
    filters = weight[1] * attrs.get("group", 1)
    constants = {"w": random(*weight), "b": random(filters, seed=2)}
    workload = same_values(
        [node("ConvTranspose", "x w b", **attrs)], tmp_path, {"x": random(1, 4, 5, 4)}, constants
    )
    assert workload.num_macs == 5 * 4 * np.prod(weight)  # every element meets every tap


@pytest.mark.parametrize("flips", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_gemm(flips, tmp_path):
    left = (4, 3) if flips[0] else (3, 4)
    right = (5, 4) if flips[1] else (4, 5)
    nodes = [node("Gemm", "x w b", transA=flips[0], transB=flips[1])]
    constants = {"w": random(*right), "b": random(1, 5, seed=3)}
    workload = same_values(nodes, tmp_path, {"x": random(*left)}, constants)
    assert (workload.num_macs, workload.num_parameters) == (60, 25)


@pytest.mark.parametrize(
    ("left", "right", "macs"),
    [
        ((2, 3, 4), (4, 5), 120), ((2, 1, 3, 4), (6, 4, 5), 720), ((4,), (4, 5), 20),
        ((3, 4), (4,), 12), ((4,), (4,), 4), ((2, 3, 4), (2, 4, 1), 24),
    ],
)  # fmt: skip
def test_matrix_product(left, right, macs, tmp_path):
    inputs = {"x": random(*left), "z": random(*right, seed=2)}
    assert same_values([node("MatMul", "x z")], tmp_path, inputs).num_macs == macs


@pytest.mark.parametrize(
    ("equation", "shapes", "macs"),
    [
        ("bij,jk->bik", [(2, 3, 4), (4, 5)], 120),
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)], 720),
        ("ij,jk", [(2, 3), (3, 4)], 24),
        ("...ij,...jk->...ik", [(2, 5, 3, 4), (2, 1, 4, 6)], 720),
        ("ij->j", [(3, 4)], 0),
        ("ij->ji", [(3, 4)], 0),
        ("i,j->ij", [(3,), (4,)], 12),
        ("ab,bc,cd->ad", [(2, 3), (3, 4), (4, 5)], 24 + 40),
        ("ii->i", [(3, 3)], 0),
        ("ij,ij->", [(3, 4), (3, 4)], 12),
    ],
)
def test_einsum(equation, shapes, macs, tmp_path):
    inputs = {"xzv"[i]: random(*shape, seed=i) for i, shape in enumerate(shapes)}
    nodes = [node("Einsum", " ".join(inputs), equation=equation)]
    assert same_values(nodes, tmp_path, inputs).num_macs == macs


def test_integer_products_are_products_of_codes(tmp_path):
    codes = {"w": np.ones((4, 5), np.int8), "k": np.ones((3, 4, 1, 1), np.uint8)}
    constants = {
        **codes, "s": np.float32(0.5), "z": np.uint8(3), "zi": np.int8(0),
    }  # fmt: skip
    inputs = {"x": np.zeros((2, 4), np.uint8), "v": np.zeros((1, 4, 2, 2), np.uint8)}
    nodes = [
        node("MatMulInteger", "x w z", "a"),
        node("QLinearMatMul", "x s z w s zi s z", "b"),
        node("ConvInteger", "v k z", "c"),
        node("QLinearConv", "v s z k s z s z", "d"),
    ]
    path = file_of(nodes, tmp_path, inputs, constants, outputs=("a", "b", "c", "d"))
    workload = read_workload(path)
    assert workload.num_macs == 2 * (2 * 4 * 5) + 2 * (3 * 4 * 4)
    assert workload.num_parameters == 20 + 12
    assert {workload.by_name[name].bits for name in ("x", "v", "w", "k", "b", "d")} == {8}
    assert {workload.by_name[name].bits for name in ("a", "c")} == {32}


def test_weight_of_one_element_counts(tmp_path):
    constants = {"w": np.ones((1, 1, 1, 1), np.float32), "b": np.ones(1, np.float32)}
    workload = same_values([node("Conv", "x w b")], tmp_path, {"x": random(1, 1, 3, 3)}, constants)
    assert (workload.num_macs, workload.num_parameters) == (9, 2)
