"""The card of the stage ``data``, for tasks of every kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.flows.stages.data import data_section, read_section
from netwright.tasks import Task, calorimeter, from_arrays

ROWS = np.random.default_rng(0).normal(3.0, 2.0, (60, 4))
IMAGES = np.random.default_rng(1).integers(0, 256, (60, 1, 5, 5))


def test_card_says_what_the_data_are(tiny_run: Path) -> None:
    section = read_section({"data": tiny_run / "stages/01-data"})
    assert section.name == "jets"
    assert section.rows == {"train": 1500, "validation": 1500, "test": 1500}
    assert list(section.classes) == ["g", "q", "w", "z", "t"]
    assert sum(section.classes.values()) == 1500
    assert len(section.sha256) == 64
    (table,) = section.inputs
    assert [spread.name for spread in table.spreads][:2] == ["j_zlogz", "j_c1_b0_mmdt"]
    assert section.score == "accuracy (larger is better)"


def test_ranges_are_those_of_the_raw_training_rows() -> None:
    task = from_arrays(ROWS, ROWS[:, 0], features="abcd", score="rmse")
    (table,) = data_section(task).inputs
    raw = task.scaling["x"].raw(task.train.inputs)
    second = table.spreads[1]
    assert second.name == "b"
    np.testing.assert_allclose(
        [second.low, second.mean, second.deviation, second.high],
        [raw[:, 1].min(), raw[:, 1].mean(), raw[:, 1].std(), raw[:, 1].max()],
    )
    assert set(np.round([second.low, second.high], 4)) <= set(np.round(ROWS[:, 1], 4))


def test_a_reconstruction_of_two_inputs() -> None:
    task = from_arrays({"image": IMAGES, "table": ROWS}, "image", loss="mae", score="mae")
    section = data_section(task)
    assert [(found.name, found.shape) for found in section.inputs] == [
        ("image", (1, 5, 5)), ("table", (4,)),
    ]  # fmt: skip
    assert [spread.name for found in section.inputs for spread in found.spreads] == [
        "all values", "all values",
    ]  # fmt: skip
    assert (section.output_shape, section.classes) == ((1, 5, 5), {})
    assert section.score == "mean absolute error (smaller is better)"


def test_the_calorimeter() -> None:
    section = data_section(calorimeter())
    assert section.output_shape == (48,)
    assert not section.classes


def test_the_digest_follows_every_value() -> None:
    def digest(task: Task) -> str:
        return data_section(task).digest

    task = from_arrays(ROWS, ROWS[:, 0])
    before = digest(task)
    assert digest(from_arrays(ROWS, ROWS[:, 0])) == before
    task.test.targets[3] += 1
    assert digest(task) != before
    assert digest(from_arrays(ROWS, ROWS[:, 0], seed=1)) != before


def test_a_loss_of_a_file_is_named_without_its_folder() -> None:
    task = replace(calorimeter(), loss="/somewhere/my_loss.py:smooth")
    assert data_section(task).loss == "my_loss.py:smooth"


def test_a_damaged_card_is_refused(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(DataError, match="is no card of data"):
        read_section({"data": tmp_path})
