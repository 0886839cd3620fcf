from __future__ import annotations

import pytest
from benchmarks import accuracies

from netwright.records import read_records
from netwright.studies import data
from netwright.studies.nasaic_runs import (
    best_networks,
    best_score,
    chip_then_nas,
    drawn,
    nas_then_chip,
    nearest,
    nearest_chip,
    objective,
    specification,
)
from netwright.studies.nasaic_spaces import COSTS, LEVELS, WORKLOADS, parameters, space

NAME = "classes and digits"


def test_levels_are_quantiles_that_no_search_decides():
    costs = [[trial.values[name] for name in COSTS] for trial in drawn(NAME)]
    before = 0
    for level in reversed(LEVELS):
        limits = specification(NAME, level).limits
        below = sum(row[0] <= limits[0] for row in costs)
        assert below == pytest.approx(LEVELS[level] * len(costs), abs=1)
        assert below > before
        before = below


@pytest.mark.parametrize("workload", WORKLOADS)
def test_every_network_of_a_space_is_in_the_table(workload):
    chip = objective(workload, 1e-4)
    assert len(chip.networks) == 2
    chip.check(space(workload, specification(workload, "loose")))
    assert all(trial.state == "complete" for trial in drawn(workload))
    assert 0.5 < best_score(workload) <= 1


def test_fixed_decisions_stay():
    first = nas_then_chip(NAME, "loose", 0, 10)
    wanted = best_networks(NAME)
    assert all(trial.parameters[name] == wanted[name] for trial in first for name in wanted)
    chip = nearest_chip(NAME, "loose")
    assert "stem_0" not in chip
    second = chip_then_nas(NAME, "loose", 0, 10)
    assert all(trial.parameters[name] == chip[name] for trial in second for name in chip)
    closest = nearest(second, specification(NAME, "loose"))
    assert closest.values["area_m2"] <= specification(NAME, "loose").limits[2]


def test_halves_have_equal_totals():
    names = {p.name for p in parameters(NAME, "unlike")}
    assert names - {p.name for p in parameters(NAME, "alike")} == {"template_0", "template_1"}
    assert "elements_1" not in {p.name for p in parameters(NAME, "single")}
    rules = {rule.rule for rule in space(NAME, None).rules}
    assert rules == {"elements_0 + elements_1 <= 1024", "port_0 + port_1 <= 32e9"}


def test_the_table_is_that_of_its_recipe():
    wanted = dict(accuracies.jobs())
    known = read_records(data("nasaic", "accuracies.jsonl"))
    assert known.keys() <= wanted.keys()
    first = {key for key, job in wanted.items() if job.seed == 0}
    assert first <= known.keys()
