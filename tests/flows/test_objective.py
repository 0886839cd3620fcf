from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from netwright import registry
from netwright.errors import ConfigError
from netwright.explore import Choice, Constraint, Goal, Grid, Ladder, Search, Space, Whole
from netwright.flows.flow import FlowSettings
from netwright.flows.objective import FlowOptions
from netwright.run import Flow
from tests.run.toy import toy


class ToyFlow(FlowSettings):
    """Settings of the toy flow."""

    count: int = 4
    fail: str = ""

    def flow(self, *, folder: Path) -> Flow:
        return toy(count=self.count, fail=self.fail)


@pytest.fixture
def place(tmp_path, monkeypatch):
    points = EntryPoints([EntryPoint("toy", f"{__name__}:ToyFlow", "netwright.flows")])
    registry.entries.cache_clear()
    monkeypatch.setattr(registry, "entry_points", lambda group: points.select(group=group))
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    (tmp_path / "toy.toml").write_text('schema_version = 1\nname = "toy"\nkind = "toy"\n')
    yield tmp_path
    registry.entries.cache_clear()


def options(**values: str) -> FlowOptions:
    return FlowOptions(flow=Path("toy.toml"), values=values)


def space(*parameters, goal="last", **more) -> Space:
    return Space(parameters=parameters, goals=(Goal(value=goal, direction="maximize"),), **more)


COUNT = Whole(name="count", low=2, high=4)


def test_every_point_is_a_run_and_a_value_is_read_from_its_stage(place):
    objective = options(second="make/numbers.json:[1]").make(place)
    study = Search(space(COUNT, goal="second"), objective, Grid()).run(trials=3)
    assert [trial.values for trial in study.trials] == [{"second": 1.0}] * 3
    runs = sorted((place / "runs").iterdir())
    assert len(runs) == 3
    assert [path.name for path in (runs[0] / "stages").iterdir()] == ["01-make"]


def test_a_value_that_is_not_there_is_the_reason(place):
    objective = options(last="make/numbers.json:[3]").make(place)
    trials = Search(space(COUNT), objective, Grid()).run(trials=3).trials
    assert [trial.state for trial in trials] == ["failed", "failed", "complete"]
    assert trials[0].reason.endswith('numbers.json: [3]: there is no "3"')


def test_a_ladder_sets_a_setting_of_the_flow(place):
    objective = FlowOptions(
        flow=Path("toy.toml"), values={"first": "make/numbers.json:[0]"}, fidelity="count"
    ).make(place)
    ladder = Ladder(fidelities=(2, 5), keep=0.5)
    few = space(Choice(name="fail", values=("", "x")), goal="first")
    Search(few, objective, Grid(), ladder=ladder).run(trials=2)
    sizes = [
        (path / "stages" / "01-make" / "numbers.json").read_text()
        for path in sorted((place / "runs").iterdir())
    ]
    assert sorted(sizes) == ["[0, 1, 2, 3, 4]", "[0, 1]", "[0, 1]"]


@pytest.mark.parametrize(
    ("searched", "message"),
    [
        (space(Whole(name="cuont", low=1, high=2)), 'cuont is not a setting of the file; did you'),
        (space(Whole(name="count.more", low=1, high=2)), 'count must be'),
        (space(COUNT, goal="lats"), 'the value "lats" is never measured; did you mean "last"?'),
        (space(COUNT, constraints=(Constraint(rule="far <= 1"),)), 'the value "far" is never'),
    ],
)  # fmt: skip
def test_what_reaches_nothing_is_named(place, searched, message):
    with pytest.raises(ConfigError) as caught:
        options(last="make/numbers.json:[1]").make(place).check(searched)
    assert message in caught.value.message


def test_a_value_of_no_stage_is_refused(place):
    with pytest.raises(ConfigError, match='has no stage "mkae"'):
        options(last="mkae/numbers.json:[1]").make(place).check(space(COUNT))
    with pytest.raises(ConfigError, match=r'values.last must read "STAGE/FILE.json:PATH", not "x"'):
        options(last="x").make(place)
