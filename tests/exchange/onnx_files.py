"""ONNX files written by hand, good and bad."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"


def node(op: str, inputs: str, output: str = "y", *, domain: str = "", **attrs: Any) -> Any:
    """A node named after its output; `inputs` are separated by spaces."""
    return helper.make_node(
        op, inputs.split(" "), output.split(" "), name=f"{output}_node", domain=domain, **attrs
    )


def quant(inputs: str, output: str = "y", *, op: str = "IntQuant", **attrs: Any) -> Any:
    """A QONNX quantizer: signed, not narrow, rounding half to even unless said otherwise."""
    attrs = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **attrs}
    return node(op, inputs, output, domain=QONNX, **attrs)


GRID = {"s": np.float32(0.25), "z": np.float32(0), "b": np.float32(4)}
"""Scale, zero point and bit width of a quantizer."""


def model(
    nodes: list[Any],
    constants: Mapping[str, Any],
    *,
    shape: tuple[int | str | None, ...] = (1, 3),
    outputs: tuple[str, ...] = ("y",),
    opset: int = 13,
    qonnx_opset: int = 2,
    change: Callable[[Any], object] = lambda model: None,
) -> Any:
    """A model with one float input ``x``."""
    graph = helper.make_graph(
        nodes,
        "by_hand",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        initializer=[
            numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
        ],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(QONNX, qonnx_opset)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    change(made)
    return made


def saved(made: Any, folder: Path) -> Path:
    """Write the model without checking it."""
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return path


def executed(made: Any, inputs: np.ndarray) -> np.ndarray:
    """What qonnx's executor makes of the model, row by row."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    copy = onnx.ModelProto.FromString(made.SerializeToString())
    wrapper = ModelWrapper(copy).transform(InferShapes())
    rows = [execute_onnx(wrapper, {"x": row[None].astype(np.float32)}) for row in inputs]
    name = copy.graph.output[0].name
    return np.concatenate([row[name] for row in rows])


def of_bytes(folder: Path) -> Path:
    """A network whose input is declared uint8."""

    def change(made: onnx.ModelProto) -> None:
        made.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8

    weights = np.array([[0.5, -1.0], [1.5, 0.25], [-2.0, 1.0]], np.float32)
    nodes = [
        node("DequantizeLinear", "x d p", "q"),
        quant("w s z b", "wq"),
        node("MatMul", "q wq", "m"),
        quant("m s z b", "y"),
    ]
    more = {"d": np.float32(0.25), "p": np.uint8(7), "w": weights}
    return saved(model(nodes, {**GRID, **more}, change=change), folder)
