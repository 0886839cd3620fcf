from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest

from netwright.compress import (
    Activations,
    Budget,
    Choice,
    FreeActivations,
    LayerSensitivity,
    Plan,
    TiedActivations,
    allocate,
    bops,
    luts,
    total_bops,
    weight_bits,
)
from netwright.compress.allocation import RESIDUAL
from netwright.errors import ConfigError, Infeasible, MissingExtra
from tests.compress.chains import chain

Widths = tuple[int, int]


def choices(
    index: int, widths: Sequence[int], rule: Activations, before: int | None
) -> list[Widths]:
    """Weight and input widths that the rule allows behind a layer with `before`-bit weights."""
    if isinstance(rule, TiedActivations):
        reads = [rule.input_bits if before is None else before + rule.extra]
    else:
        reads = list(rule.input_bits if index == 0 and rule.input_bits else rule.bits)
    return [(w, a) for w in widths for a in reads]


def predicted(layers: Sequence[LayerSensitivity], widths: Sequence[Widths]) -> float:
    return sum(
        RESIDUAL * layer.weight.growth(w) + layer.activation.growth(a)
        for layer, (w, a) in zip(layers, widths, strict=True)
    )


def all_plans(
    layers: Sequence[LayerSensitivity], widths: Sequence[int], rule: Activations
) -> list[tuple[Widths, ...]]:
    plans: list[tuple[Widths, ...]] = [()]
    for index in range(len(layers)):
        plans = [
            (*plan, chosen)
            for plan in plans
            for chosen in choices(index, widths, rule, plan[-1][0] if plan else None)
        ]
    return plans


def dynamic(
    layers: Sequence[LayerSensitivity],
    budgets: Sequence[Budget],
    widths: Sequence[int],
    rule: Activations,
) -> float | None:
    """The least predicted growth by dynamic programming along the chain.

    A state is the weight width of the layer before; it keeps the growths and costs, one row each,
    that no other row of the state dominates.
    """
    limits = np.array([budget.limit * (1 + 1e-12) for budget in budgets])
    states: dict[int | None, np.ndarray] = {None: np.zeros((1, 1 + len(budgets)))}
    for index, layer in enumerate(layers):
        following: dict[int | None, list[np.ndarray]] = {}
        for before, labels in states.items():
            for w, a in choices(index, widths, rule, before):
                growth = RESIDUAL * layer.weight.growth(w) + layer.activation.growth(a)
                costs = [budget.cost(layer.shape, w, a) for budget in budgets]
                made = labels + np.array([growth, *costs])
                following.setdefault(w, []).append(made[(made[:, 1:] <= limits).all(axis=1)])
        states = {w: undominated(np.concatenate(made)) for w, made in following.items()}
    return min((float(row[0]) for labels in states.values() for row in labels), default=None)


def undominated(labels: np.ndarray) -> np.ndarray:
    labels = labels[np.lexsort(labels.T[::-1])]
    kept, count = np.empty_like(labels), 0
    for label in labels:  # growth rises: only the costs can still be better
        if not (kept[:count, 1:] <= label[1:]).all(axis=1).any():
            kept[count], count = label, count + 1
    return kept[:count]


def widths_of(plan: Plan) -> tuple[Widths, ...]:
    return tuple((layer.weight_bits, layer.input_bits) for layer in plan.layers)


RULES: list[Activations] = [
    TiedActivations(),
    TiedActivations(extra=0, input_bits=8),
    FreeActivations((3, 5, 7)),
    FreeActivations((3, 5), input_bits=(6, 8)),
]


def middle(
    layers: Sequence[LayerSensitivity],
    plans: list[tuple[Widths, ...]],
    budget: Budget,
    share: float,
) -> float:
    """The cost of one of the plans: limits are met exactly."""
    costs = sorted(
        sum(budget.cost(layer.shape, w, a) for layer, (w, a) in zip(layers, plan, strict=True))
        for plan in plans
    )
    return costs[int(share * (len(costs) - 1))]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(5))
def test_allocation_equals_brute_force(seed: int, rule: Activations) -> None:
    layers, widths = chain(seed, layers=3), (2, 4, 5, 8)
    plans = all_plans(layers, widths, rule)
    for share in (0.0, 0.1, 0.5, 1.0):
        limit = middle(layers, plans, bops(1), share)
        found = allocate(layers, [bops(limit)], weight_bits=widths, activations=rule)
        feasible = [
            plan
            for plan in plans
            if sum(bops(1).cost(s.shape, w, a) for s, (w, a) in zip(layers, plan, strict=True))
            <= limit * (1 + 1e-12)
        ]
        best = min(predicted(layers, plan) for plan in feasible)
        assert widths_of(found.plan) in feasible
        assert predicted(layers, widths_of(found.plan)) == pytest.approx(best, rel=1e-9)
        assert found.objective == pytest.approx(best, rel=1e-9)
        assert found.bound == pytest.approx(best, rel=1e-5)
        assert found.costs == {"bops": total_bops([s.shape for s in layers], found.plan)}


@pytest.mark.parametrize("two", [False, True], ids=["one budget", "two budgets"])
@pytest.mark.parametrize(
    "rule", [TiedActivations(), FreeActivations(range(2, 9))], ids=["tied", "free"]
)
@pytest.mark.parametrize("seed", range(2))
def test_allocation_equals_dynamic_programming(seed: int, rule: Activations, two: bool) -> None:
    """Seven widths and loss growths over nine decades."""
    layers, widths = chain(seed, layers=4, spread=3.0), range(2, 9)
    cheapest = {
        kind: sum(make(1).cost(s.shape, 2, 5) for s in layers)
        for kind, make in (("bops", bops), ("weight_bits", weight_bits))
    }
    budgets = [bops(2.1 * cheapest["bops"])]
    if two:
        budgets.append(weight_bits(1.7 * cheapest["weight_bits"]))
    best = dynamic(layers, budgets, widths, rule)
    assert best is not None
    found = allocate(layers, budgets, weight_bits=widths, activations=rule)
    assert found.objective == pytest.approx(best, rel=1e-9)
    assert found.bound <= found.objective * (1 + 1e-9)
    assert found.bound == pytest.approx(best, rel=1e-5)
    for budget in budgets:
        assert found.costs[budget.kind] <= budget.limit


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(3))
def test_an_infeasible_budget_names_the_smallest_that_is_not(seed: int, rule: Activations) -> None:
    layers, widths = chain(seed, layers=3), (2, 4, 5)
    least = middle(layers, all_plans(layers, widths, rule), bops(1), 0.0)
    with pytest.raises(Infeasible) as caught:
        allocate(layers, [bops(least * 0.9)], weight_bits=widths, activations=rule)
    assert caught.value.smallest == pytest.approx(least, rel=1e-12)
    message, hint = str(caught.value).splitlines()
    named = message.rsplit(" ", 1)[1]
    assert message == (f"no plan costs at most {least * 0.9:.10g} BOPs; the cheapest costs {named}")
    assert hint == f"hint: raise the bops limit to {named}, or allow smaller widths"
    assert least <= float(named) <= least * (1 + 2e-9)
    for limit in (float(named), caught.value.smallest):
        allocate(layers, [bops(limit)], weight_bits=widths, activations=rule)


def test_the_budget_that_cannot_be_met_is_named_among_several() -> None:
    layers = chain(0)
    with pytest.raises(Infeasible, match="no plan costs at most 1 bit; the cheapest costs"):
        allocate(
            layers, [bops(1e9), weight_bits(1)], weight_bits=(2, 3), activations=TiedActivations()
        )


def test_budgets_that_exclude_each_other_are_named() -> None:
    layers = chain(0, layers=1)

    def reversed_cost(shape: object, width: int, _: int) -> float:
        return 10.0 - width

    budgets = [weight_bits(layers[0].shape.weights * 3), Budget("rest", 5, "1", reversed_cost)]
    with pytest.raises(Infeasible) as caught:
        allocate(layers, budgets, weight_bits=(2, 8), activations=TiedActivations())
    assert str(caught.value) == (
        "no plan satisfies all budgets together, though each can be satisfied alone\n"
        "hint: raise one of the limits"
    )
    assert caught.value.smallest != caught.value.smallest  # NaN: there is no one limit


def test_a_custom_metric_decides() -> None:
    layers = chain(0)
    limit = bops(1e9)
    rule = FreeActivations((4, 8))
    wide = allocate(layers, [limit], weight_bits=(3, 6), activations=rule)
    assert wide.plan.weight_bits == (6,) * 4
    narrow = allocate(
        layers, [limit], weight_bits=(3, 6), activations=rule,
        metric=lambda layer, kind, bits: float(bits), origin="narrowest",
    )  # fmt: skip
    assert narrow.plan.weight_bits == (3,) * 4
    assert narrow.plan.input_bits == (4,) * 4
    assert narrow.plan.origin == "narrowest"


def test_the_residual_weighs_weights_against_activations() -> None:
    """With weights that count for nothing the activations get the bits."""
    layers, rule = chain(3), FreeActivations(range(2, 9))
    limit = [bops(sum(bops(1).cost(s.shape, 5, 5) for s in layers))]
    all_in, none = (
        allocate(layers, limit, weight_bits=range(2, 9), activations=rule, residual=r).plan
        for r in (1.0, 0.0)
    )
    assert sum(none.input_bits) > sum(all_in.input_bits)
    with pytest.raises(ConfigError, match=r"residual must be from 0 to 1, not 1\.5"):
        allocate(layers, limit, weight_bits=(2,), activations=rule, residual=1.5)


def test_nothing_to_choose_from_is_refused() -> None:
    layers, limit = chain(0), [bops(1e9)]
    tied = TiedActivations()
    for arguments in (((), limit, (2,)), (layers, [], (2,)), (layers, limit, ())):
        with pytest.raises(ConfigError) as caught:
            allocate(arguments[0], arguments[1], weight_bits=arguments[2], activations=tied)
        assert str(caught.value) == "an allocation needs layers, candidate widths and a budget"
    with pytest.raises(ConfigError, match="an allocation needs candidate widths for activations"):
        allocate(layers, limit, weight_bits=(2,), activations=FreeActivations(()))


def test_widths_that_were_not_measured_are_named() -> None:
    layers = chain(0, bits=range(2, 6))
    with pytest.raises(ConfigError) as caught:
        allocate(layers, [bops(1e9)], weight_bits=(9,), activations=FreeActivations((4,)))
    assert str(caught.value) == (
        "the sensitivity to 9-bit weights was not measured\nhint: measured widths: 2, 3, 4, 5"
    )


def test_a_missing_solver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(MissingExtra) as caught:
        allocate(chain(0), [bops(1e9)], weight_bits=(2,), activations=TiedActivations())
    assert str(caught.value) == (
        'the allocation of widths needs the package "scipy", which is not installed\n'
        "hint: pip install 'netwright[solve]'"
    )


def test_widths_may_be_any_sequence() -> None:
    layers = chain(0)
    rule = FreeActivations(bits=range(3, 5), input_bits=range(8, 9))
    found = allocate(layers, [bops(1e9)], weight_bits=range(4, 6), activations=rule)
    assert widths_of(found.plan) == ((5, 8), (5, 4), (5, 4), (5, 4))


def test_the_oracles_agree() -> None:
    layers, widths, rule = chain(1, layers=3), (2, 4), TiedActivations()
    plans = all_plans(layers, widths, rule)
    assert len(plans) == len(list(product(widths, repeat=3)))
    assert dynamic(layers, [bops(1e9)], widths, rule) == pytest.approx(
        min(predicted(layers, plan) for plan in plans)
    )


FORMATS = (Choice("outlier", 4), Choice("mx", 4), Choice("absmax", 4), Choice("outlier", 8), 3)


@pytest.mark.parametrize("seed", range(4))
def test_quantizers_are_chosen_as_widths_are(seed: int) -> None:
    """Brute force over every pair of quantizers of three layers."""
    random = np.random.default_rng(seed)
    layers = chain(seed, layers=3)
    growth = {
        (layer.name, kind, str(width)): float(random.exponential())
        for layer in layers
        for kind in ("weight", "activation")
        for width in FORMATS
    }
    pairs = list(product(FORMATS, FORMATS))
    stored = {str(w): w.stored_bits if isinstance(w, Choice) else w for w in FORMATS}
    total = sum(layer.shape.weights for layer in layers)
    budgets = [weight_bits(4.5 * total), bops(1e9)]
    least = min(
        sum(
            growth[layer.name, "weight", str(w)] + growth[layer.name, "activation", str(a)]
            for layer, (w, a) in zip(layers, plan, strict=True)
        )
        for plan in product(pairs, repeat=3)
        if sum(
            layer.shape.weights * stored[str(w)]
            for layer, (w, _) in zip(layers, plan, strict=True)
        ) <= budgets[0].limit
    )  # fmt: skip
    found = allocate(
        layers,
        budgets,
        weight_bits=FORMATS,
        activations=FreeActivations(FORMATS),
        metric=lambda layer, kind, width: growth[layer.name, kind, str(width)],
    )
    assert found.objective == pytest.approx(least)
    assert found.is_proven
    assert found.costs["weight_bits"] <= budgets[0].limit
    assert budgets[0].total([layer.shape for layer in layers], found.plan) == pytest.approx(
        sum(
            layer.shape.weights * entry.stored_weight_bits
            for layer, entry in zip(layers, found.plan.layers, strict=True)
        )
    )


def test_quantizers_have_no_cost_in_luts_and_are_not_tied() -> None:
    layers = chain(0, layers=2)
    for budget, rule, message in (
        (luts(1e6), FreeActivations((4,)), "a budget of luts is that of integers"),
        (bops(1e9), TiedActivations(), "activations cannot be tied to outlier:4"),
    ):
        with pytest.raises(ConfigError, match=message):
            allocate(layers, (budget,), weight_bits=(Choice("outlier", 4),), activations=rule)
