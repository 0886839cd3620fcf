"""What a compression decides: the width of every quantizer, as data without a framework."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from netwright.compress.quantize.names import quantizer
from netwright.errors import ConfigError
from netwright.faults import closest
from netwright.files import write_text
from netwright.formats import NM, Rounding
from netwright.notebook import table
from netwright.reading import read_typed

ScaleKind = Literal["power-of-two", "float"]
Granularity = Literal["tensor", "channel"]

SMALLEST_WEIGHT_BITS, LARGEST_BITS = 2, 16
"""Widths that the fake-quantized layers accept (activations: from 1 bit)."""


@dataclass(frozen=True, slots=True)
class LayerShape:
    """What the cost of a layer depends on.

    Attributes:
        name: Name of the layer in the model.
        inputs: Terms in one weighted sum (input features, or channels times kernel positions).
        outputs: Weighted sums made for one output position.
        positions: Output positions (1 for a dense layer, height times width for a convolution).
        weights: Number of weights.
    """

    name: str
    inputs: int
    outputs: int
    positions: int
    weights: int


UNIFORM = "uniform"
"""The quantizer of a plan that names none: integers whose scales follow the plan's rules."""


@dataclass(frozen=True, slots=True, order=True)
class Choice:
    """How a tensor is quantized: by which quantizer, to which width.

    Attributes:
        quantizer: A name that :func:`netwright.compress.quantize.quantizer` knows, or ``uniform``.
        bits: Width of an element.

    Raises:
        ConfigError: There is no such quantizer, or it does not have this width.
    """

    quantizer: str
    bits: int

    def __post_init__(self) -> None:
        if self.quantizer != UNIFORM:
            quantizer(self.quantizer, self.bits)

    @property
    def stored_bits(self) -> float:
        """Bits that an element takes in memory, with its share of what is stored for its group."""
        if self.quantizer == UNIFORM:
            return self.bits
        return quantizer(self.quantizer, self.bits).stored_bits

    def __str__(self) -> str:
        return f"{self.bits}" if self.quantizer == UNIFORM else f"{self.quantizer}:{self.bits}"


Width = int | Choice
"""Bits of a uniform quantizer, or a quantizer with its bits."""


def stored_bits(width: Width) -> float:
    """Bits that an element of this width takes in memory."""
    return width.stored_bits if isinstance(width, Choice) else width


def sorted_widths(widths: Iterable[Width]) -> tuple[Width, ...]:
    """Each width once: by bits, then by name."""
    return tuple(sorted(set(widths), key=_order))


def _order(width: Width) -> tuple[int, str]:
    return (width.bits, width.quantizer) if isinstance(width, Choice) else (width, "")


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """The widths and quantizers chosen for one layer.

    Attributes:
        name: Name of the layer in the model.
        weight_bits: Width of the weights, 2 to 16.
        input_bits: Width of what the layer reads, 1 to 16.
        bias_bits: Width of the bias on the accumulator's grid; ``None`` gives
            ``weight_bits + input_bits + 4``, at most 32.
        pattern: N:M of the weights along what is summed over, its axis not looked at; ``None`` for
            dense weights.
        weights: Quantizer of the weights.
        inputs: Quantizer of what the layer reads.
        outputs: Quantizer of what it gives, such as the keys and values that a decoder keeps;
            ``None`` leaves that to the layers that read it.
        output_bits: Width of what it gives, where that is quantized.
    """

    name: str
    weight_bits: int
    input_bits: int
    bias_bits: int | None = None
    pattern: NM | None = None
    weights: str = UNIFORM
    inputs: str = UNIFORM
    outputs: str | None = None
    output_bits: int | None = None

    @property
    def stored_weight_bits(self) -> float:
        """Bits that a weight takes in memory, with its share of what its group stores."""
        return Choice(self.weights, self.weight_bits).stored_bits

    @property
    def stored_input_bits(self) -> float:
        """Bits that an element of what is read takes in memory."""
        return Choice(self.inputs, self.input_bits).stored_bits

    @property
    def is_uniform(self) -> bool:
        """Whether no quantizer is named."""
        return self.weights == self.inputs == UNIFORM and self.outputs is None

    @property
    def resolved_bias_bits(self) -> int:
        """The bias width in use."""
        automatic = min(32, self.weight_bits + self.input_bits + 4)
        return automatic if self.bias_bits is None else self.bias_bits


@dataclass(frozen=True, slots=True)
class Plan:
    """Widths and rules for a whole network.

    Attributes:
        layers: The layers in order.
        scale: Power-of-two scales (shifts in hardware) or float scales (dyadic multipliers).
        granularity: One weight scale for a tensor, or one for each output channel.
        rounding: Rounding mode of the activations.
        origin: How the plan was made, for reports.
        output_bits: Width of what the network gives; ``None`` keeps the precision of the last sums.
        signed_inputs: Whether what goes into the network may be negative.

    Raises:
        ConfigError: A width or a rule is not accepted; the message lists every fault.
    """

    layers: tuple[LayerPlan, ...]
    scale: ScaleKind = "power-of-two"
    granularity: Granularity = "tensor"
    rounding: Rounding = Rounding.HALF_EVEN
    origin: str = "by hand"
    output_bits: int | None = None
    signed_inputs: bool = True

    def _repr_html_(self) -> str:
        rows = ((layer.name, layer.weight_bits, layer.input_bits) for layer in self.layers)
        title = f"plan ({self.origin}), {self.scale} scales, one for each {self.granularity}"
        return table(title, ("layer", "weight bits", "input bits"), rows)

    def __post_init__(self) -> None:
        faults = [fault for layer in self.layers for fault in _faults(layer)]
        if not self.layers:
            faults.append("a plan needs at least one layer")
        for name, value, accepted in (
            ("scale", self.scale, get_args(ScaleKind)),
            ("granularity", self.granularity, get_args(Granularity)),
            ("rounding", self.rounding, tuple(Rounding)),
        ):
            if value not in accepted:
                faults.append(f"{name} must be one of {', '.join(accepted)}, not {value!r}")
        bits = self.output_bits
        if bits is not None and (
            isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= LARGEST_BITS
        ):
            faults.append(f"output_bits must be an integer from 1 to {LARGEST_BITS}, not {bits!r}")
        if faults:
            raise ConfigError(faults)

    @property
    def weight_bits(self) -> tuple[int, ...]:
        """Weight widths in layer order."""
        return tuple(layer.weight_bits for layer in self.layers)

    @property
    def input_bits(self) -> tuple[int, ...]:
        """Input widths in layer order."""
        return tuple(layer.input_bits for layer in self.layers)

    def with_rules(self, *, scale: ScaleKind, granularity: Granularity) -> Plan:
        """The same widths with other rules for the scales."""
        return replace(self, scale=scale, granularity=granularity)

    def with_patterns(self, patterns: Mapping[str, NM]) -> Plan:
        """The same widths with patterns of zeros for some layers, by name.

        Raises:
            ConfigError: A name is none of a layer.
        """
        names = [layer.name for layer in self.layers]
        for name in patterns:
            if name not in names:
                raise ConfigError(
                    f'the plan has no layer "{name}"{closest(name, tuple(names))}',
                    hint=f"layers: {', '.join(names)}",
                )
        layers = (replace(item, pattern=patterns.get(item.name)) for item in self.layers)
        return replace(self, layers=tuple(layers))

    def __str__(self) -> str:
        widths = " ".join(map(_widths, self.layers))
        return f"{widths} ({self.scale}, {self.granularity})"


def layer_of(name: str, weights: int | Choice, inputs: int | Choice) -> LayerPlan:
    """The plan of a layer from two widths, each with or without a quantizer's name."""
    of_weights, of_inputs = (
        given if isinstance(given, Choice) else Choice(UNIFORM, given)
        for given in (weights, inputs)
    )
    return LayerPlan(
        name,
        of_weights.bits,
        of_inputs.bits,
        weights=of_weights.quantizer,
        inputs=of_inputs.quantizer,
    )


def _widths(layer: LayerPlan) -> str:
    """A layer as text: ``w4a8``, with its quantizers where they have names."""
    names = {"w": (layer.weights, layer.weight_bits), "a": (layer.inputs, layer.input_bits)}
    if layer.outputs is not None and layer.output_bits is not None:
        names["o"] = layer.outputs, layer.output_bits
    shown = (
        f"{key}{bits}" if name == UNIFORM else f"{key}{bits}-{name}"
        for key, (name, bits) in names.items()
    )
    return "".join(shown) if layer.is_uniform else "/".join(shown)


def _faults(layer: LayerPlan) -> list[str]:
    faults = []
    limits = [
        ("weight_bits", layer.weight_bits, SMALLEST_WEIGHT_BITS, LARGEST_BITS),
        ("input_bits", layer.input_bits, 1, LARGEST_BITS),
    ]
    if layer.bias_bits is not None:
        limits.append(("bias_bits", layer.bias_bits, 2, 32))
    if layer.output_bits is not None:
        limits.append(("output_bits", layer.output_bits, 2, LARGEST_BITS))
    if (layer.outputs is None) != (layer.output_bits is None):
        faults.append(f'layer "{layer.name}": outputs and output_bits must be given together')
    for name, value, low, high in limits:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            faults.append(
                f'layer "{layer.name}": {name} must be an integer from {low} to {high}, '
                f"not {value!r}"
            )
    pattern = layer.pattern
    if pattern is not None and not 0 < pattern.kept < pattern.group:
        faults.append(
            f'layer "{layer.name}": N:M must keep at least one of a group and not all of it, not '
            f"{pattern.kept}:{pattern.group}"
        )
    for name, quantizer_name, bits in (
        ("weights", layer.weights, layer.weight_bits),
        ("inputs", layer.inputs, layer.input_bits),
        ("outputs", layer.outputs or UNIFORM, layer.output_bits),
    ):
        try:
            if quantizer_name != UNIFORM and isinstance(bits, int):
                quantizer(quantizer_name, bits)
        except ConfigError as error:
            faults.append(f'layer "{layer.name}": {name}: {error.message}')
    return faults


def uniform(
    shapes: tuple[LayerShape, ...],
    *,
    weight_bits: int,
    activation_bits: int,
    input_bits: int | None = None,
) -> Plan:
    """The plan with the same widths everywhere.

    Args:
        shapes: The layers.
        weight_bits: Width of all weights.
        activation_bits: Width of all activations.
        input_bits: Width of the network's input; ``activation_bits`` if not given.
    """
    first = activation_bits if input_bits is None else input_bits
    return Plan(
        tuple(
            LayerPlan(shape.name, weight_bits, activation_bits if i else first)
            for i, shape in enumerate(shapes)
        ),
        origin=f"uniform w{weight_bits}a{activation_bits}",
    )


_NAMES = {
    "pattern": None,
    "weights": UNIFORM,
    "inputs": UNIFORM,
    "outputs": None,
    "output_bits": None,
}
"""What a file leaves out where it is as usual."""


class _PatternRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    kept: Annotated[int, Field(strict=True)]
    group: Annotated[int, Field(strict=True)]
    axis: Annotated[int, Field(strict=True)] = 0


class _LayerRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    weight_bits: Annotated[int, Field(strict=True)]
    input_bits: Annotated[int, Field(strict=True)]
    bias_bits: Annotated[int, Field(strict=True)] | None = None
    pattern: _PatternRecord | None = None
    weights: str = UNIFORM
    inputs: str = UNIFORM
    outputs: str | None = None
    output_bits: Annotated[int, Field(strict=True)] | None = None

    def plan(self) -> LayerPlan:
        """The widths of the layer.

        Raises:
            NumericsError: The pattern is none.
        """
        own = self.model_dump(exclude={"pattern"})
        kept = self.pattern
        pattern = None if kept is None else NM(kept.kept, kept.group, kept.axis)
        return LayerPlan(**own, pattern=pattern)


class _PlanRecord(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    layers: tuple[_LayerRecord, ...]
    scale: ScaleKind
    granularity: Granularity
    rounding: Rounding
    origin: str
    output_bits: Annotated[int, Field(strict=True)] | None = None
    signed_inputs: bool = True


def save_plan(plan: Plan, path: str | Path) -> Path:
    """Write a plan as JSON.

    Raises:
        RunError: The file cannot be written.
    """
    path = Path(path)
    record = asdict(plan)
    for layer in record["layers"]:
        for name, usual in _NAMES.items():
            if layer[name] == usual:
                del layer[name]
    return write_text(path, json.dumps(record, indent=2) + "\n")


def load_plan(path: str | Path) -> Plan:
    """Read a plan that :func:`save_plan` wrote.

    Raises:
        DataError: The file is missing or not a plan.
        ConfigError: A width is out of range.
    """
    record = read_typed(path, TypeAdapter(_PlanRecord), what="not a plan")
    return Plan(
        tuple(layer.plan() for layer in record.layers),
        record.scale,
        record.granularity,
        record.rounding,
        record.origin,
        record.output_bits,
        record.signed_inputs,
    )
