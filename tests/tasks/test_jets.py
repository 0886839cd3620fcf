"""The jet task: the shipped table, our own tables, public files, and what is refused."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright import tasks
from netwright.errors import ConfigError, DataError, NetwrightError
from netwright.tasks.card import Card, card_path, format_card
from netwright.tasks.jets import SHIPPED, jets
from netwright.tasks.jets_features import CLASSES, FEATURES
from netwright.tasks.table import Table, digest, read_table, write_table

COLUMNS = ", ".join(FEATURES)


def make_table(rows_per_class: int = 8) -> Table:
    rng = np.random.default_rng(2)
    labels = np.tile(np.arange(5), rows_per_class)
    return Table(rng.normal(size=(len(labels), 16)).astype(np.float32), labels)


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
    raw = np.concatenate([task.scaling["x"].raw(part.inputs) for part in parts])
    return sorted(np.round(raw, 4).tolist())


@pytest.fixture(scope="module")
def shipped() -> tasks.Task:
    return jets()


def test_shipped_table_is_balanced_and_split(shipped: tasks.Task) -> None:
    assert [len(shipped.train), len(shipped.validation), len(shipped.test)] == [64000, 16000, 20000]
    assert np.bincount(shipped.test.targets).tolist() == [4000] * 5
    assert shipped.features == {"x": FEATURES}
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
    weights = np.linalg.lstsq(train, np.eye(5)[shipped.train.targets], rcond=None)[0]
    logits = np.c_[shipped.test.inputs, np.ones(len(shipped.test))] @ weights
    assert shipped.evaluate(logits) > 0.6
    assert min(curve.area for curve in shipped.roc(logits).values()) > 0.8


def test_public_names_are_these() -> None:
    assert tasks.__all__ == [
        "CODES",
        "CONDITIONS",
        "LATENT_BITS",
        "LINK_BITS",
        "OCCUPANCY_EDGES",
        "REGION_NAMES",
        "BiExponential",
        "Bound",
        "Card",
        "CrRc",
        "Digitizer",
        "Law",
        "MeanDistance",
        "Noise",
        "PublishedDesign",
        "Pulses",
        "Resolution",
        "Scaling",
        "Score",
        "Sipm",
        "Snr",
        "Split",
        "TableOptions",
        "Tabulated",
        "Task",
        "TextRows",
        "Timing",
        "averaged_bound",
        "beam",
        "bound_at",
        "by_occupancy",
        "calibrated",
        "calorimeter",
        "constant_fraction",
        "digits",
        "draw",
        "encode_texts",
        "every_code",
        "fashion_mnist",
        "fraction_of_peak",
        "from_arrays",
        "from_pulses",
        "generate_calorimeter",
        "jets",
        "leading_edge",
        "load",
        "mean_distance",
        "movie_snippets",
        "next_tokens",
        "novels",
        "nuclei",
        "occupancy",
        "payload_bits",
        "published_designs",
        "pulse_estimates",
        "pulse_inputs",
        "pulse_law",
        "pulse_samples",
        "pulses",
        "resolution",
        "sentence_task",
        "template_fit",
        "wafer_emd",
        "wafers",
        "window_weights",
    ]
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
    assert task.card == replace(card, counts=dict.fromkeys(CLASSES, 8))
    np.testing.assert_allclose(rows_of(task), sorted(table.features.tolist()), atol=1e-3)


def test_own_table_without_a_card_is_read(tmp_path: Path) -> None:
    path = write_table(tmp_path / "mine.npz", make_table())
    card = jets(path=str(path)).card
    assert (card.title, card.recipe) == ("data without a card, mine.npz", "unknown")
    assert card.sha256 == digest(make_table())


def test_table_that_does_not_fit_its_card_is_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path / "mine.npz", make_table())
    card = Card(title="mine", recipe="toy", synthetic=True, sha256="0" * 64)
    card_path(path).write_text(format_card(card))
    assert message_of(lambda: jets(path=path)) == (
        f"{path}: its rows have the digest {digest(make_table())}, its card says {'0' * 64}\n"
        "hint: mine.npz or mine.card.toml was changed; install or generate both again"
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


def test_unknown_suffix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jets.parquet"
    path.write_bytes(b"PAR1")
    assert message_of(lambda: jets(path=path)) == (
        f'{path}: has the suffix ".parquet", which is not known\n'
        "hint: accepted: .npz, .arff, .csv, .h5, .hdf5, .z, or a folder of .h5 files"
    )


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (7, "928a695206526cd5fba3c6aa59db40431dee2e85a0bf36daab158009a27fa44e"),
        (3, "2984c3228f686fcb865a1bd8d18bee847aeca7e6463efaa316c17fc343b0ed6a"),
    ],
)
def test_splits_stay_what_they_are_bit_for_bit(seed: int, expected: str) -> None:
    assert digest_of(jets(seed=seed)) == expected


def test_windowed_splits_stay_what_they_are_bit_for_bit() -> None:
    expected = "99c890f3eea75112798a7f31195979296547694abf3ffd89cbea0fdad58092da"
    assert digest_of(jets(seed=7).windowed()) == expected


def digest_of(task: tasks.Task) -> str:
    """Digest of the inputs and class numbers of all splits."""
    state = hashlib.sha256()
    for part in (task.train, task.validation, task.test):
        state.update(np.ascontiguousarray(part.inputs).tobytes() + part.targets.tobytes())
    return state.hexdigest()
