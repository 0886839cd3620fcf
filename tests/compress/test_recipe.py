from __future__ import annotations

import pytest

from netwright.compress import (
    FreeActivations,
    TiedActivations,
    bops,
    hawq,
    latency_ns,
    luts,
    total_bops,
    uniform,
    weight_bits,
)
from netwright.errors import Infeasible
from tests.compress.test_sensitivities import measured, trained


def test_the_recipe_keeps_to_its_budgets_and_rules() -> None:
    model, task = trained()
    shapes = tuple(layer.shape for layer in measured())
    limit = total_bops(shapes, uniform(shapes, weight_bits=4, activation_bits=4))
    memory = weight_bits(sum(shape.weights for shape in shapes) * 5)
    plan = hawq(
        model, task, budget=(bops(limit), memory), bits=(2, 3, 4, 5, 6), scale="float",
        granularity="channel", probes=20,
    )  # fmt: skip
    assert total_bops(shapes, plan) <= limit
    assert memory.total(shapes, plan) <= memory.limit
    assert (plan.scale, plan.granularity) == ("float", "channel")
    assert [layer.name for layer in plan.layers] == ["fc1", "fc2", "fc3"]
    assert plan.origin == f"hawq, bops ≤ {limit:.10g}, weight_bits ≤ {memory.limit:.10g}"


def test_more_budget_never_gives_a_worse_prediction() -> None:
    model, task = trained()
    shapes = tuple(layer.shape for layer in measured())
    widths = []
    for bits in (3, 4, 6):
        limit = total_bops(shapes, uniform(shapes, weight_bits=bits, activation_bits=bits))
        plan = hawq(model, task, budget=bops(limit), bits=range(2, 9), probes=20)
        widths.append(sum(plan.weight_bits) + sum(plan.input_bits))
    assert widths == sorted(widths)


@pytest.mark.parametrize("rule", [TiedActivations(), FreeActivations(range(2, 5), input_bits=(8,))])
def test_activation_rules_are_measured_and_kept(rule: TiedActivations | FreeActivations) -> None:
    model, task = trained()
    plan = hawq(model, task, budget=bops(1e9), bits=(3, 4), activations=rule, probes=4)
    if isinstance(rule, TiedActivations):
        assert plan.input_bits == (16, *(width + 3 for width in plan.weight_bits[:-1]))
    else:
        assert plan.input_bits == (8, 4, 4)


def test_an_infeasible_budget_is_named() -> None:
    model, task = trained()
    with pytest.raises(Infeasible, match="no plan costs at most 10 BOPs; the cheapest costs"):
        hawq(model, task, budget=bops(10), bits=(2, 3), probes=2)


def test_luts_and_nanoseconds_are_kept_together() -> None:
    model, task = trained()
    shapes = tuple(layer.shape for layer in measured())
    plan = uniform(shapes, weight_bits=4, activation_bits=4)
    budgets = [
        luts(0.9 * luts(1).total(shapes, plan)),
        latency_ns(0.95 * latency_ns(1).total(shapes, plan)),
    ]
    found = hawq(model, task, budget=budgets, bits=(2, 3, 4, 5, 6), probes=20)
    assert all(budget.total(shapes, found) <= budget.limit for budget in budgets)
    assert found.origin.startswith("hawq, luts ≤ ")
    assert ", latency_ns ≤ " in found.origin
