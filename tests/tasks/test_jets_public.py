"""Public jet files: OpenML as ARFF and CSV, Zenodo as HDF5."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright import errors
from netwright.errors import DataError, MissingExtra
from netwright.tasks import jets_public
from netwright.tasks.jets import jets
from netwright.tasks.jets_features import CLASSES, FEATURES
from netwright.tasks.jets_public import read_hdf5, read_text_table
from netwright.tasks.table import Table

from .test_jets import COLUMNS, make_table, message_of, rows_of, text_lines, write_csv


def write_arff(path: Path, lines: list[str]) -> Path:
    head = ["% a comment", "@RELATION hls4ml_lhc_jets_hlf", ""]
    head += [f"@ATTRIBUTE {name} REAL" for name in FEATURES]
    head += ["@ATTRIBUTE class {g, q, w, z, t}", "", "@DATA"]
    path.write_text("\n".join([*head, *lines]) + "\n")
    return path


def test_csv_is_read(tmp_path: Path) -> None:
    table = make_table()
    path = write_csv(tmp_path / "jets.csv", text_lines(table))
    found = read_text_table(path)
    assert np.array_equal(found.features, table.features)
    assert np.array_equal(found.labels, table.labels)
    assert jets(path=path).card.title == "public jet data set, jets.csv"


def test_csv_columns_may_be_in_any_order_and_quoted(tmp_path: Path) -> None:
    table = make_table()
    lines = [",".join(f'"{cell}"' for cell in line.split(",")[::-1]) for line in text_lines(table)]
    path = write_csv(tmp_path / "jets.csv", lines, header=",".join(("class", *FEATURES[::-1])))
    assert np.array_equal(read_text_table(path).features, table.features)


def test_arff_is_read(tmp_path: Path) -> None:
    table = make_table()
    lines = ["% another comment", *text_lines(table), ""]
    found = read_text_table(write_arff(tmp_path / "jets.arff", lines))
    assert np.array_equal(found.features, table.features)
    assert np.array_equal(found.labels, table.labels)


def test_arff_without_data_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jets.arff"
    path.write_text("@RELATION jets\n")
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: has no @data line\nhint: accepted: an ARFF file of OpenML"
    )


def test_binary_file_named_csv_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jets.csv"
    path.write_bytes(b"\xff\xfe\x00")
    assert message_of(lambda: jets(path=path)).startswith(f"{path}: cannot be read as text (")


def test_csv_with_other_columns_is_refused(tmp_path: Path) -> None:
    header = ",".join(("j_pt", *FEATURES[2:], "j_pt", "class", "class"))
    path = write_csv(tmp_path / "jets.csv", [], header=header)
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: lacks the column j_zlogz, j_c1_b0_mmdt; has the unknown column j_pt, j_pt; "
        f"has the column class more than once\n"
        f"hint: accepted: the columns {COLUMNS} and class, in any order"
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "1,2",
            "line 3 must have 17 values, not 2\nhint: the file may be truncated; download it again",
        ),
        (
            ",".join(["1"] * 14 + ["?", "1", "g"]),
            'line 3, column j_mass_mmdt must be a number, not "?"',
        ),
        (
            ",".join(["1"] * 16 + ["b"]),
            'line 3, column class must be one of g, q, w, z, t, not "b"',
        ),
        (
            ",".join(["nan"] + ["1"] * 15 + ["g"]),
            "value at row 1, column j_zlogz must be a finite float32, not nan\n"
            "hint: 1 such values in all; remove these rows",
        ),
    ],
)
def test_wrong_line_is_refused(tmp_path: Path, line: str, expected: str) -> None:
    lines = text_lines(make_table())
    path = write_csv(tmp_path / "jets.csv", [lines[0], line, *lines[1:]])
    assert message_of(lambda: jets(path=path)) == f"{path}: {expected}"


def test_csv_without_rows_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "jets.csv", [])
    assert message_of(lambda: jets(path=path)) == f"{path}: must hold 1 to 10000000 rows, not 0"


@pytest.fixture
def h5py() -> Any:
    return pytest.importorskip("h5py", reason="needs h5py")


TRUTH = [f"j_{name}" for name in CLASSES]


def write_hdf5(h5py: Any, path: Path, table: Table, names: list[str] | None = None) -> Path:
    one_hot = np.eye(5, dtype=np.float32)[table.labels]
    extra = np.ones((len(table.labels), 1), dtype=np.float32)
    names = ["j_pt", *TRUTH, *FEATURES] if names is None else names
    with h5py.File(path, "w") as file:
        file["jets"] = np.concatenate([extra, one_hot, table.features], axis=1)
        file["jetFeatureNames"] = np.array([name.encode() for name in names])
    return path


def test_hdf5_is_read(tmp_path: Path, h5py: Any) -> None:
    table = make_table()
    found = read_hdf5(write_hdf5(h5py, tmp_path / "jets.h5", table))
    assert np.array_equal(found.features, table.features)
    assert np.array_equal(found.labels, table.labels)


def write_cernbox(h5py: Any, path: Path, table: Table, *, kind: str = "f8") -> Path:
    """The file of CERNBox: one array whose columns have names, in another order, and more."""
    names = ["j_ptfrac", *reversed(FEATURES), *TRUTH, "j_index"]
    rows = np.zeros(len(table.labels), dtype=[(name, kind) for name in names])
    for number, name in enumerate(FEATURES):
        rows[name] = table.features[:, number]
    for number, name in enumerate(TRUTH):
        rows[name] = table.labels == number
    with h5py.File(path, "w") as file:
        file["t_allpar_new"] = rows
    return path


def test_the_file_of_cernbox_is_read(tmp_path: Path, h5py: Any) -> None:
    table = make_table()
    found = jets(path=write_cernbox(h5py, tmp_path / "jets.z", table)).test
    assert len(found) > 0
    whole = read_hdf5(tmp_path / "jets.z")
    assert np.array_equal(whole.features, table.features)
    assert np.array_equal(whole.labels, table.labels)


def test_a_file_of_cernbox_with_other_columns_is_refused(tmp_path: Path, h5py: Any) -> None:
    path = write_cernbox(h5py, tmp_path / "text.h5", make_table(), kind="S4")
    with pytest.raises(DataError, match="t_allpar_new must hold numbers"):
        read_hdf5(path)
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["t_allpar_new"] = np.zeros((3, 21))
    with pytest.raises(DataError, match=r"t_allpar_new has no named columns"):
        read_hdf5(tmp_path / "plain.h5")


def test_a_file_of_cernbox_holds_its_own_values(tmp_path: Path, h5py: Any) -> None:
    (tmp_path / "other").write_bytes(bytes(1000))
    there, path = write_cernbox(h5py, tmp_path / "there.z", make_table()), tmp_path / "jets.z"
    kind = [(name, "f4") for name in (*FEATURES, *(f"j_{name}" for name in CLASSES))]
    with h5py.File(path, "w") as file:
        elsewhere = [(str(tmp_path / "other"), 0, 840)]
        file.create_dataset("t_allpar_new", shape=(10,), dtype=kind, external=elsewhere)
    with pytest.raises(DataError, match="has its values in another file"):
        read_hdf5(path)
    with h5py.File(path, "w") as file:
        file["t_allpar_new"] = h5py.ExternalLink(str(there), "/t_allpar_new")
    with pytest.raises(DataError, match="has its values in another file"):
        read_hdf5(path)
    with h5py.File(path, "w") as file:
        file.create_group("t_allpar_new")
    with pytest.raises(DataError, match="t_allpar_new is no data set"):
        read_hdf5(path)


def test_folder_of_hdf5_files_is_read(tmp_path: Path, h5py: Any) -> None:
    table = make_table()
    half = len(table.labels) // 2
    write_hdf5(h5py, tmp_path / "1.h5", Table(table.features[half:], table.labels[half:]))
    write_hdf5(h5py, tmp_path / "0.hdf5", Table(table.features[:half], table.labels[:half]))
    task = jets(path=tmp_path)
    np.testing.assert_allclose(rows_of(task), sorted(table.features.tolist()), atol=1e-3)


def test_folder_without_hdf5_files_is_refused(tmp_path: Path, h5py: Any) -> None:
    assert message_of(lambda: jets(path=tmp_path)) == (
        f"{tmp_path}: holds no .h5 file\nhint: unpack the Zenodo archive there first"
    )


def test_hdf5_without_jets_is_refused(tmp_path: Path, h5py: Any) -> None:
    path = tmp_path / "jets.h5"
    with h5py.File(path, "w") as file:
        file["jetImage"] = np.zeros(3)
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: lacks the data set jets, jetFeatureNames\n"
        "hint: accepted: HDF5 files of Zenodo 3602254 or 3602260, or that of CERNBox"
    )


def test_hdf5_with_other_columns_is_refused(tmp_path: Path, h5py: Any) -> None:
    names = ["j_pt", *TRUTH, *FEATURES[:15], "j_other"]
    path = write_hdf5(h5py, tmp_path / "jets.h5", make_table(), names)
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: lacks the column j_multiplicity\n"
        f"hint: accepted: the columns {COLUMNS}, {', '.join(TRUTH)} among others"
    )


def test_hdf5_of_wrong_shape_is_refused(tmp_path: Path, h5py: Any) -> None:
    path = write_hdf5(h5py, tmp_path / "jets.h5", make_table(), [*TRUTH, *FEATURES])
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: jets must have shape (rows up to 10000000, 21), not (40, 22)"
    )


def test_hdf5_row_of_no_class_is_refused(tmp_path: Path, h5py: Any) -> None:
    path = write_hdf5(h5py, tmp_path / "jets.h5", make_table())
    with h5py.File(path, "r+") as file:
        file["jets"][2, 1:6] = 0
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: row 2 must have exactly one 1 among j_g, j_q, j_w, j_z, j_t, "
        "not [0.0, 0.0, 0.0, 0.0, 0.0]"
    )


def test_truncated_hdf5_is_refused(tmp_path: Path, h5py: Any) -> None:
    path = write_hdf5(h5py, tmp_path / "jets.h5", make_table())
    path.write_bytes(path.read_bytes()[:1000])
    assert message_of(lambda: jets(path=path)).startswith(f"{path}: not an HDF5 file of jets (")


def test_hdf5_without_h5py_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(module: str, *, extra: str, purpose: str) -> object:
        raise MissingExtra(extra, package=module, purpose=purpose)

    monkeypatch.setattr(jets_public, "require", refuse)
    path = tmp_path / "jets.h5"
    path.write_bytes(b"x")
    assert message_of(lambda: jets(path=path), errors.MissingExtra) == (
        'reading HDF5 jet files needs the package "h5py", which is not installed\n'
        "hint: pip install 'netwright[hdf5]'"
    )
