from __future__ import annotations

import numpy as np

from netwright.cost.bounds import Bounds
from netwright.cost.mapspace import Mapspace, Spread
from tests.cost.small import conv, linear, machine


def test_matrix_product_by_hand():
    """4 x 6 times 6 x 4 without copies: what a tensor does not know multiplies its traffic."""
    bounds = Bounds(Mapspace(linear(4, 6, 4), machine(), Spread(())))
    weight = bounds.fetched("weight")
    assert weight.shape == (3, 3, 4)
    assert (weight[:, 0, :] == 24 * 4).all()
    assert (weight[:, 2, :] == 24).all()
    assert (bounds.fetched("output")[..., 0] == 16 * 6).all()


def test_room_doubles_where_tiles_change():
    space = Mapspace(linear(4, 6, 4), machine(buffered=True), Spread(()))
    pad = next(p for p in space.places if p.memory.name == "pad" and p.role == "weight")
    room = Bounds(space).room(pad)
    assert room[2, 0, 3] == 24  # the whole tensor never changes
    assert room[0, 0, 0] == 2


def test_partial_sums_are_wide():
    space = Mapspace(linear(4, 6, 4), machine(), Spread(()))
    pad = next(p for p in space.places if p.memory.name == "pad" and p.role == "output")
    assert Bounds(space).room(pad)[2, 2, 0] == 4 * 4 * 2


def test_windows_overlap_along_one_axis():
    bounds = Bounds(Mapspace(conv(1, 1, 6, padding=0), machine(), Spread(())))
    tiles = bounds.space.tiles
    passes = bounds.fetched("input")[0]
    whole = next(i for i, k in enumerate(tiles["k"]) if k == {"R0": 3, "R1": 3})
    # Single outputs: rows of windows slide along columns, 4 rows of 3 x 6 elements.
    assert passes[0, whole] == 4 * 3 * 6
    assert passes[-1, whole] == 36
    assert bounds.fetched("input", most=True)[0][0, whole] == 4 * 3 * 4 * 3


def test_every_part_of_a_cost_is_finite_and_positive():
    space = Mapspace(conv(4, 4, 6), machine(), Spread(()))
    bounds = Bounds(space)
    for place in space.places:
        cost = bounds.cost(place)
        assert np.isfinite(cost).all()
        assert (cost >= 0).all()
    assert bounds.fixed()[0] > 0
