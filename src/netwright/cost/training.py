"""Time of a training step on an array for N:M sparse products, layer by layer and stage by stage.

A step has three stages (FF, BP, WU; see :class:`netwright.train.KeepNM`), then the update of the
weights. What makes such a machine faster can be turned on one after the other
(:class:`Techniques`), so that a table says what each is worth. The figures are modelled: memory
moves every operand of a stage once, beside the computation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil
from typing import Literal, get_args

from netwright.arch import MAC, Architecture, Array
from netwright.cost.nm_array import Element, Stationary, nm_product
from netwright.cost.systolic import Shape, shape_of
from netwright.errors import ConfigError
from netwright.formats import NM, Float, Format, stored
from netwright.mapping.operation import is_operation, operation
from netwright.workload import Workload

Stage = Literal["FF", "BP", "WU"]
STAGES: tuple[Stage, ...] = get_args(Stage)

VALUES = Float(16)
"""What is multiplied."""

MASTER_BYTES = 4
"""A weight, or its momentum, as the update keeps it."""


@dataclass(frozen=True, slots=True)
class TrainedLayer:
    """A product of a network.

    Attributes:
        name: Its name.
        shape: As a convolution.
        weights: Number of its weights; 0 for a product of two activations.
        sparse: Whether its weights have zeros in training.
    """

    name: str
    shape: Shape
    weights: int
    sparse: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """The figures of a machine that a step depends on.

    Attributes:
        array: Rows and columns of elements.
        adder_cycles: Cycles from an addition to the next one that needs its sum.
        clock_hz: Cycles a second.
        bytes_per_cycle: Bytes that the outermost memory moves in a cycle.
        sorters: Weights that are pruned in a cycle.
        updaters: Weights that are updated in a cycle.
    """

    array: tuple[int, int]
    adder_cycles: int
    clock_hz: float
    bytes_per_cycle: Fraction
    sorters: int
    updaters: int

    @classmethod
    def of(cls, architecture: Architecture) -> Machine:
        """The machine that a file describes.

        Raises:
            ConfigError: It has no array of two axes for products that exploits N:M, no units that
                compare or add, or does not say a rate or a bandwidth.
        """
        (element,) = architecture.units_for(MAC)[:1]
        sorter, updater = (architecture.units_for(name)[0] for name in ("max", "add"))
        above = [node for node in architecture.nodes if node.name == element.parent]
        root = architecture.memory(architecture.root.name)
        faults = []
        if not (above and isinstance(above[0], Array) and len(above[0].fanout) == 2):
            faults.append(f'"{element.name}" must be in an array of rows and columns')
        if "nm" not in element.exploits:
            faults.append(f'"{element.name}" must exploit "nm"')
        if element.rate is None:
            faults.append(f'"{element.name}" must have a rate')
        if root is None or root.bandwidth is None:
            faults.append(f'"{architecture.root.name}" must be a memory with a bandwidth')
        if faults:
            raise ConfigError(faults).at(f'architecture "{architecture.name}"')
        (array,) = above
        assert isinstance(array, Array)
        assert element.rate is not None
        assert root is not None
        assert root.bandwidth is not None
        height, width = array.fanout
        latency = 1 if element.adder_cycles is None else ceil(element.adder_cycles.value)
        return cls(
            (height, width), latency, element.rate.value,
            Fraction(root.bandwidth.value) / Fraction(element.rate.value),
            architecture.copies(sorter.name), architecture.copies(updater.name),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Techniques:
    """What makes a step faster.

    Attributes:
        sparse: Stages that skip the zeros of weights.
        interleaved: Whether an element works on as many sums in turn as its adder takes cycles.
        pregenerated: Whether weights are pruned while they are updated, not before each product.
        scheduled: Whether what stays in the elements is chosen for each layer and stage.
    """

    sparse: frozenset[Stage] = frozenset()
    interleaved: bool = False
    pregenerated: bool = False
    scheduled: bool = False


ALL = Techniques(frozenset({"FF", "BP"}), interleaved=True, pregenerated=True, scheduled=True)
"""BDWP with everything."""

ABLATION: tuple[tuple[str, Techniques], ...] = (
    ("dense, output stationary", Techniques()),
    ("+ sparse FF", Techniques(frozenset({"FF"}))),
    ("+ sparse BP", Techniques(frozenset({"FF", "BP"}))),
    ("+ interleaving", Techniques(frozenset({"FF", "BP"}), interleaved=True)),
    (
        "+ pre-generation",
        Techniques(frozenset({"FF", "BP"}), interleaved=True, pregenerated=True),
    ),
    ("+ schedule", ALL),
)
"""What is added, in the order of the paper's chapters."""


@dataclass(frozen=True, slots=True)
class StageTime:
    """A stage of a layer.

    Attributes:
        layer: Name of the layer.
        stage: The stage.
        stationary: What stays in the elements.
        cycles: Cycles of the array.
        moved_bytes: What the memory moves.
        pruning: Cycles before, in which weights are pruned.
        total: Cycles altogether.
    """

    layer: str
    stage: Stage
    stationary: Stationary
    cycles: int
    moved_bytes: int
    pruning: int
    total: int


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """A whole step.

    Attributes:
        stages: Of all layers, layer by layer.
        update: Cycles of the update of all weights.
        clock_hz: Cycles a second.
        assumptions: What the model takes for granted.
    """

    stages: tuple[StageTime, ...]
    update: int
    clock_hz: float
    assumptions: tuple[str, ...] = field(
        default=(
            "memory moves each operand of a stage once, beside the computation",
            "windows that overlap are put together on the way to the array",
            "strides change the shape of BP's product, not its number of multiplications",
        )
    )

    @property
    def cycles(self) -> int:
        """All stages, one after the other, and the update."""
        return self.update + sum(part.total for part in self.stages)

    @property
    def seconds(self) -> float:
        """Time of the step."""
        return self.cycles / self.clock_hz

    def of(self, stage: Stage) -> int:
        """Cycles of one stage, over all layers."""
        return sum(part.total for part in self.stages if part.stage == stage)


def trained_layers(network: Workload, pattern: NM, *, batch: int) -> tuple[TrainedLayer, ...]:
    """The products of a network, and which of them are sparse.

    Those with weights are, if the group divides their channels, but for the first and the last one.

    Args:
        network: A network for one image.
        pattern: N:M; its axis is not looked at.
        batch: Images of a step.
    """
    found = []
    for einsum in network.einsums:
        if not is_operation(einsum):
            continue
        own = operation(network, einsum)
        shape = shape_of(own)
        weights = [tensor for tensor in own.operands if tensor.kind == "weight"]
        inputs, outputs = shape.channels // shape.groups, shape.features // shape.groups
        places = shape.window[0] * shape.window[1]
        if not weights:  # every image has a right matrix of its own, and no windows
            groups = shape.groups * batch
            own_shape = replace(
                shape, channels=groups * inputs * places, features=groups * outputs,
                window=(1, 1), groups=groups,
            )  # fmt: skip
            found.append(TrainedLayer(einsum.name, own_shape, 0, sparse=False))
            continue
        fits = inputs % pattern.group == 0 == outputs % pattern.group
        number = outputs * inputs * places * shape.groups
        shape = replace(shape, batch=shape.batch * batch)
        found.append(TrainedLayer(einsum.name, shape, number, fits))
    weighted = [number for number, layer in enumerate(found) if layer.weights]
    for number in {*weighted[:1], *weighted[-1:]}:
        found[number] = replace(found[number], sparse=False)
    return tuple(found)


def product_of(shape: Shape, stage: Stage) -> tuple[int, int, int]:
    """Rows, terms of a sum and columns of the product that a stage does of each group.

    FF sums over inputs, BP over outputs, WU over the positions of all images; the number of
    multiplications is the same.
    """
    positions = shape.batch * shape.output[0] * shape.output[1]
    places = shape.window[0] * shape.window[1]
    inputs, outputs = shape.channels // shape.groups, shape.features // shape.groups
    match stage:
        case "FF":
            return positions, inputs * places, outputs
        case "BP":
            return positions, outputs * places, inputs
        case "WU":
            return outputs, positions, inputs * places


def training_step(
    layers: Sequence[TrainedLayer], machine: Machine, pattern: NM, techniques: Techniques = ALL
) -> TrainingStep:
    """The time of a step.

    Args:
        layers: The products, see :func:`trained_layers`; the first one needs no BP.
        machine: The machine.
        pattern: N:M of sparse weights.
        techniques: What makes it faster.
    """
    stages = tuple(
        _stage(layer, stage, machine, pattern, techniques)
        for number, layer in enumerate(layers)
        for stage in STAGES
        if number or stage != "BP"
    )
    update = sum(_update(layer, machine, pattern, techniques) for layer in layers)
    return TrainingStep(stages, update, machine.clock_hz)


def speed_up(
    layers: Sequence[TrainedLayer], machine: Machine, pattern: NM, techniques: Techniques = ALL
) -> float:
    """Time of a dense step over that of a sparse one, all else alike."""
    dense = training_step(layers, machine, pattern, replace(techniques, sparse=frozenset()))
    return dense.cycles / training_step(layers, machine, pattern, techniques).cycles


def bound(pattern: NM) -> float:
    """The largest speed-up of BDWP: 3 stages over two of which N of M products are left.

    >>> bound(NM(2, 8))
    2.0
    """
    return 3 / (1 + 2 * pattern.kept / pattern.group)


def _stage(
    layer: TrainedLayer, stage: Stage, machine: Machine, pattern: NM, techniques: Techniques
) -> StageTime:
    sparse = layer.sparse and stage in techniques.sparse and stage != "WU"
    turns = machine.adder_cycles if techniques.interleaved else 1
    element = Element(
        pattern.kept, pattern.group, adder_cycles=machine.adder_cycles, interleaved=turns
    )
    sizes = product_of(layer.shape, stage)
    choices: tuple[Stationary, ...] = ("output", "weight") if techniques.scheduled else ("output",)
    counted = {
        choice: layer.shape.groups
        * nm_product(*sizes, machine.array, element, choice, dense=not sparse)
        for choice in choices
    }
    stationary = min(counted, key=lambda choice: counted[choice])
    cycles = counted[stationary]
    ready = techniques.pregenerated
    moved = _moved(layer, stage, pattern if sparse and ready else None)
    pruning = 0 if not sparse or ready else -(-layer.weights // machine.sorters)
    total = pruning + max(cycles, ceil(moved / machine.bytes_per_cycle))
    return StageTime(layer.name, stage, stationary, cycles, moved, pruning, total)


def _moved(layer: TrainedLayer, stage: Stage, pattern: NM | None) -> int:
    """Bytes that a stage reads and writes; windows that overlap are read once."""
    shape = layer.shape
    places = shape.batch * shape.output[0] * shape.output[1]
    elements = places * (shape.channels + shape.features)
    if not layer.weights:  # the other operand is an activation, too
        rows, depth, features = product_of(shape, stage)
        return shape.groups * (rows * depth + depth * features + rows * features) * _BYTES
    return elements * _BYTES + _stored_bytes(layer.weights, pattern)


_BYTES = VALUES.bits // 8


def _stored_bytes(weights: int, pattern: NM | None) -> int:
    pattern = None if pattern is None else replace(pattern, axis=0)
    return stored(Format(VALUES, pattern=pattern), (weights,)).num_bytes


def _update(layer: TrainedLayer, machine: Machine, pattern: NM, techniques: Techniques) -> int:
    """Cycles of the update of a layer's weights, and of pruning them on their way out."""
    if not layer.weights:
        return 0
    cycles = -(-layer.weights // machine.updaters)
    # gradient; weight and momentum in and out
    moved = layer.weights * (_BYTES + 4 * MASTER_BYTES)
    sparse = len(techniques.sparse) if layer.sparse and techniques.pregenerated else 0
    moved += sparse * _stored_bytes(layer.weights, pattern)
    if sparse < 2:
        moved += _stored_bytes(layer.weights, None)
    cycles = max(cycles, sparse * -(-layer.weights // machine.sorters))
    return max(cycles, ceil(moved / machine.bytes_per_cycle))
