from dataclasses import fields
from pathlib import Path

import pytest

from netwright.errors import ConfigError
from netwright.flows.flow import load_flow
from netwright.flows.sections import CompressSection, TablesSection, TrainSection
from netwright.flows.training import TrainingSettings
from netwright.run import execute
from netwright.train import EarlyStop, Recipe
from tests.flows.tiny import FLOW, write_flow


def test_every_setting_of_a_recipe_can_be_said_and_has_its_default() -> None:
    names = {item.name for item in fields(Recipe)} - {"seed"}
    assert names | {"callbacks"} == set(TrainingSettings.model_fields)
    assert TrainSection().recipe() == Recipe()
    assert CompressSection.of("hawq", budget={"limit": 1}, weight_bits=(4,)).recipe(
        seed=3
    ) == Recipe(epochs=10, learning_rate=1e-3, seed=3)
    assert TablesSection().recipe() == Recipe(epochs=40, learning_rate=1e-2)


def test_settings_reach_the_recipe(tmp_path: Path) -> None:
    text = FLOW.replace(
        "train = { epochs = 2 }",
        'train = { epochs = 3, optimizer = "adamw", weight_decay = 0.01, schedule = "linear", '
        'warmup = 0.25, max_norm = 1.0, keep = "last", keep_from = 2 }',
    )
    flow = load_flow(write_flow(tmp_path, text))
    wanted = Recipe(
        epochs=3, optimizer="adamw", weight_decay=0.01, schedule="linear", warmup=0.25,
        max_norm=1.0, keep="last", keep_from=2, seed=7,
    )  # fmt: skip
    assert flow.stages[1].parameters.train.recipe(seed=7) == wanted


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ('{ optimizer = "sgd" }', 'train.optimizer must be "adam" or "adamw", not "sgd"'),
        ("{ keep_from = 30 }", "train.keep_from must be from 1 to 20, the number of epochs"),
        ("{ warmup = 1.0 }", "train.warmup must be below 1, not 1.0"),
        ("{ seed = 3 }", "train.seed is not a setting of "),
        ('{ callbacks = "early-stop" }', "train.callbacks must be an array of tables or names"),
        ('{ callbacks = ["early-stp"] }', r'train.callbacks\[0\].kind must be "early-stop"'),
        (
            '{ callbacks = ["tensorboard", { kind = "early-stop", patience = "no" }] }',
            r"train.callbacks\[1\].patience must be an integer",
        ),
    ],
)
def test_what_does_not_suit_is_named(tmp_path: Path, train: str, message: str) -> None:
    path = write_flow(tmp_path, FLOW.replace("{ epochs = 2 }", train))
    with pytest.raises(ConfigError, match=message):
        load_flow(path)


def test_callbacks_work_beside_the_steps_of_every_seed(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs tensorboard (extra log)")
    (tmp_path / "mine.py").write_text(
        "from netwright.train import Callback\n"
        "class Mine(Callback):\n"
        "    def __init__(self, word: str): self.word = word\n"
    )
    text = FLOW.replace("seeds = [7]", "seeds = [7, 8]").replace(
        "{ epochs = 2 }",
        '{ epochs = 6, callbacks = [{ kind = "early-stop", patience = 1, least = 0.9 }, '
        '"tensorboard", { kind = "mine.py:Mine", word = "x" }] }',
    )
    flow = load_flow(write_flow(tmp_path, text))
    before = flow.stages[1]
    assert [path.name for path in before.files.values()] == ["mine.py"]
    short = type(flow)(flow.name, flow.stages[:2], flow.seeds, flow.settings)
    run = tmp_path / "run"
    manifest = execute(short, run)
    curves = (run / "stages/02-train/curves.json").read_text()
    assert curves.count(",") < 12  # two epochs a seed, not six
    assert {path.parent.name for path in run.glob("logs/train/*/events*")} == {"seed-7", "seed-8"}
    assert [entry.cached for entry in execute(short, run).stages] == [True, True]
    assert manifest.stages[1].record is not None


def test_what_a_file_makes_must_be_a_callback(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def mine(): return 3\n")
    made = TrainingSettings.model_validate(
        {"callbacks": ["mine.py:mine"]}, context={"folder": tmp_path}
    )
    files = made.callback_files("train", tmp_path)
    with pytest.raises(ConfigError, match=r"must make a netwright.train.Callback, not int"):
        made.made_callbacks("train", files, folder=tmp_path)
    stop = TrainingSettings.model_validate({"callbacks": ["early-stop"]})
    (found,) = stop.made_callbacks("train", {}, folder=tmp_path)
    assert isinstance(found, EarlyStop)
