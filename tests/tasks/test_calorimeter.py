"""The calorimeter task: what ships, how it is split, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright import tasks
from netwright.errors import ConfigError, DataError
from netwright.tasks.calorimeter import SHIPPED, mean_emd, wafers
from netwright.tasks.calorimeter_charges import normalize
from netwright.tasks.calorimeter_generate import WAFERS_PER_CHUNK
from netwright.tasks.calorimeter_geometry import gather
from netwright.tasks.calorimeter_table import digest, read_table, write_table
from netwright.tasks.calorimeter_wafers import generate_wafers

from .test_calorimeter_public import HEADER, line, write


@pytest.fixture(scope="module")
def shipped() -> tasks.Task:
    return tasks.calorimeter(seed=7)


def test_shipped_table_is_what_its_card_says(shipped: tasks.Task) -> None:
    table = read_table(SHIPPED)
    card = shipped.card
    assert card.sha256 == digest(table)
    assert card.counts == {"inner": 20000, "middle": 20000, "outer": 20000}
    assert "not Geant4" in card.recipe
    assert len(shipped.test) >= 10_000
    made = generate_wafers(2, 0, WAFERS_PER_CHUNK, card.seeds["simulation"])
    kept = table.take(table.region == 2).charges[: len(made)]
    equal = (made[:, :48] == kept).all(axis=1)
    assert equal.mean() > 0.99  # the last bit of a sum may be another on another processor


def test_inputs_are_the_chip_s_codes_and_targets_the_charges(shipped: tasks.Task) -> None:
    raw = wafers(seed=7)["validation"]
    few = slice(50)
    part = shipped.validation
    assert (part.inputs * 128 == np.round(part.inputs * 128)).all()
    codes = normalize(raw.charges[few]).codes
    assert (gather(part.inputs[few]) * 128 == codes).all()
    assert np.abs(part.targets[few] - codes / 128).max() <= 1 / 256
    sums = part.targets.astype(np.float64).sum(axis=1)
    assert (sums >= 1).all()
    assert (sums < 2).all()


def test_layouts_show_the_same_wafers(shipped: tasks.Task) -> None:
    other = tasks.calorimeter(layout="4x4x3")
    assert other.input_shape == (3, 4, 4)
    assert (gather(other.test.inputs) == gather(shipped.test.inputs)).all()
    assert (other.test.targets == shipped.test.targets).all()


def test_a_region_holds_its_wafers_of_the_same_splits(shipped: tasks.Task) -> None:
    inner = tasks.calorimeter(region="inner")
    assert [len(inner.split(name)) for name in ("train", "validation", "test")] == [
        12800, 3200, 4000,
    ]  # fmt: skip
    rows = wafers()["test"].region == 0
    assert (inner.test.targets == shipped.test.targets[rows]).all()


def test_seed_changes_the_split_only(shipped: tasks.Task) -> None:
    other = tasks.calorimeter(seed=8)
    assert other.card == shipped.card
    assert (other.train.targets[:100] != shipped.train.targets[:100]).any()


def test_scores_say_which_way_is_better(shipped: tasks.Task) -> None:
    pytest.importorskip("ot", reason="needs POT (extra data)")
    small = shipped.subset(20)
    true = small.test.targets
    blurred = 0.5 * true + 0.5 * true.mean(axis=1, keepdims=True)
    for score in (small.score, mean_emd):
        assert not score.larger_is_better
        assert score(true, small.test) == pytest.approx(0.0, abs=1e-12)
        assert score.better(score(true, small.test), score(blurred, small.test))


def test_public_file_becomes_a_task(tmp_path: Path) -> None:
    lines = [line(str(i + 1), eta=eta) for i in range(10) for eta in ("1.6", "2.5")]
    path = write(tmp_path / "w.csv", HEADER, line("0", "0"), *lines)
    task = tasks.calorimeter(path=path)
    assert (len(task.train), len(task.validation), len(task.test)) == (12, 4, 4)
    assert task.card.remarks == ("1 rows without any charge were left out.",)
    assert task.card.counts == {"inner": 10, "middle": 0, "outer": 10}
    with pytest.raises(DataError, match='holds no wafers of region "middle"'):
        tasks.calorimeter(path=path, region="middle")


def test_table_that_does_not_fit_its_card_is_refused(tmp_path: Path) -> None:
    table = read_table(SHIPPED).take(slice(50))
    path = write_table(tmp_path / "c.npz", table)
    assert tasks.calorimeter(path=path).card.title == "data without a card, c.npz"
    path.with_suffix(".card.toml").write_bytes(SHIPPED.with_suffix(".card.toml").read_bytes())
    with pytest.raises(DataError, match="its rows have the digest"):
        tasks.calorimeter(path=path)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"layout": "8×8"}, 'layout must be 8x8 or 4x4x3, not "8×8"'),
        ({"region": "barrel"}, 'region must be inner, middle, outer, not "barrel"'),
        ({"seed": -1}, "seed must be 0 to 2^63 - 1, not -1"),
    ],
)
def test_wrong_option_is_refused(options: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tasks.calorimeter(**options)  # type: ignore[arg-type]
    assert str(caught.value).startswith(expected)


def test_other_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'has the suffix "\.h5", which is not known'):
        tasks.calorimeter(path=tmp_path / "w.h5")
    with pytest.raises(DataError, match="no such file"):
        tasks.calorimeter(path=tmp_path / "w.npz")
