"""The peer: what hls4ml makes of a QONNX file with one default precision, as its users do it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.hls.project import captured
from netwright.backends.tools import GXX, find
from netwright.errors import BackendError, require
from netwright.exchange import cleaned

DOCUMENTED_PRECISION = "fixed<16,6>"
"""The default precision in hls4ml's documentation and tutorials."""


def plain_outputs(
    path: Path | str,
    inputs: NDArray[np.floating],
    folder: Path | str,
    *,
    precision: str = DOCUMENTED_PRECISION,
) -> NDArray[np.float64]:
    """Convert a QONNX file with hls4ml's own importer and run its emulation.

    Nothing of netwright's exactness applies: this is what a design made by :func:`hls` is compared
    with.

    Args:
        path: The QONNX file.
        inputs: Real inputs, (rows, *shape).
        folder: Where the project is written.
        precision: Default precision of every register that the file says nothing about.

    Returns:
        Real outputs, (rows, values).

    Raises:
        DataError: The file cannot be read.
        ToolMissing: There is no g++.
        BackendError: hls4ml failed.
    """
    find(GXX)
    model = cleaned(path)
    with captured(io.StringIO()):
        hls4ml = require("hls4ml", extra="hls", purpose="plain hls4ml conversion")
        try:
            config = hls4ml.utils.config_from_onnx_model(
                model, granularity="name", backend="Vitis", default_precision=precision
            )
            design = hls4ml.converters.convert_from_onnx_model(
                model, output_dir=str(folder), backend="Vitis", hls_config=config
            )
            design.compile()
            outputs = design.predict(np.ascontiguousarray(inputs, dtype=np.float32))
        except Exception as error:
            raise BackendError(
                f"hls4ml could not convert {path} ({type(error).__name__}: {error})"
            ) from error
    return np.asarray(outputs, dtype=np.float64).reshape(len(inputs), -1)
