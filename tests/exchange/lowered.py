"""Workloads of small ONNX files beside what ONNX Runtime computes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from netwright.exchange import read_workload
from netwright.workload import Workload
from tests.exchange.onnx_files import saved
from tests.workload.brute import run


def random(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def file_of(
    nodes: list[Any],
    folder: Path,
    inputs: Mapping[str, np.ndarray],
    constants: Mapping[str, np.ndarray] | None = None,
    *,
    outputs: tuple[str, ...] = ("y",),
    opset: int = 18,
) -> Path:
    """A file with these nodes; inputs have the shapes and element types of arrays."""
    graph = helper.make_graph(
        nodes,
        "by_hand",
        [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in inputs.items()
        ],
        [onnx.ValueInfoProto(name=n) for n in outputs],
        initializer=[numpy_helper.from_array(a, n) for n, a in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return saved(helper.make_model(graph, opset_imports=opsets, ir_version=10), folder)


def same_values(
    nodes: list[Any],
    folder: Path,
    inputs: Mapping[str, np.ndarray],
    constants: Mapping[str, np.ndarray] | None = None,
    *,
    outputs: tuple[str, ...] = ("y",),
    opset: int = 18,
    folded: Mapping[str, np.ndarray] | None = None,
) -> Workload:
    """Read a file, and check that its Einsums compute what ONNX Runtime computes.

    Args:
        nodes: Of the file.
        folder: Where to write it.
        inputs: Values of its inputs.
        constants: Its initializers.
        outputs: Names of its outputs.
        opset: Of the file.
        folded: Values of constants that the workload has in another form.
    """
    import onnxruntime

    path = file_of(nodes, folder, inputs, constants, outputs=outputs, opset=opset)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    wanted = session.run(list(outputs), dict(inputs))
    workload = read_workload(path)
    given = {**(constants or {}), **inputs, **(folded or {})}
    found = run(workload, {n: np.asarray(a, np.float64) for n, a in given.items()})
    assert len(workload.outputs) == len(outputs)
    for name, value in zip(workload.outputs, wanted, strict=True):
        np.testing.assert_allclose(found[name].ravel(), value.ravel(), rtol=2e-4, atol=2e-5)
    return workload
