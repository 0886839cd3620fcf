from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_workload
from netwright.exchange.onnx.lower_nodes import LOWER
from tests.exchange.onnx_files import model, node, saved


def workload_of(op, constants, tmp_path, *, inputs="x", shape=(1, 4, 6), **attrs):
    return read_workload(
        saved(model([node(op, inputs, **attrs)], constants, shape=shape, opset=18), tmp_path)
    )


@pytest.mark.parametrize(
    ("op", "inputs", "constants", "attrs", "macs"),
    [
        ("Einsum", "x w", {"w": np.zeros((6, 5), "f4")}, {"equation": "bij,jk->bik"}, 4 * 6 * 5),
        ("ConvTranspose", "x w", {"w": np.zeros((4, 3, 2), "f4")}, {"strides": [2]}, 6 * 4 * 3 * 2),
        ("Conv", "x w", {"w": np.zeros((4, 1, 3), "f4")}, {"group": 4}, 4 * 4 * 3),
        ("MatMul", "x w", {"w": np.zeros(6, "f4")}, {}, 4 * 6),
    ],
)
def test_macs(tmp_path, op, inputs, constants, attrs, macs):
    assert workload_of(op, constants, tmp_path, inputs=inputs, **attrs).num_macs == macs


@pytest.mark.parametrize("op", ["Relu", "Sigmoid", "Erf", "Clip"])
def test_unary_steps_work_in_place(tmp_path, op):
    (einsum,) = workload_of(op, {}, tmp_path).einsums
    assert einsum.unary


def test_normalization_reads_a_factor_a_feature(tmp_path):
    constants = {"s": np.ones(6, "f4"), "b": np.ones(6, "f4")}
    workload = workload_of("LayerNormalization", constants, tmp_path, inputs="x s b")
    assert {access.tensor for e in workload.einsums for access in e.inputs} >= {"s", "b"}
    assert workload.num_parameters == 12


def test_product_that_does_not_fit_is_a_fault(tmp_path):
    with pytest.raises(GraphError, match=r"cannot be inferred|6 columns meet 5 rows"):
        workload_of("MatMul", {"w": np.zeros((5, 2), "f4")}, tmp_path, inputs="x w")


def test_every_name_has_a_function():
    assert all(callable(lower) for lower in LOWER.values())
