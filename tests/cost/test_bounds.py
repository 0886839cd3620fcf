from __future__ import annotations

import numpy as np
import pytest

from netwright import arch, cost
from netwright.cost.bounds import Bounds
from netwright.cost.mapspace import Mapspace
from netwright.cost.spreads import Spread
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


def test_windows_overlap():
    bounds = Bounds(Mapspace(conv(1, 1, 6, padding=0), machine(), Spread(())))
    place, overlaps = next(iter(bounds.overlaps.items()))
    whole = next(i for i, k in enumerate(bounds.space.tiles["k"]) if k == {"R0": 3, "R1": 3})
    anew = overlaps.fetched[0, :, whole, 0]
    assert (anew[0], anew[-1]) == (4 * 3 * 4 * 3, 36)
    one = bounds.priced(place)
    assert bounds.cost(place)[0][0, 0, whole] == pytest.approx(one.sum(axis=0) * 4 * 3 * 4 * 3)
    assert bounds.moves.once(place) == pytest.approx(one.sum(axis=0) * 36)


def two_arrays():
    """Rows along an array above the buffer; registers lie below a further one."""
    small = machine(size=60, register=12)
    outer = arch.Array(kind="array", name="lanes", parent="dram", fanout=(2,))
    nodes = [
        node.model_copy(update={"parent": "lanes"}) if node.name == "pad" else node
        for node in small.nodes
    ]
    nodes.insert(1, outer)
    return small.model_copy(update={"nodes": tuple(nodes)})


def test_rows_along_a_far_array_have_bounds_from_both_sides():
    op, target = conv(1, 2, 4), two_arrays()
    way = Spread((("lanes", 0, (("P0", 2),)), ("grid", 0, ()), ("grid", 1, ())))
    space = Mapspace(op, target, way)
    bounds = Bounds(space)
    assert [place.memory.name for place in bounds.overlaps] == ["pad"]
    place = next(p for p in space.places if p.role == "input" and p.memory.name == "reg")
    (least,), (most,) = bounds.cost(place), bounds.cost(place, most=True)
    assert (least <= most).all()
    assert (least < most).any()
    found = cost.search(op, target, goal="energy", spread=way)
    assert 0 < found.bound <= found.value


def test_every_part_of_a_cost_is_finite_and_positive():
    space = Mapspace(conv(4, 4, 6), machine(), Spread(()))
    bounds = Bounds(space)
    for place in space.places:
        (vectors,) = bounds.cost(place)
        assert np.isfinite(vectors).all()
        assert (vectors >= 0).all()
    assert bounds.moves.fixed()[0] > 0
