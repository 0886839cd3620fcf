"""Cycles of N:M sparse and dense products on an array that switches what stays in its elements.

An element multiplies once a cycle. It has a group of M inputs before it and picks the one that a
weight belongs to, so that a sparse group takes N cycles. The sums are added up in the element
(output stationary) or on the way down the column (weight stationary), as in
:func:`~netwright.cost.systolic.matrix_product`, whose forms are the ones here for adders of one
cycle. An adder of more cycles holds up sums that wait for themselves, unless an element works on
several of them in turn. The Verilog of :mod:`netwright.backends.rtl` takes these cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netwright.errors import ConfigError

Stationary = Literal["weight", "output"]
"""What stays in the elements during a tile."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element of the array.

    Attributes:
        kept: Weights that are kept of a group: N.
        group: Extent of a group: M.
        slots: Weights that it can hold, `kept` to `group`; `kept` unless given.
        adder_cycles: Cycles from an addition to the next one that needs its sum.
        interleaved: Sums that it can work on in turn.

    Raises:
        ConfigError: A value is not accepted.
    """

    kept: int
    group: int
    slots: int = 0
    adder_cycles: int = 1
    interleaved: int = 1

    def __post_init__(self) -> None:
        if not self.slots:
            object.__setattr__(self, "slots", self.kept)
        if not 0 < self.kept <= self.slots <= self.group:
            raise ConfigError(
                f"an element must hold from kept ({self.kept}, at least 1) to group ({self.group}) "
                f"weights, not {self.slots}"
            )
        if self.adder_cycles < 1 or self.interleaved < 1:
            raise ConfigError(
                f"adder_cycles and interleaved must be 1 or more, not {self.adder_cycles} and "
                f"{self.interleaved}"
            )

    def span(self, stationary: Stationary, *, dense: bool) -> tuple[int, int]:
        """Neighbors that an element takes together, and the multiplications for them."""
        if not dense:
            return self.group, self.kept
        return (self.group, self.group) if stationary == "output" else (self.slots, self.slots)


def nm_product(
    rows: int,
    depth: int,
    features: int,
    array: tuple[int, int],
    element: Element,
    stationary: Stationary,
    *,
    dense: bool = False,
) -> int:
    """Cycles of a product, fill and drain included.

    Args:
        rows: Rows of the left matrix.
        depth: Terms of a sum, in groups along which the weights are sparse.
        features: Columns of the right matrix.
        array: Rows and columns of elements.
        element: One of them.
        stationary: What stays in the elements.
        dense: Whether all weights are multiplied, not only N of M.

    Example:
        >>> [nm_product(32, 64, 32, (32, 32), Element(2, 8), "output", dense=d) for d in (0, 1)]
        [78, 126]
    """
    extent, steps = element.span(stationary, dense=dense)
    groups = -(-depth // extent)
    # More sums in turn than the adder takes cycles never are better.
    turns = range(1, min(element.interleaved, element.adder_cycles) + 1)
    if stationary == "output":
        rounds = groups * steps
        return min(_output_cycles(rows, rounds, features, array, element, n) for n in turns)
    return min(_weight_cycles(rows, groups, steps, features, array, element, n) for n in turns)


def _output_cycles(
    rows: int, rounds: int, features: int, array: tuple[int, int], element: Element, turns: int
) -> int:
    """Cycles with sums in the elements, so many in turn, of several rows or several columns.

    A round adds once to each of them; the next one waits for the first sum of this one.
    """
    height, width = array
    folds = min(
        -(-rows // (height * turns)) * -(-features // width),
        -(-rows // height) * -(-features // (width * turns)),
    )
    busy = (rounds - 1) * element.adder_cycles + turns
    return folds * (busy + height + width - 2)


def _weight_cycles(
    rows: int,
    groups: int,
    steps: int,
    features: int,
    array: tuple[int, int],
    element: Element,
    turns: int,
) -> int:
    """Cycles with weights in the elements, which are loaded row by row before.

    On the way down a sum takes the time of an addition in each row. Below the column what the
    weights of a group give is added up, for so many rows of the left matrix in turn.
    """
    height, width = array
    latency = element.adder_cycles
    whole, rest = divmod(rows, turns)
    waits = (steps - 1) * latency
    busy = whole * (waits + turns) + (waits + rest if rest else 0)
    folds = -(-groups // height) * -(-features // width)
    return folds * (busy + height + (height - 1) * latency + width - 1)
