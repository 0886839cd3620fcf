from dataclasses import replace
from pathlib import Path

import pytest

from netwright.errors import DataError
from netwright.flows.sections import ModelSection, TaskSection
from netwright.flows.stages import common
from netwright.tasks import Score, jets
from netwright.train import Record, evaluate


def test_scores_are_read_back_and_the_best_is_chosen_on_validation(tmp_path: Path) -> None:
    records: dict[int, Record] = {
        1: {"validation": 0.5, "test": 0.9},
        2: {"validation": 0.6, "test": 0.1},
        3: {"validation": 0.6, "test": 0.8},
    }
    common.write_scores(records, jets(), tmp_path)
    assert [score.seed for score in common.read_scores(tmp_path)] == [1, 2, 3]
    assert common.best_seed(tmp_path) == 2


def test_rows_cut_every_split() -> None:
    task = common.load_task(TaskSection.of("jets", rows=100), {})
    assert [len(task.train), len(task.validation), len(task.test)] == [100, 100, 100]


def test_the_loss_says_what_the_targets_of_a_file_are(tmp_path: Path) -> None:
    """Whole numbers are classes, unless they are learned as values."""
    path = tmp_path / "counts.csv"
    path.write_text("x,number\n" + "\n".join(f"{row * 0.5},{row % 4}" for row in range(40)))
    inputs = {"task.path": path}
    section = TaskSection.of("table", path=path, target=("number",))
    assert common.load_task(section, inputs).classes == ("0", "1", "2", "3")
    section = TaskSection.of("table", path=path, target=("number",), loss="mae", score="r2")
    task = common.load_task(section, inputs)
    assert (task.classes, task.loss, task.score.name) == ((), "mae", "R²")


def test_networks_are_those_that_were_trained(tiny_run: Path) -> None:
    task = common.load_task(TaskSection.of("jets", rows=1500), {})
    section = ModelSection.of("mlp", hidden=(8,))
    inputs = {
        "train": tiny_run / "stages/02-train",
        "compress": tiny_run / "stages/04-compress",
    }
    for stage, model in (
        ("train", common.float_model(section, task, 7, inputs)),
        ("compress", common.quantized_model(section, None, task, inputs)),
    ):
        (score,) = common.read_scores(inputs[stage])
        assert evaluate(model, task) == score.test


def test_the_best_of_errors_is_the_smallest(tmp_path: Path) -> None:
    records: dict[int, Record] = {
        1: {"validation": 0.5, "test": 0.9},
        2: {"validation": 0.4, "test": 0.1},
    }
    errors = replace(jets(), score=Score("error", "mm", False, lambda outputs, split: 0.0))
    common.write_scores(records, errors, tmp_path)
    assert common.best_seed(tmp_path) == 2


def test_damaged_sensitivity_says_how_to_measure_again(tmp_path: Path) -> None:
    (tmp_path / "sensitivity.json").write_text("[1]")
    with pytest.raises(DataError) as caught:
        common.read_sensitivity(tmp_path)
    assert caught.value.hint == "measure again: netwright run FLOW --from sensitivity"
    assert "pydantic" not in str(caught.value)
