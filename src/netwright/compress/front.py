"""Candidates for the front of accuracy and cost: plans that are fine-tuned and scored alike."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from netwright.compress.allocation import RESIDUAL, Activations, TiedActivations, allocate
from netwright.compress.budget import Budget
from netwright.compress.plan import LayerPlan, LayerShape, Plan, Width, uniform
from netwright.compress.sensitivities import LayerSensitivity

Kind = Literal["hawq", "uniform", "blind", "sampled"]

PUBLISHED_WIDTHS = (4, 5, 6, 7, 8)
"""Weight widths of the published search space: 5**4 plans for four layers, activations three bits
wider, input 16 bits (fastmachinelearning/hawq-jet-tagging, ``config.py``)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan to be tried, and how it was made."""

    kind: Kind
    label: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class FrontPoint:
    """What a plan achieves.

    Attributes:
        candidate: The plan.
        bops: Its bit operations for one input.
        accuracies: Test accuracy for each seed, 0..1.
        validation: Mean validation accuracy, by which plans may be chosen.
    """

    candidate: Candidate
    bops: float
    accuracies: tuple[float, ...]
    validation: float

    @property
    def accuracy(self) -> float:
        """Mean test accuracy, 0..1."""
        return float(np.mean(self.accuracies))

    @property
    def deviation(self) -> float:
        """Standard deviation over the seeds; 0 for one seed."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else 0.0


def uniform_candidates(shapes: Sequence[LayerShape], widths: Sequence[int]) -> list[Candidate]:
    """Plans with one width for all weights, activations and the input."""
    return [
        Candidate("uniform", f"w{w}a{w}", uniform(tuple(shapes), weight_bits=w, activation_bits=w))
        for w in widths
    ]


def allocated_candidates(
    layers: Sequence[LayerSensitivity],
    budgets: Sequence[Budget],
    *,
    weight_bits: Sequence[int],
    activations: Activations,
    residual: float = RESIDUAL,
    blind: bool = False,
) -> list[Candidate]:
    """The best plan for each budget; with `blind`, for a metric that ignores curvature.

    The blind metric is the mean squared quantization error of a tensor, all tensors counting alike.

    Raises:
        Infeasible: No plan fits a budget.
    """
    kind: Kind = "blind" if blind else "hawq"
    metric = _blind if blind else None
    candidates = []
    for budget in budgets:
        origin = f"{kind}, {budget.kind} ≤ {budget.limit:.10g}"
        found = allocate(
            layers, (budget,), weight_bits=weight_bits, activations=activations,
            residual=residual, metric=metric, origin=origin,
        )  # fmt: skip
        candidates.append(Candidate(kind, f"{kind} {budget.limit:.10g}", found.plan))
    return candidates


def _blind(layer: LayerSensitivity, kind: str, bits: Width) -> float:
    if kind == "weight":
        return layer.weight.perturbation[bits] / layer.weight.size
    return layer.activation.mean_squared_error[bits]


def sampled_candidates(
    shapes: Sequence[LayerShape], count: int, *, seed: int = 0
) -> list[Candidate]:
    """Distinct random plans from the published search space."""
    rule = TiedActivations()
    space = len(PUBLISHED_WIDTHS) ** len(shapes)
    origin = f"sampled from {len(PUBLISHED_WIDTHS)}^{len(shapes)}"
    numbers = random.Random(seed).sample(range(space), min(count, space))
    candidates = []
    for number in numbers:
        widths = []
        for _ in shapes:
            number, digit = divmod(number, len(PUBLISHED_WIDTHS))
            widths.append(PUBLISHED_WIDTHS[digit])
        reads = [rule.input_bits, *(width + rule.extra for width in widths[:-1])]
        layers = tuple(
            LayerPlan(shape.name, w, a) for shape, w, a in zip(shapes, widths, reads, strict=True)
        )
        label = "".join(map(str, widths))
        candidates.append(Candidate("sampled", label, Plan(layers, origin=origin)))
    return candidates
