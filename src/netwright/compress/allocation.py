"""The allocation of widths under budgets, solved to proven optimality.

An integer program with one-hot variables for every width. The cost of a layer depends on two widths
at once (its weights' and its input's), and with tied activations the second is decided by the layer
before; pair variables carry the product, so nothing is linearized away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from netwright.compress.budget import Budget
from netwright.compress.plan import LayerPlan, LayerShape, Plan
from netwright.compress.sensitivities import LayerSensitivity
from netwright.errors import ConfigError, Infeasible, require


@dataclass(frozen=True, slots=True)
class TiedActivations:
    """What a layer reads is `extra` bits wider than the weights of the layer before.

    The rule of the published search space: w + 3, input 16 bits
    (fastmachinelearning/hawq-jet-tagging, ``config.py``).

    Attributes:
        extra: Bits added to the weight width of the layer before.
        input_bits: Width of the network's input.
    """

    extra: int = 3
    input_bits: int = 16


@dataclass(frozen=True, slots=True)
class FreeActivations:
    """What a layer reads has a width of its own, chosen with the others.

    Attributes:
        bits: Candidate widths.
        input_bits: Candidate widths of the network's input; `bits` if empty.
    """

    bits: Sequence[int]
    input_bits: Sequence[int] = ()


Activations = TiedActivations | FreeActivations

Metric = Callable[[LayerSensitivity, str, int], float]
"""Predicted growth of the loss from (layer, ``"weight"`` or ``"activation"``, bits)."""

RESIDUAL = 0.1
"""Share of a weight's predicted loss growth that is taken to remain after fine-tuning.

Fine-tuning moves the weights, and takes most of their quantization error back; it cannot move the
grid of activations. Of 1, 0.1, 0.03 and 0.01 this one had the best validation accuracy on the jets
task at 124 448 and 160 000 BOPs, and was within 0.1 points of the best at 90 000."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """An optimal plan and the proof that it is one.

    Attributes:
        plan: The widths.
        objective: Predicted growth of the loss, the minimum; nats for the default metric.
        bound: The solver's lower bound on it; equal up to rounding when optimality is proven.
        costs: What the plan costs, for each budget's kind.
        seconds: Solver time.
    """

    plan: Plan
    objective: float
    bound: float
    costs: dict[str, float]
    seconds: float


def allocate(
    layers: Sequence[LayerSensitivity],
    budgets: Sequence[Budget],
    *,
    weight_bits: Sequence[int],
    activations: Activations,
    residual: float = RESIDUAL,
    metric: Metric | None = None,
    origin: str = "hawq",
) -> Allocation:
    """The plan of least predicted loss among those within every budget.

    Args:
        layers: The measured layers, in order.
        budgets: Upper limits; at least one.
        weight_bits: Candidate widths of weights.
        activations: How the widths of activations are decided.
        residual: Share of the growth predicted for weights that remains after fine-tuning, 0..1;
            1 is HAWQ's own assumption.
        metric: Predicted growth of the loss from (layer, ``"weight"`` or ``"activation"``, bits);
            the layers' own ``growth``, that of weights times `residual`, if not given.
        origin: What the plan shall say of its making.

    Raises:
        Infeasible: No plan satisfies a budget; the error names the smallest limit that one does.
        ConfigError: There are no candidates or no budgets.
        MissingExtra: SciPy is not installed.
    """
    if not layers or not weight_bits or not budgets:
        raise ConfigError("an allocation needs layers, candidate widths and a budget")
    started = time.perf_counter()
    program = _Program.of(layers, tuple(sorted(set(weight_bits))), activations)
    if not 0 <= residual <= 1:
        raise ConfigError(f"residual must be from 0 to 1, not {residual}")
    metric = _growth(residual) if metric is None else metric
    objective = program.objective(layers, metric)
    rows = [program.cost_row([layer.shape for layer in layers], budget) for budget in budgets]
    limits = [budget.limit for budget in budgets]
    solution = program.solve(objective, rows, limits)
    if solution is None:
        raise _infeasible(program, rows, budgets)
    values, bound = solution
    plan = program.plan(values, layers, origin)
    costs = {
        budget.kind: budget.total([layer.shape for layer in layers], plan) for budget in budgets
    }
    seconds = time.perf_counter() - started
    return Allocation(plan, float(objective @ values), bound, costs, seconds)


def _growth(residual: float) -> Metric:
    def growth(layer: LayerSensitivity, kind: str, bits: int) -> float:
        if kind == "weight":
            return residual * layer.weight.growth(bits)
        return layer.activation.growth(bits)

    return growth


def _infeasible(program: _Program, rows: list[np.ndarray], budgets: Sequence[Budget]) -> Infeasible:
    for row, budget in zip(rows, budgets, strict=True):
        smallest = program.solve(row, [], [])
        assert smallest is not None
        least = float(row @ smallest[0])
        if least > budget.limit:
            return Infeasible(
                f"no plan costs at most {budget.limit:.10g} {budget.unit}; the cheapest costs "
                f"{least:.10g}",
                smallest=least,
                hint=f"raise the {budget.kind} limit to {least:.10g}, or allow smaller widths",
            )
    return Infeasible(
        "no plan satisfies all budgets together, though each can be satisfied alone",
        smallest=float("nan"),
        hint="raise one of the limits",
    )


@dataclass(frozen=True)
class _Program:
    """Variables: pair (layer, weight width, input width), one chosen for every layer.

    Neighbors are linked by equalities between sums of pairs, so the pairs are the one-hot products
    and the relaxation is the tight one of a chain.
    """

    pairs: tuple[tuple[int, int, int], ...]
    links: np.ndarray
    targets: np.ndarray

    @classmethod
    def of(
        cls, layers: Sequence[LayerSensitivity], weight_bits: tuple[int, ...], rule: Activations
    ) -> _Program:
        pairs: list[tuple[int, int, int]] = []
        for i in range(len(layers)):
            pairs += [(i, w, a) for w in weight_bits for a in _input_widths(i, weight_bits, rule)]
        links = [[float(pair[0] == i) for pair in pairs] for i in range(len(layers))]
        if isinstance(rule, TiedActivations):
            for i in range(1, len(layers)):
                links += [_tie(pairs, i, width, rule.extra) for width in weight_bits]
        targets = [1.0] * len(layers) + [0.0] * (len(links) - len(layers))
        return cls(tuple(pairs), np.array(links), np.array(targets))

    def objective(
        self,
        layers: Sequence[LayerSensitivity],
        metric: Metric,
    ) -> np.ndarray:
        return np.array(
            [metric(layers[i], "weight", w) + metric(layers[i], "activation", a)
             for i, w, a in self.pairs]
        )  # fmt: skip

    def cost_row(self, shapes: Sequence[LayerShape], budget: Budget) -> np.ndarray:
        return np.array([budget.cost(shapes[i], w, a) for i, w, a in self.pairs])

    def solve(
        self, objective: np.ndarray, rows: list[np.ndarray], limits: list[float]
    ) -> tuple[np.ndarray, float] | None:
        """Chosen variables and the solver's bound; ``None`` if nothing is feasible."""
        optimize = require("scipy.optimize", extra="solve", purpose="the allocation of widths")
        top = float(np.abs(objective).max()) or 1.0
        constraints = [optimize.LinearConstraint(self.links, self.targets, self.targets)]
        if rows:
            scale = np.array(limits)
            constraints.append(
                optimize.LinearConstraint(np.array(rows) / scale[:, None], -np.inf, 1.0)
            )
        result = optimize.milp(
            objective / top,
            constraints=constraints,
            integrality=np.ones(len(self.pairs)),
            bounds=optimize.Bounds(0, 1),
            options={"mip_rel_gap": 0.0},
        )
        if result.x is None:
            return None
        return np.round(result.x), float(result.mip_dual_bound) * top

    def plan(self, values: np.ndarray, layers: Sequence[LayerSensitivity], origin: str) -> Plan:
        chosen = {pair[0]: pair for pair, value in zip(self.pairs, values, strict=True) if value}
        return Plan(
            tuple(LayerPlan(layers[i].name, chosen[i][1], chosen[i][2]) for i in sorted(chosen)),
            origin=origin,
        )


def _input_widths(index: int, weight_bits: tuple[int, ...], rule: Activations) -> tuple[int, ...]:
    if isinstance(rule, TiedActivations):
        return (rule.input_bits,) if index == 0 else tuple(w + rule.extra for w in weight_bits)
    widths = rule.input_bits if index == 0 and len(rule.input_bits) else rule.bits
    if not len(widths):
        raise ConfigError("an allocation needs candidate widths for activations")
    return tuple(sorted(set(widths)))


def _tie(pairs: list[tuple[int, int, int]], index: int, width: int, extra: int) -> list[float]:
    """Layer ``index - 1`` has `width`-bit weights exactly when layer `index` reads their tie."""
    return [
        float(i == index - 1 and w == width) - float(i == index and a == width + extra)
        for i, w, a in pairs
    ]
