"""Rows of the user's own, and files that hold none."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.ir import Graph, Node, TensorType
from netwright.verify import read_rows

FIRST, SECOND = np.arange(6.0).reshape(2, 3), np.arange(8.0).reshape(2, 2, 2)


def graph_of(**shapes: tuple[int, ...]) -> Graph:
    types = {name: TensorType((1, *shape)) for name, shape in shapes.items()}
    nodes = tuple(Node(f"r{n}", "Relu", (n,), f"{n}_out") for n in shapes)
    types |= {f"{name}_out": types[name] for name in shapes}
    return Graph("g", tuple(shapes), tuple(f"{n}_out" for n in shapes), nodes, types, {})


ONE, TWO = graph_of(x=(3,)), graph_of(a=(3,), b=(2, 2))


def written(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


@pytest.mark.parametrize("value", [300, -1, 1.5])
def test_rows_that_an_input_of_integers_cannot_hold_are_refused(
    value: float, tmp_path: Path
) -> None:
    np.save(tmp_path / "r.npy", np.array([[0.0, 1, 255], [2, value, 3]]))
    text = rf'"x" holds integers from 0 to 255, not {value} \(first in row 1\)'
    with pytest.raises(DataError, match=text):
        read_rows(tmp_path / "r.npy", ONE, limits={"x": (0, 255)})
    assert len(read_rows(tmp_path / "r.npy", ONE)) == 2


def test_truths_are_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "r.npy", np.array([[True, False, True]]))
    stimulus = read_rows(tmp_path / "r.npy", ONE, limits={"x": (0, 1)})
    assert stimulus.inputs.tolist() == [[1.0, 0.0, 1.0]]


def test_npz_with_one_array_of_any_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", anything=FIRST.astype(np.float32))
    stimulus = read_rows(tmp_path / "r.npz", ONE)
    assert stimulus.name == "r.npz"
    np.testing.assert_array_equal(stimulus.inputs, FIRST)


def test_npz_by_name_beside_other_arrays(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "r.npz", a=FIRST, b=SECOND, labels=np.array(["cat", "dog"])[:0])
    assert len(read_rows(tmp_path / "r.npz", TWO)) == len(FIRST)
    np.savez_compressed(tmp_path / "r.npz", a=FIRST, b=SECOND.reshape(2, 4), labels=[1, 2])
    inputs = read_rows(tmp_path / "r.npz", TWO).inputs
    assert isinstance(inputs, dict)
    np.testing.assert_array_equal(inputs["b"], SECOND)


def test_npy_by_columns_and_integers(tmp_path: Path) -> None:
    np.save(tmp_path / "r.npy", np.asfortranarray(FIRST.astype(np.int16)))
    np.testing.assert_array_equal(read_rows(tmp_path / "r.npy", ONE).inputs, FIRST)


@pytest.mark.parametrize("header", ["", "u,v,w\n", "\ufeffu,v,w\r\n"])
def test_csv_with_and_without_names(header: str, tmp_path: Path) -> None:
    path = written(tmp_path / "r.csv", f"{header}0,1,2\n\n3, 4 ,5e0\n")
    np.testing.assert_array_equal(read_rows(path, ONE).inputs, FIRST)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_csv_of_several_inputs_side_by_side(mark: str, tmp_path: Path) -> None:
    lines = [mark.join(map(str, [*a, *b.ravel()])) for a, b in zip(FIRST, SECOND, strict=True)]
    inputs = read_rows(written(tmp_path / "r.csv", "\n".join(lines)), TWO).inputs
    assert isinstance(inputs, dict)
    np.testing.assert_array_equal(inputs["a"], FIRST)
    np.testing.assert_array_equal(inputs["b"], SECOND)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no rows"),
        ("a,b,c\n", "holds no rows: its only line is taken for the names of columns"),
        ("1 2 3\n", r"r.csv:1: '1 2 3' is no finite number\nhint: numbers stand between commas"),
        ("1,2,\u0663\n", "'\u0663' is no finite number"),
        ("1,2\n3,4\n", r"has 2 columns, not 3 \(3 for x\)"),
        ("1,2,3\n4,5\n", r"r.csv:2: a line has 2 columns, the first 3"),
        ("1,2,3\n4,cat,6\n", r"r.csv:2: 'cat' is no finite number"),
        ("1,2,3\n4,nan,6\n", r"r.csv:2: 'nan' is no finite number"),
        ("1,2,3\n4,1_0,6\n", r"r.csv:2: '1_0' is no finite number"),
        ("u,v,w\nu,v,w\n", r"r.csv:2: 'u' is no finite number"),
        ("1,1e999,2\n", r"r.csv:1: '1e999' is no finite number"),
        ("nan,nan,nan\n1,2,3\n", r"r.csv:1: 'nan' is no finite number"),
        (b"\xff\xfe1,2,3", r"is not UTF-8 text \(byte 0\)"),
        ("1,2,3\n" + '"' + "9" * 200_000, r"not a table \(field larger than field limit"),
    ],
)
def test_csv_that_is_none(text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_rows(written(tmp_path / "r.csv", text), ONE)


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members.items():
            made.writestr(f"{name}.npy", data)
    return path


def header(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    stream = io.BytesIO()
    described = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, described)
    return stream.getvalue()


def test_arrays_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    with pytest.raises(DataError, match=r"r\.npz: no such file"):
        read_rows(path, ONE)
    with pytest.raises(DataError, match=r"not an \.npz file"):
        read_rows(written(path, b"PK\x03\x04 and then nothing"), ONE)
    with pytest.raises(
        DataError, match=r"declares the shape \(17592186044416, 1\) of float64, and 16"
    ):
        read_rows(archive(path, x=header((1 << 44, 1)) + b"\0" * 16), ONE)
    with pytest.raises(DataError, match="must hold numbers or text, not object"):
        read_rows(archive(path, x=header((1, 3), "|O") + b"\0" * 64), ONE)
    with pytest.raises(DataError, match=r'not the array "x" \('):
        read_rows(archive(path, x=b"\x93NUMPY\x01\x00\x10\x00{'descr': 1}   \n"), ONE)
    with pytest.raises(DataError, match='has no array "b"; it has a'):
        read_rows(archive(path, a=header((0, 3))), TWO)
    with pytest.raises(DataError, match="holds no rows"):
        read_rows(archive(path, a=header((0, 3))), ONE)
    with pytest.raises(DataError, match=r'rows must be in a file .npz, .npy or .csv, not ".txt"'):
        read_rows(tmp_path / "r.txt", ONE)
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(DataError, match="is a folder, not a file"):
        read_rows(tmp_path / "folder.npy", ONE)


def test_archive_that_would_grow_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name in range(2):
            made.writestr(f"{name}.npy", b"\0" * (300 << 20))
    with pytest.raises(
        DataError, match="holds 629145600 bytes unpacked; at most 536870912 are read"
    ):
        read_rows(path, ONE)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 4)), r'input "x" needs rows of shape \(rows, 3\), not \(2, 4\)'),
        (np.zeros(3), r"not \(3,\)"),
        (np.array(1.0), r"not \(\)"),
        (np.array([[1.0, np.inf, 2.0]]), r"holds NaN or infinity \(first in row 0\)"),
        (np.array([[1.0, 4e38, 2.0]]), r"a number that float32 makes infinite \(first in row 0\)"),
    ],
)
def test_rows_of_another_shape_or_not_finite(
    array: np.ndarray, message: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "r.npy", array)
    with pytest.raises(DataError, match=message):
        read_rows(tmp_path / "r.npy", ONE)


def test_inputs_of_different_lengths(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", a=FIRST, b=SECOND[:1])
    with pytest.raises(DataError, match=r"different numbers of rows \(a: 2, b: 1\)"):
        read_rows(tmp_path / "r.npz", TWO)
