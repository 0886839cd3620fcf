"""What follows a sum, element by element, as one rescaling; and when two steps are one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.formats import Rounding
from netwright.ir import Graph, Node
from netwright.ir.ops.limit import intervals, wraps
from netwright.ir.ops.quant import rounding_of
from netwright.ir.rounding import round_shift

Exact = NDArray[Any]
"""Python's integers, which do not overflow."""


@dataclass(frozen=True, eq=False)
class Chain:
    """``clamp((multiplier * sum + offset) / 2**shift, rounded) - zero_point`` of every element.

    Attributes:
        multiplier: Of every element, in the order in which they are stored; or one for all.
        offset: Likewise.
        shift: Bits that are dropped.
        rounding: How they are rounded.
        low: Smallest result before the zero point; ``None`` for no limit.
        high: Largest result; ``None`` for no limit.
        zero_point: What is subtracted at the end.
    """

    multiplier: Exact
    offset: Exact
    shift: int = 0
    rounding: Rounding = Rounding.FLOOR
    low: int | None = None
    high: int | None = None
    zero_point: int = 0

    @classmethod
    def nothing(cls) -> Chain:
        """A sum as it is."""
        return cls(exact(1), exact(0))

    @property
    def is_affine(self) -> bool:
        """Whether it only multiplies and adds."""
        limited = self.low is not None or self.high is not None
        return self.shift == 0 and not limited and self.zero_point == 0

    def followed_by(
        self, node: Node, graph: Graph, order: NDArray[np.int64], reach: tuple[int, int]
    ) -> Chain | None:
        """This and what an element-by-element node does; ``None`` where that is no one step.

        Args:
            node: A ``Requantize``, ``Relu`` or ``Limit``.
            graph: Its graph.
            order: Which element, in row-major order, is stored in every place.
            reach: Smallest and largest value that the node reads; limits beyond are none.
        """
        match node.op:
            case "Relu":
                return self if reach[0] >= 0 else self.limited(0, None)
            case "Limit":
                found = intervals(node)
                if wraps(node) or len(found) > 1:
                    return None
                return self.limited(*_binding(*found[0], reach))
        shape = graph.types[node.inputs[0]].shape
        factor, addend = (_stored(node, name, shape, order) for name in ("multiplier", "offset"))
        shift, rounding = node.integer("shift"), rounding_of(node)
        least, most = node.integer("low"), node.integer("high")
        zero_point = node.integer("zero_point", 0)
        if self.shift or self.zero_point:
            return None
        low, high = self.low, self.high
        if low is not None or high is not None:
            if np.any(factor <= 0) or len(set(factor.flat)) > 1 or len(set(addend.flat)) > 1:
                return None
            low, high = (
                None
                if end is None
                else int(_rounded(end * factor.flat[0] + addend.flat[0], shift, rounding))
                for end in (low, high)
            )
        made = Chain(
            self.multiplier * factor, self.offset * factor + addend, shift, rounding, low, high
        )
        ends = [end * factor + addend for end in reach]
        span = min(int(end.min()) for end in ends), max(int(end.max()) for end in ends)
        reached = span[0] >> shift, -(-span[1] >> shift)
        return replace(made.limited(*_binding(least, most, reached)), zero_point=zero_point)

    def limited(self, low: int | None, high: int | None) -> Chain:
        """The same with results limited to an interval behind it."""
        least = None if low is None else low + self.zero_point
        most = None if high is None else high + self.zero_point
        return replace(
            self,
            low=_limited(self.low, least, most, unlimited=least),
            high=_limited(self.high, least, most, unlimited=most),
        )


def exact(value: int) -> Exact:
    """One integer as an array."""
    return np.array([value], dtype=object)


def _binding(low: int, high: int, reach: tuple[int, int]) -> tuple[int | None, int | None]:
    """The limits that values of `reach` can exceed; ``None`` for the others."""
    return low if reach[0] < low else None, high if reach[1] > high else None


def _limited(
    end: int | None, low: int | None, high: int | None, *, unlimited: int | None
) -> int | None:
    if end is None:
        return unlimited
    end = end if low is None else max(end, low)
    return end if high is None else min(end, high)


def _rounded(value: int, shift: int, rounding: Rounding) -> int:
    return int(round_shift(np.array([value], dtype=object), shift, rounding)[0])


def _stored(node: Node, name: str, shape: tuple[int, ...], order: NDArray[np.int64]) -> Exact:
    """An attribute of a node for every stored element, or one value for all."""
    values = node.integers(name)
    if len(values) == 1:
        return exact(values[0])
    axis = node.axis()
    assert axis is not None
    line = np.array(values, dtype=object).reshape(
        [-1 if i == axis else 1 for i in range(len(shape))]
    )
    return np.broadcast_to(line, shape).reshape(-1)[order]
