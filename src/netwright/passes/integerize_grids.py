"""Bringing tensors, or the channels of one, to a common grid."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import numpy as np

from netwright.formats import Rounding
from netwright.ir import Node
from netwright.passes.carried import Carried
from netwright.passes.integer_builder import IntegerBuilder
from netwright.passes.integerize_quant import Grid, requantize
from netwright.passes.rationals import Exact, common_step, exact, is_whole, largest, snap

GRID_BITS = 44
"""Widest codes on a grid that holds unlike scales exactly."""

GUARD_BITS = 8
"""How much finer than the finest scale the grid is elsewhere."""


def common_grid(scales: list[Exact], magnitude: int, *, guard_bits: int = GUARD_BITS) -> Exact:
    """The coarsest grid of which all scales are multiples, or a fine one if that is too wide.

    Args:
        scales: Scales that broadcast against each other; their signs do not matter.
        magnitude: Largest code.
        guard_bits: How much finer the grid is that does not hold all scales.
    """
    sizes = [np.abs(scale) for scale in scales]
    finest = reduce(np.minimum, sizes)
    ratios = [snap(size / finest) for size in sizes]
    if all(is_whole(ratio) for ratio in ratios):
        return finest
    grid = reduce(common_step, sizes)
    if magnitude * sum(largest(size / grid) for size in sizes) < 2.0**GRID_BITS:
        return grid
    return finest / (1 << guard_bits)


def one_scale(builder: IntegerBuilder, node: Node, carried: Carried) -> Carried:
    """The tensor, which has nothing pending, with one scale instead of one for each channel."""
    scales = [exact(value) for value in dict.fromkeys(carried.scale.flat)]
    grid = common_grid(scales, carried.bounds.magnitude)
    return on_grid(builder, node, carried, grid, builder.free_name(f"{node.name}_one_scale"))


def on_grid(
    builder: IntegerBuilder, node: Node, carried: Carried, grid: Exact, name: str
) -> Carried:
    """The tensor, with no clamp and no offset, on another grid.

    Args:
        builder: The graph being built.
        node: The node it is done for.
        carried: The tensor.
        grid: Its new scale; there is a note if that does not divide the old one.
        name: Name of the Requantize and of what it makes.
    """
    ratio = snap(carried.scale / grid)
    reach = int(np.ceil(carried.bounds.magnitude * largest(ratio))) + 1
    inner = Node(name, node.op, node.inputs, name, {}, node.origin or node.name)
    moved = requantize(builder, inner, carried, Grid(grid, -reach, reach, 0, Rounding.HALF_EVEN))
    drift = {**moved.drift, **carried.drift}  # what was off before is no further off
    if is_whole(ratio):
        return replace(moved, drift=drift)
    bound = largest(grid) / 2
    drift |= builder.note(
        name,
        f"rounded to a grid that is common to unlike scales (by up to {bound:.2g})",
        largest(grid / np.abs(carried.scale)) / 2,
        bound,
    )
    return replace(moved, drift=drift)
