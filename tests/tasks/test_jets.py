"""The jet task: the shipped table, our own tables, public files, and what is refused."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netwright import tasks
from netwright.errors import ConfigError, DataError, NetwrightError
from netwright.files import write_npz
from netwright.tasks.card import Card, format_card, read_card
from netwright.tasks.jets import SHIPPED, card_path, jets
from netwright.tasks.jets_features import CLASSES, FEATURES
from netwright.tasks.table import Table, digest, read_table, write_table

COLUMNS = ", ".join(FEATURES)
TABLE_HINT = (
    "a table written by `netwright data jets`, with the arrays classes, features, labels, names"
)


def make_table(rows_per_class: int = 8) -> Table:
    rng = np.random.default_rng(2)
    labels = np.tile(np.arange(5), rows_per_class)
    return Table(rng.normal(size=(len(labels), 16)).astype(np.float32), labels)


def make_arrays() -> dict[str, NDArray[Any]]:
    table = make_table()
    return {
        "features": table.features,
        "labels": table.labels,
        "names": np.array(FEATURES),
        "classes": np.array(CLASSES),
    }


def text_lines(table: Table) -> list[str]:
    return [
        ",".join([*map(repr, row.tolist()), CLASSES[label]])
        for row, label in zip(table.features, table.labels, strict=True)
    ]


def write_csv(path: Path, lines: list[str], header: str = ",".join((*FEATURES, "class"))) -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def message_of(call: Callable[[], object], kind: type[NetwrightError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def rows_of(task: tasks.Task) -> list[list[float]]:
    """The raw rows of all splits, sorted."""
    parts = [task.train, task.validation, task.test]
    raw = np.concatenate([part.inputs * task.deviation + task.mean for part in parts])
    return sorted(np.round(raw, 4).tolist())


@pytest.fixture(scope="module")
def shipped() -> tasks.Task:
    return jets()


def test_shipped_table_is_balanced_and_split(shipped: tasks.Task) -> None:
    assert [len(shipped.train), len(shipped.validation), len(shipped.test)] == [64000, 16000, 20000]
    assert np.bincount(shipped.test.labels).tolist() == [4000] * 5
    assert shipped.features == FEATURES
    assert shipped.classes == CLASSES
    assert shipped.name == "jets"


def test_shipped_card_says_where_the_rows_come_from(shipped: tasks.Task) -> None:
    card = shipped.card
    assert card.synthetic
    assert card.counts == dict.fromkeys(CLASSES, 20000)
    assert card.seeds == {"simulation": 7}
    assert set(card.versions) == {"pythia8mc", "fastjet", "awkward", "numpy", "netwright"}
    assert "GPL" in card.license
    assert card.sha256 == digest(read_table(SHIPPED))


def test_shipped_values_are_physical() -> None:
    table = read_table(SHIPPED)
    column = {name: table.features[:, index] for index, name in enumerate(FEATURES)}
    assert (column["j_zlogz"] < 0).all()
    assert (column["j_c1_b0_mmdt"] < 0.5).all()
    assert (column["j_multiplicity"] % 1 == 0).all()
    assert np.array_equal(column["j_d2_b1_mmdt"], column["j_d2_a1_b1_mmdt"])
    medians = [np.median(column["j_mass_mmdt"][table.labels == label]) for label in (2, 3, 4)]
    assert medians == pytest.approx([79.0, 89.0, 165.0], abs=8.0)  # near the W, Z and top masses


def test_linear_classifier_separates_the_classes(shipped: tasks.Task) -> None:
    # Least squares on one-hot targets; a network reaches about 76 %.
    train = np.c_[shipped.train.inputs, np.ones(len(shipped.train))]
    weights = np.linalg.lstsq(train, np.eye(5)[shipped.train.labels], rcond=None)[0]
    logits = np.c_[shipped.test.inputs, np.ones(len(shipped.test))] @ weights
    assert shipped.accuracy(logits) > 0.6
    assert min(curve.area for curve in shipped.roc(logits).values()) > 0.8


def test_public_names_are_these() -> None:
    assert tasks.__all__ == ["Card", "Split", "Task", "jets"]
    assert tasks.jets is jets


def test_import_needs_neither_torch_nor_the_generators() -> None:
    names = "{'torch', 'pythia8mc', 'fastjet', 'awkward', 'h5py'}"
    code = f"import sys, netwright.tasks.jets_generate; print(sorted({names} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_own_table_with_its_card_is_read(tmp_path: Path) -> None:
    table = make_table()
    path = write_table(tmp_path / "mine.npz", table)
    card = Card(title="mine", recipe="toy", synthetic=True, sha256=digest(table))
    card_path(path).write_text(format_card(card))
    task = jets(path=path)
    assert task.card == card
    np.testing.assert_allclose(rows_of(task), sorted(table.features.tolist()), atol=1e-3)


def test_own_table_without_a_card_is_read(tmp_path: Path) -> None:
    path = write_table(tmp_path / "mine.npz", make_table())
    card = jets(path=str(path)).card
    assert (card.title, card.recipe) == ("table without a card, mine.npz", "unknown")
    assert card.sha256 == digest(make_table())


def test_table_that_does_not_fit_its_card_is_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path / "mine.npz", make_table())
    card = Card(title="mine", recipe="toy", synthetic=True, sha256="0" * 64)
    card_path(path).write_text(format_card(card))
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: its rows have the digest {digest(make_table())}, its card says {'0' * 64}\n"
        "hint: mine.npz or mine.card.toml was changed; install or generate both again"
    )


def test_table_is_written_with_equal_bytes(tmp_path: Path) -> None:
    first, second = (write_table(tmp_path / name, make_table()) for name in ("a.npz", "b.npz"))
    assert first.read_bytes() == second.read_bytes()


def test_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    card = Card(
        title='with "quotes", \\ and ü\x7f',
        recipe="two\nlines",
        synthetic=False,
        sha256="ab",
        cuts=("one", "two"),
        license="free",
        remarks=("a remark",),
        seeds={"simulation": 2**62, "odd key": 1},
        counts={"g": 3},
        versions={"numpy": "2.0"},
    )
    path = tmp_path / "card.toml"
    path.write_text(format_card(card), encoding="utf-8")
    assert read_card(path) == card


def test_card_faults_are_reported_together(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text('title = 3\nrecipe = ""\nsynthetic = "yes"\ncolor = 1\ncuts = [1]\nseeds = 2\n')
    assert message_of(lambda: read_card(path)) == (
        f'{path}: unknown field "color"; field "sha256" is missing; '
        'field "title" must be a string, not 3; '
        "field \"synthetic\" must be true or false, not 'yes'; "
        'field "cuts" must be a list of strings, not [1]; '
        'field "seeds" must be a table of int values\n'
        "hint: a data card is TOML with title, recipe, synthetic and sha256; "
        "see docs/tasks-jets.md"
    )


def test_seed_out_of_range_is_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path / "mine.npz", make_table())
    expected = "seed must be 0 to 2^63 - 1, not -1"
    assert message_of(lambda: jets(seed=-1, path=path), ConfigError) == expected


def test_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.npz"
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: no such file\nhint: give the path of a downloaded file"
    )


@pytest.mark.parametrize("suffix", [".npz", ".arff", ".csv", ".h5"])
def test_empty_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"empty{suffix}"
    path.touch()
    if suffix == ".h5":
        pytest.importorskip("h5py", reason="needs h5py")
    assert message_of(lambda: jets(path=path)) == f"{path}: is empty"


def test_folder_named_like_a_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "folder.npz"
    path.mkdir()
    assert message_of(lambda: jets(path=path)) == f"{path}: is not a file"


def test_unknown_suffix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jets.parquet"
    path.write_bytes(b"PAR1")
    assert message_of(lambda: jets(path=path)) == (
        f'{path}: has the suffix ".parquet", which is not known\n'
        "hint: accepted: .npz, .arff, .csv, .h5, .hdf5, or a folder of .h5 files"
    )


def test_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.npz"
    path.write_text("not a zip")
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: is not a whole .npz file (File is not a zip file)\nhint: accepted: {TABLE_HINT}"
    )


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_table_is_refused(tmp_path: Path, share: float) -> None:
    path = write_table(tmp_path / "cut.npz", make_table())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert message_of(lambda: jets(path=path)).startswith(f"{path}: is not a whole .npz file (")


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
        f"{path}: is not a whole .npz file "
        "(Object arrays cannot be loaded when allow_pickle=False)\n"
        f"hint: accepted: {TABLE_HINT}"
    )


def test_huge_table_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "huge.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("features", "labels"):
            with archive.open(f"{name}.npy", "w") as stream:
                for _ in range(350):
                    stream.write(bytes(1_000_000))
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: holds 700000000 bytes unpacked, more than 680000000\n"
        "hint: a table has at most 10000000 rows"
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
