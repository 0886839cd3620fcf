from __future__ import annotations

from collections.abc import Mapping

import pytest

from netwright.compress import (
    FreeActivations,
    LayerShape,
    TiedActivations,
    total_bops,
)
from netwright.compress.budget import bops, weight_bits
from netwright.compress.curvature import TraceEstimate
from netwright.compress.front import (
    PUBLISHED_WIDTHS,
    Candidate,
    FrontPoint,
    allocated_candidates,
    sampled_candidates,
    uniform_candidates,
)
from netwright.compress.sensitivities import (
    ActivationSensitivity,
    LayerSensitivity,
    WeightSensitivity,
)
from netwright.errors import Infeasible

SHAPES = (LayerShape("fc1", 6, 8, 1, 48), LayerShape("fc2", 8, 3, 1, 24))
WIDTHS = (2, 4, 8)


def layer(shape: LayerShape, *, trace: float, error: Mapping[int, float]) -> LayerSensitivity:
    """Weights and activations with the same errors, weights with the given curvature."""
    estimate = TraceEstimate(trace=trace, standard_error=0.0, probes=1)
    growth = dict.fromkeys(WIDTHS, 0.0)
    return LayerSensitivity(
        shape,
        WeightSensitivity(estimate, shape.weights, trace, error),
        ActivationSensitivity(growth, error),
    )


ERRORS = {bits: 4.0**-bits for bits in WIDTHS}


def allocated(limit: float, *, blind: bool) -> Candidate:
    """fc1 is flat but has the larger error; fc2 is curved."""
    layers = (
        layer(SHAPES[0], trace=1e-3, error={bits: 90 * error for bits, error in ERRORS.items()}),
        layer(SHAPES[1], trace=1e3, error=ERRORS),
    )
    (found,) = allocated_candidates(
        layers, [weight_bits(limit)], weight_bits=WIDTHS,
        activations=FreeActivations((8,)), blind=blind,
    )  # fmt: skip
    return found


def test_uniform_candidates_have_one_width_everywhere() -> None:
    found = uniform_candidates(SHAPES, (4, 6))
    assert [(item.kind, item.label) for item in found] == [("uniform", "w4a4"), ("uniform", "w6a6")]
    assert found[1].plan.weight_bits == found[1].plan.input_bits == (6, 6)


def test_the_blind_metric_ignores_curvature() -> None:
    limit = 48 * 8 + 24 * 2  # enough for one wide layer only, if it is fc1
    seeing, blind = allocated(limit, blind=False), allocated(limit, blind=True)
    assert (seeing.kind, seeing.label) == ("hawq", "hawq 432")
    assert (blind.kind, blind.label) == ("blind", "blind 432")
    assert seeing.plan.weight_bits[1] == 8
    assert blind.plan.weight_bits == (8, 2)
    assert blind.plan.origin == "blind, weight_bits ≤ 432"


def test_the_blind_metric_counts_the_mean_error_of_a_weight() -> None:
    """Equal summed errors: the smaller tensor has the larger mean, so it gets the bits."""
    layers = tuple(layer(shape, trace=1.0, error=ERRORS) for shape in SHAPES)
    (found,) = allocated_candidates(
        layers, [weight_bits(48 * 2 + 24 * 8)], weight_bits=(2, 8),
        activations=FreeActivations((8,)), blind=True,
    )  # fmt: skip
    assert found.plan.weight_bits == (2, 8)


def test_every_budget_gives_a_candidate_within_it() -> None:
    layers = tuple(layer(shape, trace=1.0, error=ERRORS) for shape in SHAPES)
    limits = (2000, 3000, 9000)
    found = allocated_candidates(
        layers, [bops(limit) for limit in limits], weight_bits=WIDTHS,
        activations=TiedActivations(extra=0, input_bits=8),
    )  # fmt: skip
    costs = [total_bops(SHAPES, item.plan) for item in found]
    assert all(cost <= limit for cost, limit in zip(costs, limits, strict=True))
    assert costs == sorted(costs)
    assert all(item.plan.input_bits[1] == item.plan.weight_bits[0] for item in found)


def test_budget_that_nothing_fits_is_refused() -> None:
    with pytest.raises(Infeasible):
        allocated(100.0, blind=False)


def test_sampled_candidates_are_distinct_and_reproducible() -> None:
    shapes = tuple(LayerShape(f"fc{i}", 4, 4, 1, 16) for i in range(4))
    found = sampled_candidates(shapes, 100, seed=3)
    assert found == sampled_candidates(shapes, 100, seed=3)
    assert found != sampled_candidates(shapes, 100, seed=4)
    assert len({item.label for item in found}) == len({item.plan for item in found}) == 100
    for item in found:
        assert set(item.plan.weight_bits) <= set(PUBLISHED_WIDTHS)
        assert item.plan.input_bits == (16, *(bits + 3 for bits in item.plan.weight_bits[:-1]))
        assert item.label == "".join(map(str, item.plan.weight_bits))
        assert (item.kind, item.plan.origin) == ("sampled", "sampled from 5^4")


def test_sampling_ends_with_the_space() -> None:
    found = sampled_candidates(SHAPES, 1000)
    assert len({item.label for item in found}) == len(found) == 25
    assert found[0].plan.origin == "sampled from 5^2"
    assert sampled_candidates(SHAPES, 0) == []


def test_point_of_one_seed_has_no_deviation() -> None:
    candidate = uniform_candidates(SHAPES, (4,))[0]
    point = FrontPoint(candidate, 1.0, (0.7, 0.8), 0.7)
    assert point.accuracy == pytest.approx(0.75)
    assert point.deviation == pytest.approx(0.0707107)
    assert FrontPoint(candidate, 1.0, (0.7,), 0.7).deviation == 0.0
