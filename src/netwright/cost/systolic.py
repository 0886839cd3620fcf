"""Systolic arrays in closed form: row, weight and output stationary, with fill and drain.

Row stationary is the utilization model of Eyeriss-like arrays: sets of filter rows by output rows
are replicated or folded onto the array (as in nn-dataflow, Gao et al. 2017, and its extension to
groups by Jha et al. 2020). Weight and output stationary follow a product of matrices through the
array as in SCALE-Sim (Samajdar et al. 2018), whose published forms number the last cycle from 0 and
so are one less. Memories are taken to be fast enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from netwright.arch import Compute
from netwright.errors import GraphError
from netwright.mapping.operation import Operation
from netwright.mapping.zeros import share_of, work_share

Dataflow = Literal["row", "weight", "output"]

GroupRule = Literal["one-group", "many-groups"]
"""Whether copies of a set may work on different groups at one time."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A grouped convolution, or a matrix product with windows of 1.

    Attributes:
        channels: Input channels of all groups.
        features: Output channels of all groups.
        window: Rows and columns of the filter.
        output: Rows and columns of the result.
        groups: Groups; as many as channels for depthwise convolutions.
        batch: Images.
        share: The share of the products that is done; the array skips the others along the sums.
    """

    channels: int
    features: int
    window: tuple[int, int]
    output: tuple[int, int]
    groups: int = 1
    batch: int = 1
    share: Fraction = Fraction(1)

    @property
    def num_macs(self) -> int:
        """Multiply-accumulates that are done."""
        (rows, columns), (height, width) = self.window, self.output
        depth = self.channels // self.groups
        products = self.batch * self.features * depth * rows * columns * height * width
        return share_of(products, self.share)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How an operation fills an array.

    Attributes:
        cycles: From the first to the last.
        num_macs: Multiply-accumulates done meanwhile.
        num_elements: Elements of the array.
        assumptions: What the model takes for granted.
    """

    cycles: int
    num_macs: int
    num_elements: int
    assumptions: tuple[str, ...] = ()

    @property
    def utilization(self) -> float:
        """Multiply-accumulates over those that all elements could have done."""
        return self.num_macs / (self.cycles * self.num_elements)


def shape_of(operation: Operation, unit: Compute | None = None) -> Shape:
    """The convolution that an operation is.

    Args:
        operation: A convolution or a product of matrices.
        unit: The elements of the array, if they skip zeros of patterns.

    Raises:
        GraphError: It has more than two sliding axes.
    """
    sizes: dict[str, int] = {}
    for rank, meant in operation.directions.items():
        if meant in sizes and meant not in ("N", "P", "Q"):
            raise GraphError(f"has two ranks of the kind {meant}", node=operation.name)
        sizes[meant] = sizes.get(meant, 1) * operation.extents[rank]
    groups = sizes.get("G", 1)
    return Shape(
        groups * sizes.get("C", 1), groups * sizes.get("M", 1),
        (sizes.get("R", 1), sizes.get("S", 1)), (sizes.get("P", 1), sizes.get("Q", 1)),
        groups, sizes.get("N", 1),
        work_share(operation.operands, unit) if unit is not None else Fraction(1),
    )  # fmt: skip


def row_stationary(
    shape: Shape, array: tuple[int, int], *, rule: GroupRule = "one-group"
) -> Occupancy:
    """Cycles of a row-stationary array.

    One set takes as many rows of elements as the filter and as many columns as the result has rows;
    each element slides a filter row along an image row. Sets are replicated over free rows and
    columns, or folded. Copies one above the other add input channels or make further output
    channels, whichever takes fewer passes; copies side by side make further output channels.

    Args:
        shape: The convolution.
        array: Rows and columns of elements.
        rule: With ``"one-group"`` there are no more copies than one group can use, which is what
            leaves arrays empty in depthwise layers. As published, passes are counted over all
            output channels together, so the last pass of a group may be shared with the next. With
            ``"many-groups"`` depthwise layers give each copy a channel of its own.

    Returns:
        Cycles, fill and drain left out.
    """
    height, width = array
    (rows, columns), (out_rows, out_columns) = shape.window, shape.output
    up, fold_up = (height // rows, 1) if rows <= height else (1, -(-rows // height))
    side, fold = (width // out_rows, 1) if out_rows <= width else (1, -(-out_rows // width))
    stacked = min(up, fold)
    fold, up = -(-fold // stacked), up // stacked
    unit = fold_up * columns * out_columns
    inputs = share_of(shape.channels // shape.groups, shape.share)
    outputs = shape.features // shape.groups
    if rule == "many-groups" and shape.groups > 1 and inputs == outputs == 1:
        passes = -(-shape.groups // min(up * side, shape.groups))
    else:
        passes = min(
            -(-inputs // min(added, inputs))
            * -(-shape.features // min(up // added * side, outputs))
            for added in range(1, up + 1)
            if up % added == 0
        )
    return Occupancy(
        unit * passes * shape.batch * fold, shape.num_macs, height * width,
        ("row stationary; operands always arrive in time", f"copies: {rule}"),
    )  # fmt: skip


def matrix_product(
    rows: int, depth: int, features: int, array: tuple[int, int], dataflow: Dataflow
) -> int:
    """Cycles of one product on a weight- or output-stationary array, fill and drain included.

    Args:
        rows: Rows of the left matrix, for a convolution the output positions.
        depth: Length of the sums.
        features: Columns of the right matrix.
        array: Rows and columns of elements.
        dataflow: ``"weight"`` or ``"output"``.

    Returns:
        Cycles from the first to the last, both counted. An operand reaches the far corner of the
        array `height + width - 2` cycles after the near one; weights are loaded row by row before.
        SCALE-Sim's published forms give one less for the whole product: the number of the last
        cycle, counted from 0. On an array of one element that is fewer cycles than operations.

    Example:
        >>> matrix_product(4, 4, 4, (4, 4), "output")
        10
    """
    height, width = array
    if dataflow == "weight":
        folds = -(-depth // height) * -(-features // width)
        return folds * (rows + 2 * height + width - 2)
    folds = -(-rows // height) * -(-features // width)
    return folds * (depth + height + width - 2)


def systolic(
    shape: Shape, array: tuple[int, int], dataflow: Dataflow, *, rule: GroupRule = "one-group"
) -> Occupancy:
    """Cycles of a convolution on a systolic array; groups run one after the other.

    Args:
        shape: The convolution.
        array: Rows and columns of elements.
        dataflow: What stays in the elements.
        rule: For row-stationary arrays; see :func:`row_stationary`.
    """
    if dataflow == "row":
        return row_stationary(shape, array, rule=rule)
    rows = shape.batch * shape.output[0] * shape.output[1]
    depth = share_of(
        shape.channels // shape.groups * shape.window[0] * shape.window[1], shape.share
    )
    cycles = shape.groups * matrix_product(
        rows, depth, shape.features // shape.groups, array, dataflow
    )
    return Occupancy(
        cycles, shape.num_macs, array[0] * array[1],
        (f"{dataflow} stationary; operands always arrive in time",
         "convolutions as matrix products, one group after the other"),
    )  # fmt: skip


def mean_utilization(parts: Sequence[Occupancy]) -> float:
    """Average of the operations' utilizations, each counting once, however long it takes."""
    return sum(part.utilization for part in parts) / len(parts)


def total_cycles(parts: Sequence[Occupancy]) -> int:
    """Cycles of operations one after the other."""
    return sum(part.cycles for part in parts)
