"""Softmax, normalizations and attention as cascades: what builders and importers put together.

Every function takes accesses, so that the caller chooses the ranks: heads may be an axis of their
own or packed into the features (``H * 64 + E``), groups of channels as well. The last Einsum has
the name that is given and writes the output; those before it are called ``name.part`` and write
tensors ``name.part.out`` with one axis a rank.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod

from netwright.ir.einsums.einsum import Access, Affine, Einsum, MapOp, Rank, ReduceOp
from netwright.ir.einsums.functions import UnaryOp


def softmax(
    name: str, source: Access, output: Access, ranks: Sequence[Rank], over: Collection[str]
) -> list[Einsum]:
    """``exp(x - max) / sum``: the stable form, which goes over its input three times.

    Args:
        name: Of the last Einsum.
        source: Logits.
        output: Result.
        ranks: All ranks of the source.
        over: Names of the ranks whose values sum to 1.
    """
    cascade = _Cascade(name, ranks, over)
    largest = cascade.reduced("max", "copy", (source,), reduce_op="max")
    powers = cascade.every("exp", "subtract", (source, largest), unary=("exp",))
    total = cascade.reduced("sum", "copy", (powers,), reduce_op="add")
    return cascade.finish(output, "divide", (powers, total))


def log_softmax(
    name: str, source: Access, output: Access, ranks: Sequence[Rank], over: Collection[str]
) -> list[Einsum]:
    """``x - max - log(sum)``; arguments as for :func:`softmax`."""
    cascade = _Cascade(name, ranks, over)
    largest = cascade.reduced("max", "copy", (source,), reduce_op="max")
    powers = cascade.every("exp", "subtract", (source, largest), unary=("exp",))
    total = cascade.reduced("sum", "copy", (powers,), reduce_op="add")
    logarithm = cascade.kept("log", "copy", (total,), unary=("log",))
    return cascade.finish(output, "subtract", (source, largest, logarithm))


def layer_norm(
    name: str,
    source: Access,
    output: Access,
    ranks: Sequence[Rank],
    over: Collection[str],
    *,
    scale: Access | None = None,
    bias: Access | None = None,
    epsilon: float = 1e-5,
) -> list[Einsum]:
    """``(x - mean) / sqrt(variance + epsilon) * scale + bias`` over some ranks.

    With ranks of extents and of channels in groups it is instance and group normalization.

    Args:
        name: Of the last Einsum.
        source: Data.
        output: Result.
        ranks: All ranks of the source.
        over: Names of the ranks that are normalized.
        scale: Factors; none stands for 1.
        bias: Terms; none stands for 0.
        epsilon: Added to the variance.
    """
    cascade = _Cascade(name, ranks, over)
    number = (float(cascade.num_reduced),)
    total = cascade.reduced("sum", "copy", (source,), reduce_op="add")
    mean = cascade.kept("mean", "divide", (total,), constants=number)
    centered = cascade.every("center", "subtract", (source, mean))
    squares = cascade.reduced("squares", "copy", (centered,), unary=("square",), reduce_op="add")
    variance = cascade.kept("variance", "divide", (squares,), constants=number)
    factor = cascade.kept(
        "factor", "add", (variance,), unary=("sqrt", "reciprocal"), constants=(epsilon,)
    )
    factors = (centered, factor) if scale is None else (centered, factor, scale)
    if bias is None:
        return cascade.finish(output, "multiply", factors)
    return cascade.finish(output, "add", (cascade.every("scaled", "multiply", factors), bias))


def rms_norm(
    name: str,
    source: Access,
    output: Access,
    ranks: Sequence[Rank],
    over: Collection[str],
    *,
    scale: Access | None = None,
    epsilon: float = 1e-6,
) -> list[Einsum]:
    """``x / sqrt(mean of squares + epsilon) * scale``; arguments as for :func:`layer_norm`."""
    cascade = _Cascade(name, ranks, over)
    number = (float(cascade.num_reduced),)
    squares = cascade.reduced("squares", "copy", (source,), unary=("square",), reduce_op="add")
    mean = cascade.kept("mean", "divide", (squares,), constants=number)
    factor = cascade.kept(
        "factor", "add", (mean,), unary=("sqrt", "reciprocal"), constants=(epsilon,)
    )
    factors = (source, factor) if scale is None else (source, factor, scale)
    return cascade.finish(output, "multiply", factors)


def attention(
    name: str,
    queries: Access,
    keys: Access,
    values: Access,
    output: Access,
    ranks: Sequence[Rank],
    *,
    mask: Access | None = None,
    scale: float | None = None,
) -> list[Einsum]:
    """Scores, their softmax over the keys and the weighted sum of the values.

    Ranks that queries and keys share and the output lacks are summed in the scores; ranks that keys
    and values share and the output lacks are the keys. Self, cross and cached attention differ only
    in the tensors; heads that share keys are two ranks in the queries (``H * groups + G``) of which
    the keys carry one.

    Args:
        name: Of the last Einsum.
        queries: For instance over B, H, P, E.
        keys: For instance over B, H, M, E.
        values: For instance over B, H, M, F.
        output: For instance over B, H, P, F.
        ranks: All of them.
        mask: Added to the scores: 0 where a key is seen, -inf where not.
        scale: Factor of the scores; none where the queries contain it.
    """
    asks, looks, holds, makes = (_ranks_of(a) for a in (queries, keys, values, output))
    summed = (asks & looks) - makes
    over = (looks & holds) - makes
    grid = [rank for rank in ranks if rank.name in (asks | looks) - summed]
    seen = [rank for rank in ranks if rank.name in asks | looks]
    scores = _Cascade(f"{name}.softmax", grid, over)
    head = _Cascade(name, seen, summed)
    source = head.reduced("scores", "multiply", (queries, keys), reduce_op="add")
    if scale is not None:
        source = head.kept("scaled", "multiply", (source,), constants=(scale,))
    if mask is not None:
        source = head.kept("masked", "add", (source, mask))
    weights = _plain_access(f"{name}.softmax.out", grid)
    steps = [*head.einsums, *softmax(scores.name, source, weights, grid, over)]
    last = _Cascade(name, [rank for rank in ranks if rank.name not in summed], ())
    return [*steps, *last.finish(output, "multiply", (weights, values), reduce_op="add")]


def _ranks_of(access: Access) -> set[str]:
    return {rank for axis in access.index for rank, _ in axis.terms}


def _plain_access(tensor: str, ranks: Sequence[Rank]) -> Access:
    """One axis a rank; a single element has one axis without ranks."""
    index = tuple(Affine(((rank.name, 1),)) for rank in ranks)
    return Access(tensor, index or (Affine(()),))


class _Cascade:
    """Einsums over the same ranks, some of which are reduced on the way."""

    def __init__(self, name: str, ranks: Sequence[Rank], over: Collection[str]) -> None:
        self.name = name
        self.ranks = tuple(ranks)
        self.rest = tuple(rank for rank in ranks if rank.name not in over)
        self.num_reduced = prod(rank.extent for rank in ranks if rank.name in over)
        self.einsums: list[Einsum] = []

    def every(
        self,
        part: str,
        map_op: MapOp,
        inputs: tuple[Access, ...],
        *,
        unary: tuple[UnaryOp, ...] = (),
    ) -> Access:
        """A value for each point of all ranks."""
        return self._add(part, self.ranks, self.ranks, map_op, inputs, unary=unary)

    def reduced(
        self,
        part: str,
        map_op: MapOp,
        inputs: tuple[Access, ...],
        *,
        reduce_op: ReduceOp,
        unary: tuple[UnaryOp, ...] = (),
    ) -> Access:
        """A value for each point of the ranks that are kept, over those that are reduced."""
        return self._add(
            part, self.ranks, self.rest, map_op, inputs, unary=unary, reduce_op=reduce_op
        )

    def kept(
        self,
        part: str,
        map_op: MapOp,
        inputs: tuple[Access, ...],
        *,
        unary: tuple[UnaryOp, ...] = (),
        constants: tuple[float, ...] = (),
    ) -> Access:
        """A value for each point of the ranks that are kept."""
        return self._add(
            part, self.rest, self.rest, map_op, inputs, unary=unary, constants=constants
        )

    def finish(
        self,
        output: Access,
        map_op: MapOp,
        inputs: tuple[Access, ...],
        *,
        reduce_op: ReduceOp = "none",
    ) -> list[Einsum]:
        """All Einsums, with the last one, which writes the output."""
        last = Einsum(
            self.name, self.ranks, output, inputs, map_op, reduce_op=reduce_op, origin=self.name
        )
        return [*self.einsums, last]

    def _add(
        self,
        part: str,
        ranks: tuple[Rank, ...],
        made: tuple[Rank, ...],
        map_op: MapOp,
        inputs: tuple[Access, ...],
        *,
        unary: tuple[UnaryOp, ...] = (),
        reduce_op: ReduceOp = "none",
        constants: tuple[float, ...] = (),
    ) -> Access:
        name = f"{self.name}.{part}"
        output = _plain_access(f"{name}.out", made)
        self.einsums.append(
            Einsum(
                name, ranks, output, inputs, map_op, unary, reduce_op, constants=constants,
                origin=self.name,
            )
        )  # fmt: skip
        return output
