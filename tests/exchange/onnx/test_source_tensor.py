from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from netwright.errors import DataError
from netwright.exchange.onnx import source_tensor
from netwright.exchange.onnx.source_tensor import plain_text, read_tensor


def refusal(tensor: Any, folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_tensor(onnx, tensor, folder)
    return str(caught.value)


def external(folder: Path, **entries: object) -> Any:
    """Three float32 values in the file ``w.bin``; `entries` are added to its description."""
    (folder / "w.bin").write_bytes(np.arange(5, dtype=np.float32).tobytes())
    tensor = TensorProto(dims=[3], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "w.bin", **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "int8", "uint8", "int64", "bool"]
)
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_values_and_types_are_kept(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    found = read_tensor(onnx, numpy_helper.from_array(values), tmp_path)
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


def test_typed_fields_are_read_too(tmp_path: Path) -> None:
    tensor = helper.make_tensor("w", TensorProto.FLOAT, [2], [0.5, -1.0])
    assert read_tensor(onnx, tensor, tmp_path).tolist() == [0.5, -1.0]


def test_short_floats_become_float64(tmp_path: Path) -> None:
    tensor = helper.make_tensor("w", TensorProto.BFLOAT16, [2], [0.5, -1.0])
    found = read_tensor(onnx, tensor, tmp_path)
    assert (found.dtype, found.tolist()) == (np.float64, [0.5, -1.0])


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (TensorProto(dims=[-1], data_type=1), "its shape is (-1,)"),
        (TensorProto(dims=[1 << 20, 1 << 20], data_type=1), "more than 134217728 values"),
        (
            helper.make_tensor("w", TensorProto.STRING, [1], ["a"]),
            "its element type is not numeric",
        ),
        (TensorProto(dims=[1], data_type=0), "its element type is not numeric"),
        (
            TensorProto(dims=[3], data_type=1, raw_data=b"\0" * 8),
            "its values do not fit its shape and element type",
        ),
        (
            TensorProto(dims=[1], data_type=99, raw_data=b"\0" * 8),
            "its values do not fit its shape and element type",
        ),
    ],
    ids=["negative", "huge", "strings", "undefined", "short", "unknown type"],
)
def test_malformed_tensors_are_refused(tensor: Any, text: str, tmp_path: Path) -> None:
    assert refusal(tensor, tmp_path) == text


def test_external_data_is_read_from_its_offset(tmp_path: Path) -> None:
    tensor = external(tmp_path, offset=4, length=12)
    assert read_tensor(onnx, tensor, tmp_path).tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ({"location": "none.bin"}, "its external data 'none.bin' is missing"),
        ({"location": "."}, "its external data '.' is missing"),
        ({"offset": -4}, "its external data 'w.bin' is missing"),
        ({"offset": "four"}, "its external data 'w.bin' cannot be read"),
        ({"length": 1 << 40}, "its external data 'w.bin' is too large for its shape"),
        ({"offset": 12}, "its values do not fit its shape and element type"),
    ],
)
def test_external_data_that_is_not_there_is_refused(
    entries: dict[str, object], text: str, tmp_path: Path
) -> None:
    assert refusal(external(tmp_path, **entries), tmp_path) == text


def test_large_external_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_tensor, "MAX_FILE_BYTES", 10)
    assert (
        refusal(external(tmp_path), tmp_path)
        == "its external data 'w.bin' is too large for its shape"
    )


def test_text_that_is_no_utf8_is_shown() -> None:
    assert plain_text("fc1") == "fc1"
    assert plain_text(b"fc\xff") == "fc\ufffd"
