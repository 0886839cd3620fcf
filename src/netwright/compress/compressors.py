"""Compressors: what chooses the widths of a network, with the options that a flow file gives."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field
from torch import nn

from netwright.compress.allocation import FreeActivations, allocate
from netwright.compress.budget import BUDGETS, Budget, luts
from netwright.compress.counted import count_layers
from netwright.compress.plan import (
    LARGEST_BITS,
    SMALLEST_WEIGHT_BITS,
    Granularity,
    LayerPlan,
    LayerShape,
    Plan,
    ScaleKind,
    uniform,
)
from netwright.compress.sensitivities import LayerSensitivity
from netwright.errors import ConfigError
from netwright.faults import closest
from netwright.settings import Settings
from netwright.tasks import Task

WeightBits = Annotated[int, Field(ge=SMALLEST_WEIGHT_BITS, le=LARGEST_BITS)]
ActivationBits = Annotated[int, Field(ge=1, le=LARGEST_BITS)]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Which sensitivities a compressor wants.

    Attributes:
        weight_bits: Widths of weights.
        activation_bits: Widths of what layers read.
        probes: Most Hutchinson probes for a layer.
    """

    weight_bits: tuple[int, ...]
    activation_bits: tuple[int, ...]
    probes: int


@dataclass(frozen=True, slots=True)
class Subject:
    """The network that is compressed.

    Attributes:
        model: The trained float network.
        task: Its task.
        shapes: Its layers with weights, in order.
        sensitivities: What was measured of them; empty if nothing was wanted.
        scale: Rule for the scales.
        granularity: Rule for the scales of the weights.
    """

    model: nn.Module
    task: Task
    shapes: tuple[LayerShape, ...]
    sensitivities: tuple[LayerSensitivity, ...]
    scale: ScaleKind
    granularity: Granularity


@dataclass(frozen=True, slots=True)
class Found:
    """A plan, and how it was found, as plain data."""

    plan: Plan
    record: Mapping[str, Any]


class Compressor(Settings):
    """Base of compressors; a field is an option in the section ``compress`` of a flow."""

    @property
    def measurement(self) -> Measurement | None:
        """Which sensitivities it wants; none if it chooses without."""
        return None

    def choose(self, subject: Subject) -> Found:
        """The plan for a network.

        Raises:
            ConfigError: The options do not fit the network.
        """
        raise NotImplementedError

    def make(self) -> Self:
        """Itself."""
        return self


def _budget_kind(kind: str) -> str:
    if kind not in BUDGETS:
        accepted = " or ".join(f'"{name}"' for name in BUDGETS)
        raise ValueError(f'must be {accepted}, not "{kind}"{closest(kind, tuple(BUDGETS))}')
    return kind


class BudgetOptions(Settings):
    """What a plan may cost.

    Attributes:
        kind: Bit operations, bits of weight memory, or modelled LUTs or latency of unrolled RTL.
        limit: Largest accepted cost.
    """

    kind: Annotated[str, AfterValidator(_budget_kind)] = "bops"
    limit: Annotated[float, Field(gt=0)]


class Hawq(Compressor):
    """The plan of least predicted loss within a budget; see :func:`~netwright.compress.hawq`.

    Attributes:
        weight_bits: Candidate widths of weights.
        activation_bits: Candidate widths of what the layers read.
        input_bits: Candidate widths of the network's input; `activation_bits` if empty.
        budget: What the plan may cost.
        other_budgets: Limits that it must keep besides.
        residual: Share of the loss predicted for weights that is taken to remain after fine-tuning.
        probes: Most Hutchinson probes for a layer.
    """

    weight_bits: Annotated[tuple[WeightBits, ...], Field(min_length=1)] = (2, 3, 4, 5, 6, 7, 8)
    activation_bits: Annotated[tuple[ActivationBits, ...], Field(min_length=1)] = (
        3,
        4,
        5,
        6,
        7,
        8,
    )
    input_bits: tuple[ActivationBits, ...] = ()
    budget: BudgetOptions
    other_budgets: Annotated[tuple[BudgetOptions, ...], Field(max_length=3)] = ()
    residual: Annotated[float, Field(ge=0, le=1)] = 0.1
    probes: Annotated[int, Field(ge=2, le=100_000)] = 200

    @property
    def measurement(self) -> Measurement:
        """All candidate widths."""
        activations = tuple(sorted({*self.activation_bits, *self.input_bits}))
        return Measurement(self.weight_bits, activations, self.probes)

    @property
    def activations(self) -> FreeActivations:
        """How the widths of activations are decided."""
        return FreeActivations(self.activation_bits, self.input_bits)

    def makers(
        self, kinds: Collection[str], subject: Subject
    ) -> dict[str, Callable[[float], Budget]]:
        """What makes a budget of each kind from its limit; LUTs are counted on the weights."""
        found = {kind: BUDGETS[kind] for kind in kinds}
        if "luts" in found:
            cost = count_layers(
                subject.model,
                subject.task,
                weight_bits=self.weight_bits,
                scale=subject.scale,
                granularity=subject.granularity,
            )
            found["luts"] = partial(luts, cost=cost)
        return found

    def choose(self, subject: Subject) -> Found:
        """The plan, with the proof that none is better.

        Raises:
            Infeasible: No plan fits the budgets.
        """
        limits = (self.budget, *self.other_budgets)
        makers = self.makers({limit.kind for limit in limits}, subject)
        found = allocate(
            subject.sensitivities,
            [makers[limit.kind](limit.limit) for limit in limits],
            weight_bits=self.weight_bits,
            activations=self.activations,
            residual=self.residual,
            origin="hawq, " + ", ".join(f"{limit.kind} ≤ {limit.limit:.10g}" for limit in limits),
        )
        record = {
            "objective": found.objective,
            "bound": found.bound,
            "proven": found.is_proven,
            "costs": found.costs,
        }
        return Found(found.plan, record)


class LayerWidths(Settings):
    """Widths of one layer; those of the whole network where none are given.

    Attributes:
        weight_bits: Width of the weights.
        input_bits: Width of what the layer reads.
        bias_bits: Width of the bias.
    """

    weight_bits: WeightBits | None = None
    input_bits: ActivationBits | None = None
    bias_bits: Annotated[int, Field(ge=2, le=32)] | None = None


class Fixed(Compressor):
    """Widths that are given, for the whole network or layer by layer.

    Attributes:
        weight_bits: Width of all weights.
        activation_bits: Width of what the layers read.
        input_bits: Width of the network's input; `activation_bits` if left out.
        layers: Other widths for some layers, by their path in the model.
    """

    weight_bits: WeightBits
    activation_bits: ActivationBits
    input_bits: ActivationBits | None = None
    layers: dict[str, LayerWidths] = Field(default_factory=dict)

    def choose(self, subject: Subject) -> Found:
        """The plan of these widths.

        Raises:
            ConfigError: A layer is named that the network does not have.
        """
        known = [shape.name for shape in subject.shapes]
        for name in self.layers:
            if name not in known:
                raise ConfigError(
                    f'compress.layers names "{name}", which the network does not have'
                    f"{closest(name, tuple(known))}",
                    hint=f"layers: {', '.join(known)}",
                )
        same = uniform(
            subject.shapes,
            weight_bits=self.weight_bits,
            activation_bits=self.activation_bits,
            input_bits=self.input_bits,
        )
        plan = Plan(tuple(map(self._changed, same.layers)), origin="widths that were given")
        return Found(plan, {})

    def _changed(self, layer: LayerPlan) -> LayerPlan:
        given = self.layers.get(layer.name, LayerWidths())
        return LayerPlan(
            layer.name,
            given.weight_bits or layer.weight_bits,
            given.input_bits or layer.input_bits,
            given.bias_bits,
        )
