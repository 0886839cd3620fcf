"""The allocation of widths under budgets, solved to proven optimality.

An integer program with one-hot variables for every width. The cost of a layer depends on two widths
at once (its weights' and its input's), and with tied activations the second is decided by the layer
before; pair variables carry the product, so nothing is linearized away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

import numpy as np

from netwright.compress.budget import Budget
from netwright.compress.plan import (
    Choice,
    LayerShape,
    Plan,
    Width,
    layer_of,
    sorted_widths,
    stored_bits,
)
from netwright.compress.program import Program
from netwright.compress.sensitivities import LayerSensitivity
from netwright.errors import ConfigError, Infeasible


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
        bits: Candidate widths, with or without the name of a quantizer.
        input_bits: Candidate widths of the network's input; `bits` if empty.
    """

    bits: Sequence[Width]
    input_bits: Sequence[Width] = ()


Activations = TiedActivations | FreeActivations


class Measured(Protocol):
    """A layer whose widths can be allocated: its cost follows from its shape."""

    @property
    def shape(self) -> LayerShape:
        """What the cost of the layer depends on."""


Layer = TypeVar("Layer", bound=Measured)
Metric = Callable[[Layer, str, Width], float]
"""Predicted growth of the loss from (layer, ``"weight"`` or ``"activation"``, width)."""

RESIDUAL = 0.1
"""Share of a weight's predicted loss growth that is taken to remain after fine-tuning.

Fine-tuning moves the weights, and takes most of their quantization error back; it cannot move the
grid of activations. Of 1, 0.1, 0.03 and 0.01 this one had the best validation accuracy on the jets
task at 124 448 and 160 000 BOPs, and was within 0.1 points of the best at 90 000."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """A plan of least predicted loss, and what is proven of it.

    Attributes:
        plan: The widths.
        objective: Predicted growth of the loss, the minimum; in its unit for the default metric.
        bound: A lower bound on it, within 1e-8 where optimality is proven.
        is_proven: Whether the bound was proven in exact integers; else it is the solver's word.
        costs: What the plan costs, for each budget's kind.
        seconds: Solver time.
    """

    plan: Plan
    objective: float
    bound: float
    is_proven: bool
    costs: dict[str, float]
    seconds: float


def allocate(
    layers: Sequence[Layer],
    budgets: Sequence[Budget],
    *,
    weight_bits: Sequence[Width],
    activations: Activations,
    residual: float = RESIDUAL,
    metric: Metric[Layer] | None = None,
    origin: str = "hawq",
) -> Allocation:
    """The plan of least predicted loss among those within every budget.

    Args:
        layers: The measured layers, in order; without a `metric`, each a
            :class:`~netwright.compress.LayerSensitivity`.
        budgets: Upper limits; at least one.
        weight_bits: Candidate widths of weights; a :class:`~netwright.compress.Choice` among them
            names a quantizer, so that the number format of each layer is chosen with its width.
        activations: How the widths of activations are decided.
        residual: Share of the growth predicted for weights that remains after fine-tuning, 0..1;
            1 is HAWQ's own assumption.
        metric: Predicted growth of the loss from (layer, ``"weight"`` or ``"activation"``, bits);
            the layers' own ``growth``, that of weights times `residual`, if not given.
        origin: What the plan shall say of its making.

    Raises:
        Infeasible: No plan satisfies a budget; the error names the smallest limit that one does.
        ConfigError: There are no candidates or no budgets, or a width was not measured.
        NumericsError: The solver failed.
        MissingExtra: SciPy is not installed.
    """
    if not len(layers) or not len(weight_bits) or not len(budgets):
        raise ConfigError("an allocation needs layers, candidate widths and a budget")
    if not 0 <= residual <= 1:
        raise ConfigError(f"residual must be from 0 to 1, not {residual}")
    started = time.perf_counter()
    candidates = sorted_widths(weight_bits)
    _check_widths(candidates, activations, budgets)
    program = _program(len(layers), candidates, activations)
    metric = cast(Metric[Layer], _growth(residual)) if metric is None else metric
    objective = np.array(
        [metric(layers[i], "weight", w) + metric(layers[i], "activation", a)
         for i, w, a in program.pairs]
    )  # fmt: skip
    shapes = [layer.shape for layer in layers]
    rows = [
        np.array(
            [budget.cost(shapes[i], stored_bits(w), stored_bits(a)) for i, w, a in program.pairs]
        )
        for budget in budgets
    ]
    solution = program.solve(objective, rows, [budget.limit for budget in budgets])
    if solution is None:
        raise _infeasible(program, rows, budgets)
    values, claimed = solution
    reached = float(objective @ values)
    limits = [budget.limit for budget in budgets]
    proven = program.proven_bound(objective, rows, limits, reached)
    bound = claimed if proven is None else proven
    plan = Plan(
        tuple(
            layer_of(shape.name, w, a)
            for shape, (w, a) in zip(shapes, program.chosen(values), strict=True)
        ),
        origin=origin,
    )
    costs = {budget.kind: budget.total(shapes, plan) for budget in budgets}
    seconds = time.perf_counter() - started
    return Allocation(plan, reached, bound, proven is not None, costs, seconds)


def _growth(residual: float) -> Metric[LayerSensitivity]:
    def growth(layer: LayerSensitivity, kind: str, width: Width) -> float:
        if kind == "weight":
            return residual * layer.weight.growth(width)
        return layer.activation.growth(width)

    return growth


def _infeasible(program: Program, rows: list[np.ndarray], budgets: Sequence[Budget]) -> Infeasible:
    for row, budget in zip(rows, budgets, strict=True):
        smallest = program.solve(row, [], [])
        assert smallest is not None
        least = float(row @ smallest[0])
        if least > budget.limit:
            enough = f"{least:.10g}"
            if float(enough) < least:  # a limit that was rounded down would not do
                enough = f"{least * (1 + 1e-9):.10g}"
            return Infeasible(
                f"no plan costs at most {budget.limit:.10g} {budget.unit}; the cheapest costs "
                f"{enough}",
                smallest=least,
                hint=f"raise the {budget.kind} limit to {enough}, or allow smaller widths",
            )
    return Infeasible(
        "no plan satisfies all budgets together, though each can be satisfied alone",
        smallest=float("nan"),
        hint="raise one of the limits",
    )


def _check_widths(weights: Sequence[Width], rule: Activations, budgets: Sequence[Budget]) -> None:
    """Refuse named quantizers where only widths of integers have a meaning."""
    read = (*rule.bits, *rule.input_bits) if isinstance(rule, FreeActivations) else ()
    named = [str(width) for width in (*weights, *read) if isinstance(width, Choice)]
    if not named:
        return
    if isinstance(rule, TiedActivations):
        raise ConfigError(
            f"activations cannot be tied to {named[0]}, which has a quantizer's name",
            hint="use FreeActivations",
        )
    for budget in budgets:
        if budget.of_integers:
            raise ConfigError(
                f"a budget of {budget.kind} is that of integers, and not known for {named[0]}",
                hint="bops and weight_bits are known for every quantizer",
            )


def _program(count: int, weight_bits: tuple[Width, ...], rule: Activations) -> Program:
    widths = [_input_widths(i, weight_bits, rule) for i in range(count)]
    return Program.of(
        weight_bits, widths, tie=rule.extra if isinstance(rule, TiedActivations) else None
    )


def _input_widths(
    index: int, weight_bits: tuple[Width, ...], rule: Activations
) -> tuple[Width, ...]:
    if isinstance(rule, TiedActivations):
        plain = [width for width in weight_bits if not isinstance(width, Choice)]
        return (rule.input_bits,) if index == 0 else tuple(w + rule.extra for w in plain)
    widths = rule.input_bits if index == 0 and len(rule.input_bits) else rule.bits
    if not len(widths):
        raise ConfigError("an allocation needs candidate widths for activations")
    return sorted_widths(widths)
