"""Layers on the N:M array: what it computes beside NumPy, its clocks beside the cost room's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.arrays.design import TIMEOUT_S
from netwright.backends.rtl.arrays.nm import NMDesign
from netwright.cost.nm_array import Stationary
from netwright.formats import BFLOAT16

Layer = tuple[int, int, int]
"""Rows of the left matrix, terms of a sum, columns of the right matrix."""

LAYERS: tuple[Layer, ...] = (
    (1, 16, 64), (8, 16, 64), (64, 16, 8), (8, 64, 32), (1, 64, 32), (8, 32, 32), (3, 32, 32),
    (8, 32, 5), (49, 9, 4), (16, 27, 8), (36, 72, 4), (9, 144, 8), (4, 128, 10), (2, 200, 3),
    (25, 25, 6), (16, 96, 12), (5, 48, 7), (7, 56, 1), (1, 256, 2), (13, 8, 13), (1, 1, 1),
    (3, 2, 2), (64, 40, 1),
)  # fmt: skip
"""Layers of jet taggers, small convolutions as products of matrices, and edges."""

MODES: tuple[tuple[Stationary, bool], ...] = (
    ("output", False), ("output", True), ("weight", False), ("weight", True),
)  # fmt: skip
"""What stays in the elements, and whether all weights are multiplied."""


@dataclass(frozen=True, slots=True)
class LayerComparison:
    """A layer on the simulated array.

    Attributes:
        layer: Rows of the left matrix, terms of a sum, columns of the right matrix.
        stationary: What stayed in the elements.
        dense: Whether all weights were multiplied.
        is_equal: Whether every result was that of NumPy.
        simulated_cycles: Clocks that it took.
        predicted_cycles: Clocks by the formula of the cost room.
    """

    layer: Layer
    stationary: Stationary
    dense: bool
    is_equal: bool
    simulated_cycles: int
    predicted_cycles: int


def compare_layers(
    design: NMDesign,
    layers: Sequence[Layer] = LAYERS,
    *,
    seed: int = 1,
    timeout_s: float = TIMEOUT_S,
) -> tuple[LayerComparison, ...]:
    """Compute layers with random operands on the simulated array, each in every mode.

    Args:
        design: The array.
        layers: The layers.
        seed: Of the operands.
        timeout_s: Wall-clock seconds each program gets to build the simulation.

    Raises:
        DataError: A layer is too large to be simulated.
        ToolMissing: Verilator or g++ is not installed.
        ToolFailed: One ended with an error, or ran past its time.
    """
    random, array, found = np.random.default_rng(seed), design.array, []
    for rows, depth, features in layers:
        codes, w_codes = _codes(random, (rows, depth)), _codes(random, (depth, features))
        kept = _kept(random, depth, features, array.kept, array.group)
        sides: list[NDArray[Any]] = [codes, w_codes, np.where(kept, w_codes, 0)]
        if array.number == "bfloat16":  # with exponents, so that sums are rounded
            sides = [_spread(side) for side in sides]
        x, w, few = sides
        for stationary, dense in MODES:
            weights = w if dense else few
            product = design.simulate(
                x, weights, stationary=stationary, dense=dense, timeout_s=timeout_s
            )
            expected = array.reference(x, weights, stationary=stationary, dense=dense)
            predicted = array.cycles(rows, depth, features, stationary=stationary, dense=dense)
            found.append(
                LayerComparison(
                    (rows, depth, features), stationary, dense,
                    np.array_equal(product.values, expected), product.cycles, predicted,
                )
            )  # fmt: skip
    return tuple(found)


def _codes(random: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.int64]:
    return random.integers(-128, 128, shape)


def _spread(codes: NDArray[np.int64]) -> NDArray[np.generic]:
    """Values of bfloat16 of many magnitudes, one for each code."""
    return BFLOAT16.decode(BFLOAT16.encode(codes / 3.0 * 2.0 ** (codes % 16)))


def _kept(
    random: np.random.Generator, depth: int, features: int, kept: int, group: int
) -> NDArray[np.bool_]:
    """Where weights are kept: `kept` of each group, at random."""
    order = random.random((-(-depth // group), group, features)).argsort(axis=1)
    chosen: NDArray[np.bool_] = (order.argsort(axis=1) < kept).reshape(-1, features)[:depth]
    return chosen
