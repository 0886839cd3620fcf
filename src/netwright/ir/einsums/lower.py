"""Operators to Einsums: the iteration spaces that importers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from netwright.ir.einsums.blocks import log_softmax, softmax
from netwright.ir.einsums.einsum import Access, Affine, Einsum, MapOp, Rank, ReduceOp
from netwright.ir.einsums.functions import UnaryOp
from netwright.ir.graph import Node

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor, or a view of one, as an operator sees it.

    Attributes:
        tensor: Its name.
        shape: Its extents.
    """

    tensor: str
    shape: Shape

    def at(self, *index: Affine) -> Access:
        """Read at these indices, one an axis."""
        return Access(self.tensor, tuple(index))

    def whole(self) -> Access:
        """Read everything in every point."""
        return Access(self.tensor, (Affine(()),) * len(self.shape))

    def along(self, output: Operand) -> Access:
        """Read at the place of :func:`pointwise` results; smaller operands are broadcast."""
        return _broadcast(self, [f"B{i}" for i in range(len(output.shape))])


Lowering = Callable[[Node, Sequence[Operand], Operand], list[Einsum]]
"""From an operator's node, what it reads and what it makes, to its Einsums."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Sliding windows, one entry an axis.

    Attributes:
        taps: Extents of a window.
        strides: Steps between windows.
        pads: Elements added before the first.
        dilations: Steps between the elements of a window.
    """

    taps: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]

    @classmethod
    def of(cls, node: Node, taps: tuple[int, ...]) -> Windows:
        """The windows of a node with ``strides``, ``pads`` and, perhaps, ``dilations``."""
        dilations = node.integers("dilations") if "dilations" in node.attrs else (1,) * len(taps)
        return cls(taps, node.integers("strides"), node.integers("pads")[: len(taps)], dilations)

    def rows(self) -> tuple[Affine, ...]:
        """Index of each sliding axis, over ranks ``P`` (windows) and ``R`` (their elements)."""
        return tuple(
            Affine(((f"P{i}", stride), (f"R{i}", dilation)), -pad)
            for i, (stride, dilation, pad) in enumerate(
                zip(self.strides, self.dilations, self.pads, strict=True)
            )
        )

    def ranks(self, made: Sequence[int]) -> list[Rank]:
        """Ranks ``P`` with the extents of the output, then ranks ``R``."""
        windows = [Rank(f"P{i}", extent) for i, extent in enumerate(made)]
        return [*windows, *(Rank(f"R{i}", tap) for i, tap in enumerate(self.taps))]


def plain(rank: str) -> Affine:
    """The index that is one rank."""
    return Affine(((rank, 1),))


def convolution(
    name: str,
    source: Operand,
    weight: Operand,
    output: Operand,
    windows: Windows,
    *,
    groups: int = 1,
    bias: Operand | None = None,
) -> list[Einsum]:
    """A convolution: weights ``(filters, channels / groups, *taps)``, data channels first.

    Args:
        name: Of the Einsum.
        source: Data, ``(batch, channels, *extents)``.
        weight: Weights.
        output: Result, ``(batch, filters, *extents)``.
        windows: How it slides.
        groups: Number of groups; depthwise if it equals the channels.
        bias: Vector with an entry a filter, added in a step of its own.
    """
    filters, depth = weight.shape[:2]
    axes = range(len(windows.taps))
    ranks = [Rank("N", output.shape[0]), Rank("G", groups), Rank("M", filters // groups)]
    ranks += [Rank("C", depth), *windows.ranks(output.shape[2:])]
    channel = Affine((("G", filters // groups), ("M", 1)))
    reads = source.at(plain("N"), Affine((("G", depth), ("C", 1))), *windows.rows())
    kernels = weight.at(channel, plain("C"), *(plain(f"R{i}") for i in axes))
    writes = Access(output.tensor, (plain("N"), channel, *(plain(f"P{i}") for i in axes)))
    step = Einsum(name, tuple(ranks), writes, (reads, kernels), "multiply", (), "add", origin=name)
    return plus_bias(step, output, bias, axis=1)


def transposed_convolution(
    name: str,
    source: Operand,
    weight: Operand,
    output: Operand,
    windows: Windows,
    *,
    groups: int = 1,
    bias: Operand | None = None,
) -> list[Einsum]:
    """A transposed convolution: every element of the input meets every tap once.

    Each product is added to the element of the output on which it falls; what falls on the border
    that is cut off counts too.

    Args:
        name: Of the Einsum.
        source: Data, ``(batch, channels, *extents)``.
        weight: Weights ``(channels, filters / groups, *taps)``.
        output: Result, ``(batch, filters, *extents)``.
        windows: Where the taps of an element of the input fall.
        groups: Number of groups.
        bias: Vector with an entry a filter, added in a step of its own.
    """
    inputs, filters = weight.shape[:2]
    axes = range(len(windows.taps))
    ranks = [Rank("N", source.shape[0]), Rank("G", groups), Rank("M", filters)]
    ranks += [Rank("C", inputs // groups), *windows.ranks(source.shape[2:])]
    channel = Affine((("G", inputs // groups), ("C", 1)))
    filled = Affine((("G", filters), ("M", 1)))
    reads = source.at(plain("N"), channel, *(plain(f"P{i}") for i in axes))
    kernels = weight.at(channel, plain("M"), *(plain(f"R{i}") for i in axes))
    writes = Access(output.tensor, (plain("N"), filled, *windows.rows()))
    step = Einsum(name, tuple(ranks), writes, (reads, kernels), "multiply", (), "add", origin=name)
    return plus_bias(step, output, bias, axis=1)


def repeated(name: str, source: Operand, output: Operand, factors: Sequence[int]) -> Einsum:
    """Every element behind the channels as often as the factors say, along each axis."""
    axes = range(len(factors))
    ranks = [Rank("N", source.shape[0]), Rank("C", source.shape[1])]
    ranks += [Rank(f"P{i}", source.shape[2 + i]) for i in axes]
    ranks += [Rank(f"R{i}", factors[i]) for i in axes]
    reads = source.at(plain("N"), plain("C"), *(plain(f"P{i}") for i in axes))
    places = (Affine(((f"P{i}", factors[i]), (f"R{i}", 1))) for i in axes)
    made = Access(output.tensor, (plain("N"), plain("C"), *places))
    return Einsum(name, tuple(ranks), made, (reads,), "copy", (), "none", origin=name)


def part(name: str, source: Operand, output: Operand, axis: int, start: int, step: int) -> Einsum:
    """Every `step`-th element along an axis, from `start` on."""
    ranks = tuple(Rank(f"B{i}", extent) for i, extent in enumerate(output.shape))
    reads = [plain(rank.name) for rank in ranks]
    reads[axis] = Affine(((ranks[axis].name, step),), start)
    made = output.at(*(plain(rank.name) for rank in ranks))
    return Einsum(name, ranks, made, (source.at(*reads),), "copy", (), "none", origin=name)


def plus_bias(
    step: Einsum, output: Operand, bias: Operand | None, *, axis: int | None = None
) -> list[Einsum]:
    """A step and the addition of a bias to its result, which works in place once it is fused.

    Args:
        step: Makes `output`, or what the bias is added to.
        output: Result.
        bias: Broadcast to the result; nothing is added without it.
        axis: The axis of the result that a vector goes along; the last one if not given.
    """
    if bias is None:
        return [step]
    made = replace(step, output=Access(f"{step.name}.out", step.output.index))
    source = Operand(made.output.tensor, output.shape)
    last = pointwise(f"{step.name}.bias", [source, bias], output, "add")
    if axis is not None and len(bias.shape) == 1:
        last = replace(last, inputs=(last.inputs[0], bias.at(plain(f"B{axis}"))))
    return [made, replace(last, origin=step.origin)]


def product(
    name: str,
    left: Operand,
    right: Operand,
    output: Operand,
    *,
    flips: tuple[bool, bool] = (False, False),
    bias: Operand | None = None,
) -> list[Einsum]:
    """A matrix product over the last two axes; those before are broadcast.

    Args:
        name: Of the Einsum.
        left: ``(..., rows, depth)``, or a vector.
        right: ``(..., depth, columns)``, or a vector.
        output: ``(..., rows, columns)``, without the axes that vectors lack.
        flips: Whether each side comes transposed.
        bias: Broadcast to the output and added in a step of its own.
    """
    has_rows, has_columns = len(left.shape) > 1, len(right.shape) > 1
    depth = left.shape[-2 if flips[0] and has_rows else -1]
    matrix = [*(["M"] if has_rows else []), *(["N"] if has_columns else [])]
    names = [*(f"B{i}" for i in range(len(output.shape) - len(matrix))), *matrix]
    ranks = [Rank(rank, extent) for rank, extent in zip(names, output.shape, strict=True)]
    sides = []
    for side, own, flipped in ((left, "MK", flips[0]), (right, "KN", flips[1])):
        axes = ["K"] if len(side.shape) == 1 else list(own[::-1] if flipped else own)
        batch = names[: len(names) - len(matrix)]
        batch = batch[len(batch) - max(len(side.shape) - 2, 0) :]
        index = [_shared(rank, extent) for rank, extent in zip(batch, side.shape, strict=False)]
        sides.append(side.at(*index, *map(plain, axes)))
    writes = Access(output.tensor, tuple(map(plain, names)))
    ranks.append(Rank("K", depth))
    step = Einsum(name, tuple(ranks), writes, tuple(sides), "multiply", (), "add", origin=name)
    return plus_bias(step, output, bias)


def pooling(
    name: str, source: Operand, output: Operand, windows: Windows, *, reduce_op: ReduceOp = "max"
) -> Einsum:
    """A maximum or a sum over sliding windows of each channel."""
    ranks = [Rank("N", output.shape[0]), Rank("C", output.shape[1])]
    ranks += windows.ranks(output.shape[2:])
    axes = range(len(windows.taps))
    reads = source.at(plain("N"), plain("C"), *windows.rows())
    writes = (plain("N"), plain("C"), *(plain(f"P{i}") for i in axes))
    made = Access(output.tensor, writes)
    return Einsum(name, tuple(ranks), made, (reads,), "copy", (), reduce_op, origin=name)


def reduction(
    name: str,
    source: Operand,
    output: Operand,
    axes: Sequence[int],
    *,
    unary: tuple[UnaryOp, ...] = (),
    reduce_op: ReduceOp = "add",
    mean: bool = False,
) -> Einsum:
    """A maximum, a sum or a mean over whole axes, which have extent 1 in the output or are gone."""
    names = [f"{'R' if i in axes else 'B'}{i}" for i in range(len(source.shape))]
    ranks = [Rank(rank, extent) for rank, extent in zip(names, source.shape, strict=True)]
    kept = [plain(rank) for rank in names if rank.startswith("B")]
    if len(output.shape) == len(names):
        kept = [plain(rank) if rank.startswith("B") else Affine(()) for rank in names]
    if len(kept) != len(output.shape):  # a scalar is stored with one axis
        kept = [Affine(())] * len(output.shape)
    made, reads = Access(output.tensor, tuple(kept)), source.at(*map(plain, names))
    step = Einsum(name, tuple(ranks), made, (reads,), "copy", unary, reduce_op, origin=name)
    return averaged(step, prod(source.shape[i] for i in axes)) if mean else step


def averaged(step: Einsum, number: int) -> Einsum:
    """A sum of so many values as their mean."""
    return replace(step, map_op="multiply", constants=(1 / number,))


def pointwise(
    name: str,
    sources: Sequence[Operand],
    output: Operand,
    map_op: MapOp,
    *,
    unary: tuple[UnaryOp, ...] = (),
    constants: tuple[float, ...] = (),
) -> Einsum:
    """One result for each element; smaller sources are broadcast."""
    names = [f"B{i}" for i in range(len(output.shape))]
    ranks = tuple(Rank(rank, extent) for rank, extent in zip(names, output.shape, strict=True))
    inputs = tuple(_broadcast(source, names) for source in sources)
    made = Access(output.tensor, tuple(map(plain, names)))
    return Einsum(name, ranks, made, inputs, map_op, unary, constants=constants, origin=name)


def rescaled(
    name: str, source: Operand, output: Operand, scale: Operand, bias: Operand | None
) -> list[Einsum]:
    """Batch normalization with folded statistics: a factor and a term for each channel."""
    step = pointwise(name, [source], output, "multiply")
    step = replace(step, inputs=(*step.inputs, scale.at(plain("B1"))))
    return plus_bias(step, output, bias, axis=1)


def softmax_over(
    name: str, source: Operand, output: Operand, axes: Sequence[int], *, logarithm: bool = False
) -> list[Einsum]:
    """Softmax, or its logarithm, over some axes."""
    names = [f"B{i}" for i in range(len(source.shape))]
    ranks = [Rank(rank, extent) for rank, extent in zip(names, source.shape, strict=True)]
    index = tuple(map(plain, names))
    make = log_softmax if logarithm else softmax
    return make(name, source.at(*index), output.at(*index), ranks, [names[i] for i in axes])


def looked_up(
    name: str, table: Operand, places: Operand, output: Operand, *, axis: int = 0
) -> Einsum:
    """Rows of a table along one axis, at places that are data; as many are read as are places.

    The index of the table stands for that many different rows, whichever they are.
    """
    names = [f"B{i}" for i in range(len(output.shape))]
    ranks = tuple(Rank(rank, extent) for rank, extent in zip(names, output.shape, strict=True))
    own = ranks[axis : axis + len(places.shape)]
    terms, step = [], 1
    for rank in reversed(own):  # the number of a place, in row-major order
        terms.append((rank.name, step))
        step *= rank.extent
    front, back = names[:axis], names[axis + len(own) :]
    rows = Affine(tuple(reversed(terms)))
    reads = table.at(*map(plain, front), rows, *map(plain, back))
    at = places.at(*(plain(rank.name) for rank in own))
    made = output.at(*map(plain, names))
    return Einsum(name, ranks, made, (reads, at), "lookup", origin=name)


def turned(name: str, source: Operand, tables: Sequence[Operand], output: Operand) -> Einsum:
    """Each pair of features turned by an angle of its position; the tables are read whole."""
    step = pointwise(name, [source], output, "multiply", unary=("function",))
    return replace(step, inputs=(source.along(output), *(table.whole() for table in tables)))


def opaque(
    name: str, sources: Sequence[Operand], output: Operand, map_op: MapOp = "opaque"
) -> Einsum:
    """An operator that is not affine in one iteration space: it reads its sources whole."""
    names = [f"B{i}" for i in range(len(output.shape))]
    ranks = tuple(Rank(rank, extent) for rank, extent in zip(names, output.shape, strict=True))
    inputs = tuple(source.whole() for source in sources)
    made = Access(output.tensor, tuple(map(plain, names)))
    return Einsum(name, ranks, made, inputs, map_op, origin=name)


def every(map_op: MapOp, *unary: UnaryOp) -> Lowering:
    """What makes one Einsum of an operator that works element by element; see :func:`pointwise`."""
    return lambda node, sources, output: [
        pointwise(node.name, sources, output, map_op, unary=unary)
    ]


def whole(map_op: MapOp = "opaque") -> Lowering:
    """What makes one Einsum of an operator that reads its sources whole; see :func:`opaque`."""
    return lambda node, sources, output: [opaque(node.name, sources, output, map_op)]


def extents_made(einsum: Einsum) -> Shape:
    """Extents of an output whose indices are plain ranks, which nobody else has stated."""
    extent_of = {rank.name: rank.extent for rank in einsum.ranks}
    return tuple(prod(extent_of[rank] for rank, _ in axis.terms) for axis in einsum.output.index)


def _shared(rank: str, extent: int) -> Affine:
    return plain(rank) if extent > 1 else Affine(())


def _broadcast(source: Operand, names: Sequence[str]) -> Access:
    """An operand whose axes are the last ones of `names`, ones standing for any extent."""
    if len(source.shape) > len(names):  # only ones can be left over
        return source.whole()
    own = names[len(names) - len(source.shape) :]
    return source.at(*(_shared(rank, e) for rank, e in zip(own, source.shape, strict=True)))
