from __future__ import annotations

from math import prod

from netwright import arch
from netwright.cost.mapspace import Mapspace, sizes_of
from netwright.cost.spreads import Spread, spreads
from netwright.mapping import nest_faults
from tests.cost.small import conv, linear, machine


def test_kinds_say_which_tensor_does_not_know_a_rank():
    op = conv(4, 4, 5, groups=2)
    space = Mapspace(op, machine(), Spread(()))
    assert {op.directions[r]: kind for r, kind in space.kinds.items()} == {
        "G": None, "M": "m", "C": "k", "P": "x", "Q": "x", "R": "k", "S": "k",
    }  # fmt: skip
    assert space.groups == ("G",)
    assert [prod(t.values()) for t in space.tiles["k"]] == [1, 3, 9, 18]
    assert [prod(t.values()) for t in space.tiles["x"]] == [1, 2, 3, 5, 10, 15, 25]


def test_sizes_are_the_smallest_with_their_number_of_pieces():
    for rounds in range(1, 400):
        for options in ({}, {"dense": 0}, {"dense": 0, "gap": rounds}):
            sizes = sizes_of(rounds, **options)
            assert sizes[0] == 1
            assert sizes[-1] == rounds
            assert {n for n in range(1, rounds + 1) if rounds % n == 0} <= set(sizes)
            assert all(-(-rounds // -(-rounds // size)) == size for size in sizes)


def test_steps_of_ragged_tiles_by_hand():
    """Ten rows on four copies: tiles of two leave the last piece to one copy alone."""
    op = linear(10, 2, 2)
    space = Mapspace(op, machine(fanout=(4, 1)), Spread((("grid", 0, (("B0", 4),)),)))
    grid = frozenset({"grid"})
    assert [space.num_steps_of("B0", size, grid) for size in (1, 2, 3)] == [3, 4, 3]


def test_stages_end_at_arrays_and_where_memories_feed_each_other():
    op = linear()
    space = Mapspace(op, arch.find("eyeriss"), Spread(()))
    assert [(p.memory.name, p.stage, p.parent.name) for p in space.places] == [
        ("filters", 0, "dram"), ("images", 0, "buffer"), ("sums", 0, "buffer"),
        ("buffer", 1, "dram"), ("buffer", 1, "dram"),
    ]  # fmt: skip


def test_chain_becomes_a_legal_nest():
    op = conv(4, 4, 6)
    small = machine(size=400, register=40)
    for way in spreads(op, small):
        space = Mapspace(op, small, way)
        least = {rank: 1 for rank in op.extents}
        nest = space.nest(tuple((place, least) for place in space.places))
        assert nest_faults(op, small, nest) == ()
        assert prod(nest.counts(op)) >= op.num_macs
