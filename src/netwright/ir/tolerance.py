"""How far an engine in float32 may be from the interpreter, which computes in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.ir.graph import Array, Node

RELATIVE = 2.0**-20
"""Sixteen times the distance of two neighboring float32 values around 1."""

SMALLEST = 1e-30
"""What is smaller counts as zero: float32 loses its digits toward 1e-38."""

Magnitude = Callable[[Node, Sequence[Array], Array], Array]
"""From a node, what it reads and what it makes, to the magnitude of each element of the result."""


def of_result(node: Node, inputs: Sequence[Array], result: Array) -> Array:
    """The result's own magnitude: for operators that cancel nothing."""
    return np.abs(result)


def of_terms(node: Node, inputs: Sequence[Array], result: Array) -> Array:
    """The magnitudes of all operands together: for sums, and for functions of one value."""
    total: NDArray[Any] = np.abs(result)
    for values in inputs:
        total = total + np.abs(values)
    return total


def walk(terms: int) -> float:
    """How much further a sum of so many terms may be off than a single operation.

    Each addition rounds by up to half a step of the partial sum, to either side, so errors of a sum
    grow like a random walk: with the root of the number of terms (Higham and Mary 2019). The factor
    lets that be four times its usual size; below 16 terms it is 1.
    """
    return max(1.0, math.sqrt(terms) / 4)


def absolute_terms(
    execute: Callable[[Node, Sequence[Array]], Array],
    terms: Callable[[Node, Sequence[Array]], int],
) -> Magnitude:
    """The sum of the magnitudes of all terms of a weighted sum, and what their number adds.

    Args:
        execute: Computes the sum.
        terms: How many terms it has.
    """
    return lambda node, inputs, result: (
        walk(terms(node, inputs)) * execute(node, [np.abs(values) for values in inputs])
    )


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an element of a real result may be from the interpreter's.

    It is `relative` times a magnitude of the element. Where terms cancel, that is the sum of the
    magnitudes of the terms, not that of the result, since float32 loses digits of the terms. Both
    are taken at the operands that the engine has, so the tolerance is that of one operator alone.

    Attributes:
        relative: Share of the magnitude.
        magnitude: The magnitude of every element, broadcast to the result.
    """

    relative: float = RELATIVE
    magnitude: Magnitude = of_result

    def allowed(self, node: Node, inputs: Sequence[Array], result: Array) -> NDArray[np.float64]:
        """The largest accepted difference of every element, in real units."""
        found = self.relative * np.asarray(self.magnitude(node, inputs, result), np.float64)
        return np.asarray(np.maximum(found, SMALLEST), np.float64)
