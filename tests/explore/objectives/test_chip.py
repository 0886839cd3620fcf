from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from netwright import arch
from netwright.cost import split
from netwright.errors import ConfigError, DataError
from netwright.explore import Choice, Constraint, Goal, Random, Search, Space
from netwright.explore.objectives.chip import (
    Chip,
    ChipOptions,
    NetworkOptions,
    remade,
    workload_of,
)
from netwright.workload import fuse

SMALL = {"stem": 2, "filters": (4,), "skips": (0,)}
OPTIONS = {
    "networks": ({"task": "t", "family": "resnet9", "image": (1, 8, 8), "arguments": SMALL},),
    "machine": "unlike_pair",
    "limit_s": 1e-3,
}


@pytest.fixture
def chip(tmp_path: Path) -> Chip:
    lines = [
        json.dumps({"key": f"t {stem}-4-0 {seed}",
                    "record": {"score": 0.5 + stem / 100 + seed / 10, "validation": stem / 10}})
        for stem in (2, 4) for seed in (0, 1)
    ]  # fmt: skip
    (tmp_path / "table.jsonl").write_text("\n".join(lines) + "\n")
    return ChipOptions(**OPTIONS, scores=Path("table.jsonl")).make(tmp_path)


STEM = Choice(name="stem", paths=("networks[0].arguments.stem",), values=(2, 4))
SIZE = Choice(name="size", paths=("machine.accelerators.pixels.elements",), values=(16, 256))
GOAL = (Goal(value="validation", direction="maximize"),)


def test_values_are_those_of_the_split_and_of_the_table(chip):
    settings = {"networks[0].arguments.stem": 4, "machine.accelerators.pixels.elements": 16}
    told: dict[str, float] = {}
    found = chip.evaluate(settings, fidelity=0.0, tell=told.update)
    assert set(told) == {"seconds", "joules", "area_m2"}  # before any score
    assert found["validation"] == pytest.approx(0.4)
    assert found["score"] == pytest.approx(0.59)
    machine = arch.with_settings(arch.find("unlike_pair"), ["pixels.elements=16"])
    network = chip.networks[0].model_copy(update={"arguments": {**SMALL, "stem": 4}})
    whole = split([fuse(workload_of(network))], machine, limit_s=1e-3, method="greedy")
    assert found["seconds"] == pytest.approx(whole.seconds)
    assert found["joules"] == pytest.approx(whole.joules)
    assert found["area_m2"] == pytest.approx(whole.area_m2)


@pytest.mark.parametrize("limit_s", [1e-3, 2e-6, 1e-9])  # loose, tight, and met by none
@pytest.mark.parametrize("solver", ["never", "misses", "always"])
def test_what_a_study_keeps_draws_the_split_that_was_judged(chip, limit_s, solver):
    asked = replace(chip, limit_s=limit_s, solver=solver)
    settings = {"networks[0].arguments.stem": 4, "machine.accelerators.pixels.elements": 16}
    kept = json.loads(json.dumps(asked.tables))
    found, machine = remade(kept, source="study.json").drawn(settings)
    judged = asked.judge(settings)
    assert found.seconds == pytest.approx(judged.seconds)
    assert sum(run.joules for run in found.runs) == pytest.approx(judged.joules)
    assert {own.name: own.elements for own in machine.accelerators}["pixels"] == 16
    with pytest.raises(ConfigError, match=r"study\.json.*limit_s"):
        remade({**kept, "limit_s": -1.0}, source="study.json")


def test_a_search_prunes_before_scores(chip):
    limits = (Constraint(rule="area_m2 <= 1e-6", prune=True),)
    space = Space(parameters=(STEM, SIZE), goals=GOAL, constraints=limits)
    study = Search(space, chip, Random(), batch=4).run(trials=12)
    states = {trial.parameters["size"]: trial.state for trial in study.trials}
    assert all(("score" in trial.values) == (trial.state == "complete") for trial in study.trials)
    assert "failed" not in states.values()


def test_bad_input_is_named(chip, tmp_path):
    lost = Choice(name="x", paths=("machine.accelerators.pixles.elements",), values=(1, 2))
    with pytest.raises(ConfigError, match='no entry "pixles"; did you mean "pixels"'):
        chip.check(Space(parameters=(lost,), goals=GOAL))
    lost = Choice(name="x", paths=("chip.elements",), values=(1, 2))
    with pytest.raises(ConfigError, match=r'"chip\.elements" reaches nothing; paths are n'):
        chip.check(Space(parameters=(lost,), goals=GOAL))
    with pytest.raises(ConfigError, match='the value "accuracy" is never measured'):
        chip.check(Space(parameters=(STEM,), goals=(Goal(value="accuracy"),)))
    with pytest.raises(DataError, match='has no network "t 3-4-0"'):
        chip.evaluate({"networks[0].arguments.stem": 3}, fidelity=0.0, tell=lambda _: None)
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(DataError, match="holds no scores"):
        ChipOptions(**OPTIONS, scores=tmp_path / "empty.jsonl").make().scores_of(chip.networks)
    with pytest.raises(ConfigError, match="height must be a whole number"):
        workload_of(NetworkOptions(task="t", family="unet", image=(1, 8, 8),
                                   arguments={"height": (1, 2), "filters": 4}))  # fmt: skip


def test_misspelt_arguments_and_tasks_are_refused_before_the_search(chip, tmp_path):
    path = ("networks[0].arguments.stemm",)
    space = Space(parameters=(Choice(name="stem", paths=path, values=(2, 4)),), goals=GOAL)
    with pytest.raises(ConfigError, match='"resnet9" has no argument "stemm"; did you mean "stem"'):
        chip.check(space)
    other = {**OPTIONS["networks"][0], "task": "tea"}
    options = ChipOptions(**{**OPTIONS, "networks": (other,)}, scores=Path("table.jsonl"))
    with pytest.raises(ConfigError, match='has no scores for the task "tea"; it has t'):
        options.make(tmp_path).check(Space(parameters=(STEM,), goals=GOAL))
