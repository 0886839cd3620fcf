from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from tests.backends.rtl.graphs import needs_yosys
from tests.backends.rtl.shared.graphs import tiny

from netwright import ir
from netwright.backends.rtl import evaluate
from netwright.errors import ConfigError, GraphError
from netwright.explore import Choice, Constraint, Goal, Listed, Search, Space, Whole
from netwright.explore.objectives.accelerator import Accelerator, AcceleratorOptions, Size

SIZES = ("lanes", "units", "elements")


@pytest.fixture
def graph(tmp_path):
    ir.save(tiny(), tmp_path / "tiny.npz")
    return tmp_path / "tiny.npz"


def space(*paths: str, low: int = 1, high: int = 4, goal: str = "cycles", **more) -> Space:
    parameters = tuple(Whole(name=path, low=low, high=high) for path in paths)
    return Space(**{"parameters": parameters, "goals": (Goal(value=goal),), **more})


def test_a_point_is_the_formula_of_its_size(graph):
    points = ({"lanes": 2, "units": 1, "elements": 1}, {"lanes": 4, "units": 2, "elements": 2})
    study = Search(space(*SIZES), Accelerator(graph), Listed(points)).run(trials=2)
    for point, trial in zip(points, study.trials, strict=True):
        expected = evaluate(tiny(), *point.values())
        assert trial.values["cycles"] == expected.cycles
        assert trial.values["memory_bits"] == expected.memory_bits
        assert trial.values["utilization"] == expected.utilization
        assert trial.values["multipliers"] == expected.multipliers
        assert "lut" not in trial.values


@pytest.mark.parametrize(
    ("searched", "message"),
    [
        (space("lane"), '"lane" reaches nothing; did you mean "lanes"?'),
        (space("shared.lanes"), '"shared.lanes" reaches nothing'),
        (space("lanes", goal="cycle"), 'the value "cycle" is never measured; did you mean'),
        (space("lanes", goal="lut"), 'the value "lut" is never measured'),
        (space("lanes", low=65, high=70), "lanes must be from 1 to 64, not"),
        (Space(parameters=(Choice(name="part", values=("ecp6",)),),
               goals=(Goal(value="cycles"),)), '"ecp6"'),
    ],
)  # fmt: skip
def test_what_reaches_nothing_is_named(graph, searched, message):
    with pytest.raises(ConfigError) as caught:
        Accelerator(graph).check(searched)
    assert message in caught.value.message


def test_what_comes_of_a_later_step_says_which(graph):
    with pytest.raises(ConfigError) as caught:
        Accelerator(graph).check(space("lanes", goal="fmax_mhz"))
    assert 'until = "map" counts cells, "route" finds the frequency' in (caught.value.hint or "")


def test_a_size_that_is_refused_fails_alone(graph):
    searched = space("lanes", low=60, high=70)
    study = Search(searched, Accelerator(graph), Listed(({"lanes": 64}, {"lanes": 65}))).run(
        trials=2
    )
    assert [trial.state for trial in study.trials] == ["complete", "failed"]
    assert "lanes must be from 1 to 64, not 65" in study.trials[1].reason


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.npz", "does not exist"), ("graph.txt", "must end in .onnx or .npz")],
)
def test_no_graph(tmp_path, name, message):
    objective = AcceleratorOptions(graph=Path(name)).make(tmp_path)
    with pytest.raises(ConfigError, match=message):
        objective.check(space("lanes"))


def test_a_graph_that_no_accelerator_computes(tmp_path):
    from netwright.ir import Graph, Node, TensorType

    node = Node("fc", "Relu", ("x",), "y")
    types = {"x": TensorType((1, 2)), "y": TensorType((1, 2))}
    ir.save(Graph("real", ("x",), ("y",), (node,), types, {}), tmp_path / "real.npz")
    with pytest.raises(GraphError):
        Accelerator(tmp_path / "real.npz").check(space("lanes"))


def test_the_digest_follows_what_decides(graph, tmp_path):
    first = Accelerator(graph).digest
    assert pickle.loads(pickle.dumps(Accelerator(graph))).digest == first  # noqa: S301
    assert Accelerator(graph, size=Size(lanes=4)).digest != first
    assert Accelerator(graph, "map").digest != first


@needs_yosys
def test_a_size_that_is_too_slow_is_not_mapped(graph):
    """What the plan tells ends a trial before a program starts."""
    pruned = Constraint(rule="cycles <= 1", prune=True)
    searched = space("lanes", goal="lut", constraints=(pruned,))
    study = Search(searched, Accelerator(graph, "map"), Listed(({"lanes": 2},))).run(trials=1)
    (trial,) = study.trials
    assert (trial.state, "lut" in trial.values) == ("pruned", False)
    assert trial.seconds < 1


@pytest.mark.slow
@needs_yosys
def test_lookup_tables_of_a_size(graph):
    searched = space("lanes", goal="lut_per_multiplier")
    objective = Accelerator(graph, "map", Size(units=1, elements=1))
    (trial,) = Search(searched, objective, Listed(({"lanes": 2},))).run(trials=1).trials
    assert trial.state == "complete", trial.reason
    assert trial.values["lut_per_multiplier"] == trial.values["lut"] / 2
