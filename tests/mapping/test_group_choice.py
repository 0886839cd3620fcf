"""The treatment of a group's tensors by hand; the search is compared in test_fusion."""

from __future__ import annotations

import pytest

from netwright.mapping.group_choice import Run, Shape, Use
from netwright.mapping.loopnest import Loop
from netwright.workload import Builder
from tests.cost.small import memory

B = Builder("pair")
B.linear(B.input((8, 6)), 4)
(EINSUM,) = B.finish().einsums
TENSORS = {tensor.name: tensor for tensor in B.finish().tensors}
SOURCE, WEIGHT = EINSUM.inputs


def run(**options):
    uses = [
        Use(TENSORS["input0"], None, ((0, SOURCE),), False),
        Use(TENSORS["linear0.weight"], None, ((0, WEIGHT),), False),
        Use(TENSORS["linear0.out"], 0, (), True),
    ]
    return Run([Shape(EINSUM)], uses, memory("buffer", size=100, **options))


@pytest.mark.parametrize(
    ("loops", "capacity", "traffic", "positions"),
    [
        # everything once: the input may pass by, for the weights and the result stay
        ((), 100, 48 + 24 + 32, {"linear0.weight": 0, "linear0.out": 0}),
        ((), 55, None, {}),
        # rows one by one: the weights stay over them, a result of a row too
        ((Loop("B0", 1),), 28, 48 + 24 + 32, {"linear0.weight": 0, "linear0.out": 1}),
        # the weights pass by once for each row, and so does the row
        ((Loop("B0", 1),), 10, 48 + 8 * 24 + 32, {"linear0.out": 1}),
        # pairs of rows, and sums one by one: results of a pair stay meanwhile
        (
            (Loop("B0", 2), Loop("B1", 1)), 10, 48 + 4 * 24 + 32,
            {"input0": 2, "linear0.out": 1},
        ),
    ],
)  # fmt: skip
def test_product_by_hand(loops, capacity, traffic, positions):
    found = run(double_buffered=False).best(loops, capacity, None)
    if traffic is None:
        assert found is None
        return
    assert found is not None
    assert found.traffic == 8 * traffic
    assert found.positions == positions


def test_limit_ends_the_choice():
    own = run(double_buffered=False)
    assert own.best((), 100, 8 * 104) is None
    assert own.best((), 100, 8 * 104 + 1) is not None


def test_tile_that_changes_takes_its_room_twice_in_a_double_buffered_memory():
    """Either the input stays, 2 x 12 bytes now, or the weights, 24; and 8 of results."""
    loops = (Loop("B0", 2),)
    assert run(double_buffered=False).best(loops, 20, None) is not None
    assert run(double_buffered=True).best(loops, 31, None) is None
    found = run(double_buffered=True).best(loops, 32, None)
    assert found is not None
    assert found.room == 32


def test_combined_result_is_read_after_the_loop():
    b = Builder("norm")
    x = b.linear(b.input((8, 6)), 4)
    b.linear(x, 5)
    shapes = [Shape(e) for e in b.finish().einsums]
    own = Run(shapes, [], memory("buffer", size=100))
    assert own.common == {}
    assert own.is_legal((Loop("B0", 1),))
    assert not own.is_legal((Loop("B1", 1),))


def test_tiles_of_windows_overlap_and_those_of_heads_do_not():
    """Windows of three points, one further each; heads of four features side by side."""
    b = Builder("pool")
    b.pool(b.input((1, 2, 9, 9)), 3, stride=1)
    pool = Run([Shape(e) for e in b.finish().einsums], [], memory("buffer", size=100))
    assert list(pool.common.values()) == [2, 7, 7]
    assert not pool.is_disjoint
    b = Builder("attention")
    b.attention(b.input((1, 8, 12)), 3)
    scores = next(e for e in b.finish().einsums if e.name.endswith("scores"))
    heads = Run([Shape(scores)], [], memory("buffer", size=100))
    assert "H" in heads.common
    assert heads.is_disjoint
