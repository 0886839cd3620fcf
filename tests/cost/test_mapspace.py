from __future__ import annotations

from math import prod

from netwright import arch
from netwright.cost.mapspace import Mapspace, Spread, spreads
from netwright.mapping import nest_faults
from tests.cost.small import conv, linear, machine


def test_arrays_take_one_rank_or_two():
    op = linear(4, 6, 5)
    found = spreads(op, machine(fanout=(8, 2)))
    lanes = {tuple(pairs for _, _, pairs in way.lanes) for way in found}
    assert lanes == {((("B1", 6),), (("B0", 2),)), ((("B1", 6),), (("M", 2),))}
    assert found[0].copies("B1") == 6
    assert found[0].copies("B1", frozenset()) == 1


def test_copies_are_balanced():
    """37 features on 32 copies take two rounds; 19 copies do."""
    ways = spreads(linear(2, 2, 37), machine(fanout=(1, 32)))
    assert {way.copies("M") for way in ways} == {1, 13, 19}  # 13 beside two rows


def test_sums_stay_off_arrays_that_cannot_add():
    small = machine()
    nodes = tuple(
        node.model_copy(update={"reduces": False}) if isinstance(node, arch.Array) else node
        for node in small.nodes
    )
    ways = spreads(linear(4, 6, 4), small.model_copy(update={"nodes": nodes}))
    assert all(way.copies("B1") == 1 for way in ways)


def test_kinds_say_which_tensor_does_not_know_a_rank():
    op = conv(4, 4, 5, groups=2)
    space = Mapspace(op, machine(), Spread(()))
    assert {op.directions[r]: kind for r, kind in space.kinds.items()} == {
        "G": None, "M": "m", "C": "k", "P": "x", "Q": "x", "R": "k", "S": "k",
    }  # fmt: skip
    assert space.groups == ("G",)
    assert [prod(t.values()) for t in space.tiles["k"]] == [1, 3, 9, 18]
    assert [prod(t.values()) for t in space.tiles["x"]] == [1, 5, 25]


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


def test_rank_that_two_arrays_want_is_spread_over_both():
    """Where an axis can take nothing else, it takes what is left of a rank that is spread."""
    small = machine(fanout=(4, 16))
    nodes = tuple(
        node.model_copy(update={"ranks": (("M",), ("M",))})
        if isinstance(node, arch.Array)
        else node
        for node in small.nodes
    )
    (way,) = spreads(linear(2, 2, 64), small.model_copy(update={"nodes": nodes}))
    assert [pairs for _, _, pairs in way.lanes] == [(("M", 4),), (("M", 16),)]
    assert way.copies("M") == 64
