"""Tensors of ONNX files, those with data in a file beside the model included."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.escape import visible
from netwright.exchange.limits import MAX_FILE_BYTES, MAX_TENSOR_VALUES

_MAX_VALUE_BYTES = 8
"""Bytes of the widest numbers."""

NARROW_INTEGERS = frozenset({"int2", "uint2", "int4", "uint4"})
"""Element types of ONNX that NumPy itself does not have."""


def plain_text(value: str | bytes) -> str:
    """A text field on one line; protobuf hands out bytes where it is no UTF-8."""
    text = value if isinstance(value, str) else value.decode("utf-8", errors="replace")
    return visible(text)


def read_tensor(onnx: Any, tensor: Any, folder: Path) -> NDArray[Any]:
    """The values of a tensor message.

    Raises:
        DataError: It is malformed, too large, or lies in a file outside `folder`.
    """
    if any(extent < 0 for extent in tensor.dims):
        raise DataError(f"its shape is {tuple(tensor.dims)}")
    if prod(tensor.dims) > MAX_TENSOR_VALUES:
        raise DataError(f"more than {MAX_TENSOR_VALUES} values")
    kinds = onnx.TensorProto
    if tensor.data_location == kinds.EXTERNAL:
        tensor = _with_external_data(kinds, tensor, folder)
    if tensor.data_type in {kinds.STRING, kinds.COMPLEX64, kinds.COMPLEX128, kinds.UNDEFINED}:
        raise DataError("its element type is not numeric")
    try:
        array = np.asarray(onnx.numpy_helper.to_array(tensor))
    except Exception:  # the library raises whatever NumPy and Protobuf do
        raise DataError("its values do not fit its shape and element type") from None
    if array.dtype.kind not in "fiub" and array.dtype.name not in NARROW_INTEGERS:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise DataError("its element type is not numeric") from None
    return array


def integer_limits(array: NDArray[Any]) -> tuple[int, int] | None:
    """Smallest and largest value of the array's element type; ``None`` unless it is integers."""
    if array.dtype.name in NARROW_INTEGERS:
        bits = int(array.dtype.name.removeprefix("u").removeprefix("int"))
        unsigned = array.dtype.name.startswith("u")
        return (0, (1 << bits) - 1) if unsigned else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    if array.dtype.kind not in "iu":
        return None
    limits = np.iinfo(array.dtype)
    return int(limits.min), int(limits.max)


def check_location(tensor: Any, folder: Path) -> Path:
    """The file that holds a tensor's data; it need not exist.

    Raises:
        DataError: It would lie outside `folder`.
    """
    entries = {plain_text(e.key): plain_text(e.value) for e in tensor.external_data}
    location = entries.get("location", "")
    root = folder.resolve()
    try:
        target = (root / location).resolve()
    except (OSError, ValueError):  # such as a null character
        target = Path("/")
    if not location or Path(location).is_absolute() or not target.is_relative_to(root):
        raise DataError(f"its external data lies outside the model's folder ({location!r})")
    return target


def _with_external_data(kinds: Any, tensor: Any, folder: Path) -> Any:
    """The tensor with its data read from a file in `folder`; paths that leave it are refused."""
    target = check_location(tensor, folder)
    entries = {plain_text(e.key): plain_text(e.value) for e in tensor.external_data}
    location = entries.get("location", "")
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", -1))
        if offset < 0 or not target.is_file():
            raise DataError(f"its external data {location!r} is missing")
        length = target.stat().st_size - offset if length < 0 else length
        if length > min(MAX_FILE_BYTES, _MAX_VALUE_BYTES * prod(tensor.dims)):
            raise DataError(f"its external data {location!r} is too large for its shape")
        with target.open("rb") as stream:
            stream.seek(offset)
            data = stream.read(length)
    except (OSError, ValueError):
        raise DataError(f"its external data {location!r} cannot be read") from None
    copy = kinds()
    copy.data_type, copy.raw_data = tensor.data_type, data
    copy.dims.extend(tensor.dims)
    return copy
