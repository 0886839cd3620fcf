"""HAWQ: widths from curvature, in one call."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from netwright.compress.allocation import RESIDUAL, Activations, FreeActivations, allocate
from netwright.compress.budget import Budget
from netwright.compress.plan import Granularity, Plan, ScaleKind
from netwright.compress.sensitivities import DEFAULT_BITS, sensitivity
from netwright.progress import Progress, silent
from netwright.tasks import Task


def hawq(
    model: nn.Module,
    task: Task,
    *,
    budget: Budget | Sequence[Budget],
    bits: Sequence[int] = DEFAULT_BITS,
    activations: Activations | None = None,
    residual: float = RESIDUAL,
    scale: ScaleKind = "power-of-two",
    granularity: Granularity = "tensor",
    probes: int = 200,
    seed: int = 0,
    progress: Progress = silent,
) -> Plan:
    """The plan of least predicted loss within the budget (HAWQ-V3, Yao et al. 2021, section 3.3).

    Measures the curvature (:func:`~netwright.compress.sensitivity`) and solves the allocation
    (:func:`~netwright.compress.allocate`); call the two yourself to reuse a measurement.

    Args:
        model: A trained float model.
        task: Its training split gives the curvature.
        budget: One or several upper limits.
        bits: Candidate widths of weights.
        activations: How the widths of activations are decided; free, from `bits`, if not given.
        residual: See :func:`~netwright.compress.allocate`.
        scale: Rule for the scales.
        granularity: Rule for the weight scales.
        probes: Hutchinson probes for each tensor.
        seed: Seed of the probes.
        progress: Told of every probe, and the largest number there can be.

    Raises:
        Infeasible: No plan fits the budget.
    """
    rule = FreeActivations(tuple(bits)) if activations is None else activations
    if isinstance(rule, FreeActivations):
        activation_bits = sorted({*rule.bits, *rule.input_bits})
    else:
        activation_bits = sorted({width + rule.extra for width in bits} | {rule.input_bits})
    measured = sensitivity(
        model,
        task,
        weight_bits=bits,
        activation_bits=activation_bits,
        probes=probes,
        scale=scale,
        granularity=granularity,
        seed=seed,
        progress=progress,
    )
    budgets = (budget,) if isinstance(budget, Budget) else tuple(budget)
    limits = ", ".join(f"{item.kind} ≤ {item.limit:.10g}" for item in budgets)
    found = allocate(
        measured,
        budgets,
        weight_bits=bits,
        activations=rule,
        residual=residual,
        origin=f"hawq, {limits}",
    )
    return found.plan.with_rules(scale=scale, granularity=granularity)
