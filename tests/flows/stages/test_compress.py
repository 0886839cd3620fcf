import json
from pathlib import Path

import pytest

from netwright.compress import count_layers, load_plan, total_bops
from netwright.errors import Infeasible
from netwright.flows.flow import load_flow
from netwright.flows.sections import ModelSection, TaskSection
from netwright.flows.stages.common import float_model, load_task, read_sensitivity
from netwright.run import execute
from tests.flows.tiny import write_flow


def test_plan_keeps_the_budget_and_is_proven_optimal(tiny_run: Path) -> None:
    folder = tiny_run / "stages/04-compress"
    plan = load_plan(folder / "plan.json")
    shapes = [layer.shape for layer in read_sensitivity(tiny_run / "stages/03-sensitivity")]
    proof = json.loads((folder / "allocation.json").read_text())
    assert proof["costs"]["bops"] == total_bops(shapes, plan) <= 8000
    assert proof["objective"] == pytest.approx(proof["bound"], rel=1e-6)


def test_infeasible_budget_says_the_smallest_one(own_run: Path, tmp_path: Path) -> None:
    flow = load_flow(write_flow(tmp_path), overrides=["compress.budget.limit=10"])
    with pytest.raises(Infeasible) as caught:
        execute(flow, own_run)
    smallest = caught.value.smallest
    assert str(caught.value) == (
        f"no plan costs at most 10 BOPs; the cheapest costs {smallest:.10g}\n"
        f"hint: raise the bops limit to {smallest:.10g}, or allow smaller widths"
    )
    again = execute(load_flow(write_flow(tmp_path)), own_run)
    assert all(stage.cached for stage in again.stages)


def test_luts_are_counted_on_the_trained_weights(own_run: Path, tmp_path: Path) -> None:
    overrides = ['compress.budget={kind="luts", limit=1e-3}']
    with pytest.raises(Infeasible) as caught:
        execute(load_flow(write_flow(tmp_path), overrides=overrides), own_run)
    task = load_task(TaskSection.of("jets", rows=1500), {})
    model = float_model(
        ModelSection.of("mlp", hidden=(8,)), task, 7, {"train": own_run / "stages/02-train"}
    )
    counted = count_layers(model, task, weight_bits=(3, 4, 6))
    shapes = [layer.shape for layer in read_sensitivity(own_run / "stages/03-sensitivity")]
    cheapest = sum(counted(shape, 3, 4) for shape in shapes)
    assert caught.value.smallest == pytest.approx(cheapest)
