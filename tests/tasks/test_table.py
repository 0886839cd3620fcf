"""Tables as files: equal bytes, and everything that is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.files import write_npz
from netwright.tasks.jets import jets
from netwright.tasks.jets_features import CLASSES, FEATURES
from netwright.tasks.table import digest, read_table, write_table

from .test_jets import COLUMNS, make_table, message_of

TABLE_HINT = (
    "a table written by `netwright data jets`, with the arrays classes, features, labels, names"
)


def make_arrays() -> dict[str, NDArray[Any]]:
    table = make_table()
    return {
        "features": table.features,
        "labels": table.labels,
        "names": np.array(FEATURES),
        "classes": np.array(CLASSES),
    }


def test_table_is_written_with_equal_bytes(tmp_path: Path) -> None:
    first, second = (write_table(tmp_path / name, make_table()) for name in ("a.npz", "b.npz"))
    assert first.read_bytes() == second.read_bytes()


def test_folder_named_like_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "folder.npz"
    path.mkdir()
    assert message_of(lambda: jets(path=path)) == f"{path}: is a folder, not a file"


def test_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.npz"
    path.write_text("not a zip")
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: not an .npz file (File is not a zip file)\nhint: accepted: {TABLE_HINT}"
    )


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_table_is_refused(tmp_path: Path, share: float) -> None:
    path = write_table(tmp_path / "cut.npz", make_table())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert message_of(lambda: jets(path=path)).startswith(f"{path}: not an .npz file (")


def test_any_changed_byte_is_refused_or_changes_no_row(tmp_path: Path) -> None:
    path = write_table(tmp_path / "table.npz", make_table())
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[position] ^= 0x55
        path.write_bytes(changed)
        try:
            found = read_table(path)
        except DataError:
            continue
        assert digest(found) == digest(make_table())


def test_pickled_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pickle.npz"
    arrays = make_arrays()
    arrays["features"] = np.array([{"a": 1}], dtype=object)
    np.savez(path, **arrays)
    assert message_of(lambda: jets(path=path)) == (
        f'{path}: "features" must hold numbers or text, not object\nhint: accepted: {TABLE_HINT}'
    )


def test_huge_table_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "huge.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("features", "labels"):
            with archive.open(f"{name}.npy", "w") as stream:
                for _ in range(350):
                    stream.write(bytes(1_000_000))
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: holds 700000000 bytes unpacked; at most 680000000 are read\n"
        f"hint: accepted: {TABLE_HINT}"
    )


def test_table_without_labels_is_refused(tmp_path: Path) -> None:
    arrays = make_arrays()
    del arrays["labels"], arrays["names"]
    path = write_npz(tmp_path / "part.npz", arrays)
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: lacks the array labels, names\nhint: {TABLE_HINT}"
    )


def change(name: str, value: NDArray[Any]) -> dict[str, NDArray[Any]]:
    return {**make_arrays(), name: value}


def with_value(row: int, column: int, value: float) -> NDArray[np.float64]:
    features = make_table().features.astype(np.float64)
    features[row, column] = value
    return features


NAMES_HINT = f"\nhint: accepted columns, in this order: {COLUMNS}"


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        (
            change("features", np.zeros((40, 15))),
            "features must have shape (rows, 16), not (40, 15)",
        ),
        (change("features", np.zeros(40)), "features must have shape (rows, 16), not (40,)"),
        (
            change("features", np.zeros((40, 16), dtype=int)),
            "features must be floats and labels integers, not int64 and int64",
        ),
        (change("labels", np.zeros(3, dtype=int)), "labels must have shape (40,), not (3,)"),
        (
            {**change("features", np.zeros((0, 16))), "labels": np.zeros(0, dtype=int)},
            "must hold 1 to 10000000 rows, not 0",
        ),
        (
            change("features", with_value(3, 14, np.nan)),
            "value at row 3, column j_mass_mmdt must be a finite float32, not nan\n"
            "hint: 1 such values in all; remove these rows",
        ),
        (
            change("features", with_value(0, 0, -np.inf)),
            "value at row 0, column j_zlogz must be a finite float32, not -inf\n"
            "hint: 1 such values in all; remove these rows",
        ),
        (
            change("features", with_value(39, 15, 1e300)),
            "value at row 39, column j_multiplicity must be a finite float32, not 1e+300\n"
            "hint: 1 such values in all; remove these rows",
        ),
        (
            change("labels", np.full(40, 5)),
            "label at row 0 must be 0 to 4, not 5\nhint: classes are g, q, w, z, t",
        ),
        (
            change("classes", np.array(["q", "g", "w", "z", "t"])),
            "classes must be g, q, w, z, t, not q, g, w, z, t",
        ),
        (
            change("names", np.array([*FEATURES[:15], "j_pt"])),
            "lacks the column j_multiplicity; has the unknown column j_pt" + NAMES_HINT,
        ),
        (
            change("names", np.array(FEATURES[::-1])),
            "has its columns in another order" + NAMES_HINT,
        ),
    ],
)
def test_wrong_content_is_refused(
    tmp_path: Path, arrays: dict[str, NDArray[Any]], expected: str
) -> None:
    path = write_npz(tmp_path / "wrong.npz", arrays)
    assert message_of(lambda: jets(path=path)) == f"{path}: {expected}"
