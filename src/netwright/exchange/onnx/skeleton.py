"""ONNX models without their weights: what mapping needs, in kilobytes."""

from __future__ import annotations

from math import prod
from typing import Any

from netwright.errors import require
from netwright.exchange.onnx.fold import MAX_FOLDED_VALUES

LOCATION = "weights-not-stored"
"""Name of the external file that the large initializers refer to; it does not exist."""

MAX_KEPT_REALS = 16
"""Real-valued initializers of more elements lose their data: no shape depends on them."""


def model_of(data: bytes) -> Any:
    """The model message of a serialized model that this process made."""
    onnx = require("onnx", extra="qonnx", purpose="writing ONNX")
    return onnx.load_from_string(data)


def skeleton(model: Any) -> bytes:
    """A serialized model in which large initializers have a shape and no data.

    They refer to an external file that is not written, so the result is a valid model that other
    tools open without data, too. What was only said for people (documentation, stack traces) goes.

    Args:
        model: A model message; it is not changed.
    """
    onnx = require("onnx", extra="qonnx", purpose="writing ONNX")
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    kinds = onnx.TensorProto
    reals = (kinds.FLOAT, kinds.DOUBLE, kinds.FLOAT16, kinds.BFLOAT16)
    for tensor in copy.graph.initializer:
        is_real = tensor.data_type in reals
        most = MAX_KEPT_REALS if is_real else MAX_FOLDED_VALUES
        if prod(tensor.dims) <= most and tensor.data_location != tensor.EXTERNAL:
            continue
        for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data"):
            tensor.ClearField(field)
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=LOCATION)
    for node in copy.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for part in (copy.graph.value_info, copy.graph.metadata_props, copy.metadata_props):
        del part[:]
    return bytes(copy.SerializeToString(deterministic=True))
