"""Files as qonnx's own tools want them, for peers that read QONNX."""

from __future__ import annotations

import warnings
from pathlib import Path

from netwright.errors import DataError, require


def cleaned(path: Path | str) -> object:
    """Load a QONNX file and clean it with qonnx's own transformations (constant folding, shapes).

    Returns:
        A ``qonnx.core.modelwrapper.ModelWrapper``.

    Raises:
        DataError: There is no such file, or qonnx cannot clean it.
        MissingExtra: qonnx is not installed.
    """
    wrapper = require("qonnx.core.modelwrapper", extra="qonnx", purpose="cleaning a QONNX file")
    cleanup = require("qonnx.util.cleanup", extra="qonnx", purpose="cleaning a QONNX file")
    if not Path(path).is_file():
        raise DataError("no such file", source=str(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cleanup.cleanup_model(wrapper.ModelWrapper(str(path)))
    except Exception as error:
        raise DataError(
            f"qonnx cannot clean it ({type(error).__name__}: {error})", source=str(path)
        ) from error
