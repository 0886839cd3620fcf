"""A dense int8 product with its epilogue as an ONNX model, for runtimes that have a fast one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, require
from netwright.kernels import Requantize

OPSET = 17
_IR_VERSION = 10

_TYPES = {"uint8": "UINT8", "int8": "INT8", "float32": "FLOAT"}


def dense_product(weights: NDArray[np.int8], epilogue: Requantize) -> bytes:
    """An ONNX model from codes and a residual to what the epilogue stores, before its table.

    Every operator is exact on integers or a single operation on float32, so a runtime that fuses
    nothing inexactly gives what :func:`netwright.kernels.spmm` gives. On x86 processors without
    VNNI, ONNX Runtime saturates sums of two products at 16 bits, unless its session is configured
    with ``session.x64quantprecision`` 1.

    Args:
        weights: ``(outputs, inputs)``.
        epilogue: Bias, scale, residual and format; no ReLU, GELU or multiplier, and no int32.

    Returns:
        The model: inputs ``codes`` (inputs, tokens) uint8 and ``residual`` (outputs, tokens), if
        the epilogue adds one; output ``result`` (outputs, tokens).

    Raises:
        DataError: The epilogue has a step that is not written here.
        MissingExtra: onnx is not installed.
    """
    onnx = require("onnx", extra="cpu", purpose="the dense product of the cpu backend")
    helper, types = onnx.helper, onnx.TensorProto
    refused = [
        name
        for name, wrong in (
            ("relu", epilogue.relu),
            ("gelu", epilogue.gelu),
            ("multiplier", epilogue.multiplier != 1.0),
            ("output int32", epilogue.output == "int32"),
        )
        if wrong
    ]
    if refused or epilogue.scale is None:
        raise DataError(f"a dense product takes no {', '.join(refused)}")
    rows, columns = weights.shape
    constants: dict[str, NDArray[Any]] = {
        "weights": np.ascontiguousarray(weights.T),
        "scale": epilogue.scale[None, :],
    }
    nodes = [
        helper.make_node("Transpose", ["codes"], ["tokens"], perm=[1, 0]),
        helper.make_node("MatMulInteger", ["tokens", "weights"], ["sums"]),
    ]
    last = "sums"
    if epilogue.bias is not None:
        constants["bias"] = epilogue.bias[None, :]
        nodes.append(helper.make_node("Add", [last, "bias"], ["biased"]))
        last = "biased"
    nodes.append(helper.make_node("Cast", [last], ["real"], to=types.FLOAT))
    nodes.append(helper.make_node("Mul", ["real", "scale"], ["scaled"]))
    last = "scaled"
    if epilogue.output != "float32":
        constants["one"] = np.array(1.0, np.float32)
        constants["zero_point"] = np.array(epilogue.zero_point, dtype=epilogue.output)
        nodes.append(helper.make_node("QuantizeLinear", [last, "one", "zero_point"], ["stored"]))
        last = "stored"
    turned = "turned" if epilogue.residual else "result"
    nodes.append(helper.make_node("Transpose", [last], [turned], perm=[1, 0]))
    kind = getattr(types, _TYPES[epilogue.output])
    inputs = [helper.make_tensor_value_info("codes", types.UINT8, [columns, "tokens"])]
    if epilogue.residual:
        nodes.append(helper.make_node("Add", [turned, "residual"], ["result"]))
        inputs.append(helper.make_tensor_value_info("residual", kind, [rows, "tokens"]))
    graph = helper.make_graph(
        nodes,
        "dense_product",
        inputs,
        [helper.make_tensor_value_info("result", kind, [rows, "tokens"])],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
