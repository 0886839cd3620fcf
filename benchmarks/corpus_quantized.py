"""Static quantization of float ONNX files by ONNX Runtime, on random rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def quantized_by_runtime(
    source: Path,
    path: Path,
    *,
    shape: tuple[int, ...],
    operators: bool = False,
    per_channel: bool = False,
    unsigned: bool = True,
    signed_weights: bool = True,
    symmetric: bool = False,
    seed: int = 3,
) -> None:
    """Quantize the file `source` statically into `path`.

    Args:
        source: A float ONNX file.
        path: Where the quantized file goes.
        shape: Shape of the one input.
        operators: Operators on codes (QOperator) in the place of pairs of quantizers (QDQ).
        per_channel: A scale for each output channel of a weight.
        unsigned: uint8 activations in the place of int8.
        signed_weights: int8 weights in the place of uint8.
        symmetric: Zero points of 0 for signed activations.
        seed: Of the rows.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    name = onnx.load(str(source)).graph.input[0].name
    generator = np.random.default_rng(seed)

    class Rows(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            rows = generator.uniform(-1, 1, size=(8, *shape)).astype(np.float32)
            self.rows = iter([{name: row} for row in rows])

        def get_next(self) -> Any:
            return next(self.rows, None)

    quantize_static(
        str(source),
        str(path),
        Rows(),
        quant_format=QuantFormat.QOperator if operators else QuantFormat.QDQ,
        per_channel=per_channel,
        activation_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
        weight_type=QuantType.QInt8 if signed_weights else QuantType.QUInt8,
        extra_options={"ActivationSymmetric": symmetric},
    )
