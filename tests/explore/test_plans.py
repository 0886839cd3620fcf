from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.toys import clouds, plan_for
from torch import nn

from netwright import models
from netwright.compress import FINETUNING, LayerPlan, LayerShape, finetune, total_bops, uniform
from netwright.compress.front import (
    Candidate,
    FrontPoint,
    sampled_candidates,
    uniform_candidates,
)
from netwright.compress.part import apply_part
from netwright.explore.plans import sweep
from netwright.progress import silent
from netwright.train import evaluate

SHAPES = (LayerShape("fc1", 6, 8, 1, 48), LayerShape("fc2", 8, 3, 1, 24))


@pytest.fixture(scope="module")
def networks() -> list[nn.Sequential]:
    return [models.mlp(clouds(), hidden=(8,), seed=seed) for seed in (1, 2)]


def swept(
    networks: list[nn.Sequential],
    candidates: list[Candidate],
    *,
    folder: Path | None = None,
    seen: list[tuple[int, int, str]] | None = None,
) -> tuple[FrontPoint, ...]:
    return sweep(
        networks, clouds(), candidates, SHAPES, epochs=1, seeds=(1, 2), folder=folder, workers=1,
        progress=silent if seen is None else lambda *step: seen.append(step),
    )  # fmt: skip


def test_points_hold_what_finetuning_gives(networks: list[nn.Sequential]) -> None:
    task = clouds()
    candidates = [*uniform_candidates(SHAPES, (4,)), *sampled_candidates(SHAPES, 1)]
    dense, sampled = swept(networks, candidates)
    assert (dense.candidate, sampled.candidate) == tuple(candidates)
    assert dense.bops == total_bops(SHAPES, candidates[0].plan)
    tuned = [
        finetune(
            model,
            candidates[0].plan,
            task,
            recipe=replace(FINETUNING, epochs=1, seed=seed),
        )
        for model, seed in zip(networks, (1, 2), strict=True)
    ]
    assert dense.accuracies == tuple(evaluate(model, task) for model in tuned)
    assert dense.validation == pytest.approx(
        np.mean([evaluate(model, task, split="validation") for model in tuned])
    )
    assert len(sampled.accuracies) == 1


def test_sweep_goes_on_from_its_folder(
    networks: list[nn.Sequential], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []

    def count(model: nn.Sequential, plan: object, *arguments: object, **rest: object) -> object:
        trained.append(str(plan))
        return apply_part(model, plan, *arguments, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr("netwright.explore.plans.apply_part", count)
    folder, seen = tmp_path / "studies", []
    candidates = uniform_candidates(SHAPES, (3, 5))
    first = swept(networks, candidates[:1], folder=folder)
    assert len(trained) == 2
    both = swept(networks, candidates, folder=folder, seen=seen)
    assert both[0] == first[0]
    assert trained[2:] == [str(candidates[1].plan)] * 2
    assert [(done, total) for done, total, _ in seen] == [(done, 4) for done in range(1, 5)]
    assert all(text.startswith("best validation 0.") for _, _, text in seen)
    assert swept(networks, candidates, folder=folder) == both
    assert len(trained) == 4


def test_equal_plans_are_trained_once(networks: list[nn.Sequential]) -> None:
    (candidate,) = uniform_candidates(SHAPES, (4,))
    twin = Candidate("hawq", "hawq 1", replace(candidate.plan, origin="another"))
    seen: list[tuple[int, int, str]] = []
    found = swept(networks, [candidate, twin, candidate], seen=seen)
    assert len(seen) == 2
    assert {point.accuracies for point in found} == {found[0].accuracies}
    assert len(found[0].accuracies) == 2


def test_candidates_with_one_label_keep_their_own_scores(networks: list[nn.Sequential]) -> None:
    """Budgets of two kinds can have one limit, and so one label."""
    plans = [uniform(SHAPES, weight_bits=bits, activation_bits=bits) for bits in (2, 8)]
    low, high = swept(networks, [Candidate("hawq", "hawq 900", plan) for plan in plans])
    assert len(low.accuracies) == len(high.accuracies) == 2
    assert (low, high) == tuple(
        swept(networks, [Candidate("hawq", "hawq 900", plan)])[0] for plan in plans
    )


def test_bias_width_makes_another_trial(networks: list[nn.Sequential]) -> None:
    plan = plan_for(networks[0], (6,), 4, 4)
    narrow = replace(plan, layers=(replace(plan.layers[0], bias_bits=2), *plan.layers[1:]))
    other = replace(plan, layers=(plan.layers[0], replace(plan.layers[1], bias_bits=2)))
    assert str(plan) == str(narrow) == str(other)
    seen: list[tuple[int, int, str]] = []
    swept(networks, [Candidate("hawq", "a", item) for item in (plan, narrow, other)], seen=seen)
    assert len(seen) == 6
    assert isinstance(narrow.layers[0], LayerPlan)
