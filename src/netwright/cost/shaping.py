"""Layer shaping: wider groups where a depthwise layer leaves an array empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netwright.cost.systolic import Dataflow, GroupRule, Occupancy, Shape, shape_of, systolic
from netwright.errors import Infeasible
from netwright.mapping.operation import is_operation, operation
from netwright.workload import Workload


@dataclass(frozen=True, slots=True)
class Shaped:
    """Group sizes chosen for the depthwise layers of a network.

    Attributes:
        group_sizes: Channels of a group, one for each depthwise layer, in order.
        shapes: All layers, shaped.
        occupancies: How each fills the array.
    """

    group_sizes: tuple[int, ...]
    shapes: tuple[Shape, ...]
    occupancies: tuple[Occupancy, ...]

    @property
    def cycles(self) -> int:
        """Cycles of all layers, one after the other."""
        return sum(part.cycles for part in self.occupancies)

    @property
    def num_macs(self) -> int:
        """Multiply-accumulates of all layers."""
        return sum(part.num_macs for part in self.occupancies)


def convolutions(workload: Workload) -> tuple[Shape, ...]:
    """The convolutions of a network, in order; dense layers are left out."""
    return tuple(
        shape_of(operation(workload, einsum))
        for einsum in workload.einsums
        if is_operation(einsum) and len(workload.by_name[einsum.output.tensor].shape) > 2
        and len(workload.by_name[einsum.inputs[1].tensor].shape) > 2
    )  # fmt: skip


def regroup(shape: Shape, group_size: int) -> Shape:
    """A depthwise convolution with wider groups: `group_size` channels each, or all of them."""
    size = min(group_size, shape.channels)
    groups = shape.channels // size
    return Shape(shape.channels, shape.features, shape.window, shape.output, groups, shape.batch)


def is_depthwise(shape: Shape) -> bool:
    """Whether every channel is convolved for itself."""
    return shape.groups > 1 and shape.groups == shape.channels == shape.features


def shape_layers(
    shapes: Sequence[Shape],
    array: tuple[int, int],
    *,
    dataflow: Dataflow = "row",
    rule: GroupRule = "one-group",
    max_macs: int | None = None,
) -> Shaped:
    """Group sizes of all depthwise layers with the fewest cycles, within a budget of work.

    More channels in a group mean more work that fits the array better, so each layer has its own
    best size. With a budget the sizes are chosen together: exactly, by dynamic programming over the
    fronts of cycles against work.

    Args:
        shapes: Layers of a network.
        array: Rows and columns of elements.
        dataflow: What stays in the elements.
        rule: Whether copies may work on different groups at once.
        max_macs: Most multiply-accumulates of all layers; no limit if not given.

    Raises:
        Infeasible: Even the network as it is does more.
    """
    front: list[tuple[int, int, tuple[Shape, ...]]] = [(0, 0, ())]
    for shape in shapes:
        options = list(_options(shape, array, dataflow, rule))
        grown = [
            (macs + more, cycles + longer, (*chosen, option))
            for macs, cycles, chosen in front
            for option, more, longer in options
        ]
        front = _front(grown)
    least = min(macs for macs, _, _ in front)
    if max_macs is not None and least > max_macs:
        raise Infeasible(
            f"the network does {least} multiply-accumulates as it is, the budget is {max_macs}",
            smallest=least,
            hint=f"at least {least} would do",
        )
    fitting = [entry for entry in front if max_macs is None or entry[0] <= max_macs]
    _, _, chosen = min(fitting, key=lambda entry: (entry[1], entry[0]))
    sizes = tuple(
        new.channels // new.groups
        for old, new in zip(shapes, chosen, strict=True)
        if is_depthwise(old)
    )
    parts = tuple(systolic(shape, array, dataflow, rule=rule) for shape in chosen)
    return Shaped(sizes, chosen, parts)


def _options(
    shape: Shape, array: tuple[int, int], dataflow: Dataflow, rule: GroupRule
) -> Iterator[tuple[Shape, int, int]]:
    sizes = [1]
    if is_depthwise(shape):
        sizes = [size for size in range(1, shape.channels + 1) if shape.channels % size == 0]
    for size in sizes:
        option = regroup(shape, size) if is_depthwise(shape) else shape
        part = systolic(option, array, dataflow, rule=rule)
        yield option, part.num_macs, part.cycles


def _front(
    entries: list[tuple[int, int, tuple[Shape, ...]]],
) -> list[tuple[int, int, tuple[Shape, ...]]]:
    kept: list[tuple[int, int, tuple[Shape, ...]]] = []
    for entry in sorted(entries, key=lambda e: (e[0], e[1])):
        if not kept or entry[1] < kept[-1][1]:
            kept.append(entry)
    return kept
