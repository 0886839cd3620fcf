from __future__ import annotations

import numpy as np

from netwright.cost.mapspace import Mapspace
from netwright.cost.spreads import Spread
from netwright.cost.tables import Tables
from tests.cost.small import linear, machine


def test_points_without_room_are_known():
    space = Mapspace(linear(4, 6, 4), machine(), Spread(()))
    tables = Tables(space, 1e-9, lambda joules, seconds: joules * seconds)
    points = np.indices(tables.shape, np.int32).reshape(3, -1).T
    assert tables.flat(points).tolist() == list(range(len(points)))
    for place in space.places:
        capacity = place.memory.capacity_bytes
        tight = tables.rooms[place].ravel()
        if capacity is not None and not place.memory.double_buffered:
            assert not tables.roomy(place.stage)[tight > capacity].any()
