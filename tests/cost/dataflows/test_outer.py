from __future__ import annotations

import pytest

from netwright.cost.dataflows import Shape, Window
from netwright.cost.dataflows.outer import Limits, Outer, outer

LAYER = Shape(1, 1, 16, 4, Window(8, 3, extent=10), Window(8, 3, extent=10), (8, 8, 8))
WHOLE = 4 * 100 + 16 * 36 + 16 * 64  # bytes of image, weights and result
LIMITS = Limits(4, 2, 8, 8)


def test_all_stays_where_all_fits():
    found = outer(LAYER, WHOLE, LIMITS)
    assert found is not None
    assert (found.features, found.rows) == (16, 8)
    assert found.bits(LAYER) == 8 * WHOLE


@pytest.mark.parametrize("limits", [LIMITS, Limits(4, 2, 8, 32), Limits(16, 8, 8, 8)])
def test_no_other_tiles_fill_the_array_more_or_fetch_less_than_the_whole(limits):
    found = outer(LAYER, 1 << 20, limits)
    assert found == Outer(False, 16, 8)
    others = [
        Outer(first, f, r) for first in (False, True) for f in range(1, 17) for r in range(1, 9)
    ]
    assert found.bits(LAYER) == min(other.bits(LAYER) for other in others)
    busy = [min(o.rows, limits.rows) * min(o.features, limits.features) for o in others]
    assert min(8, limits.rows) * min(16, limits.features) == max(busy)


def test_a_strip_reads_weights_again_and_a_block_the_image():
    strips, blocks = Outer(False, 4, 2), Outer(True, 4, 2)
    assert (strips.weights(LAYER), strips.inputs(LAYER)) == (4 * 576, 400)
    assert blocks.weights(LAYER) == 576
    assert blocks.inputs(LAYER) == 4 * 400  # first and last strip share nothing
    assert Outer(True, 4, 8).inputs(LAYER) == 400  # the whole image stays


@pytest.mark.parametrize("room", range(100, WHOLE, 150))
def test_tiles_fit_and_more_room_means_less_traffic(room):
    found, more = outer(LAYER, room, LIMITS), outer(LAYER, room + 150, LIMITS)
    if found is None:
        return
    assert more is not None
    assert found.room(LAYER, 8) <= room
    full = min(found.rows, 2) * min(found.features, 4) == 8
    if full:
        assert more.bits(LAYER) <= found.bits(LAYER)


def test_nothing_fits():
    assert outer(LAYER, 10, LIMITS) is None
