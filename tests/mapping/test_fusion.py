from __future__ import annotations

from dataclasses import replace

import pytest

from netwright import arch
from netwright.cost import pipeline
from netwright.errors import ConfigError, Infeasible, MappingError
from netwright.mapping import Group, Keep, Loop, LoopNest, Mapping, faults, fusion
from netwright.workload import Builder
from tests.cost.attention import Sizes, mapped, one_pass, three_pass
from tests.cost.small import memory
from tests.mapping.fusion_by_hand import cascade, least_bytes

LARGE = (10, 11, 21)
"""Cascades that take seconds to enumerate; they are among those of the slow test."""


def machine(capacity, *, doubles=False):
    unit = arch.Compute(
        kind="compute", name="unit", parent="buffer",
        operators={name: arch.Operator() for name in ("mac", "multiply", "add", "exp", "max")},
    )  # fmt: skip
    buffer = memory("buffer", "dram", size=capacity, double_buffered=doubles)
    return arch.Architecture(name="small", nodes=(memory("dram"), buffer, unit))


def off_chip(workload, machine, mapping):
    """Bytes at the root, by the pipeline engine."""
    root = machine.root.name
    counts = [pipeline.count(workload, machine, mapping, group) for group in mapping.groups]
    return sum(c.amount(root, kind) for c in counts for kind in ("read", "write")) / 8


@pytest.mark.parametrize("seed", [seed for seed in range(20) if seed not in LARGE])
def test_optimum_equals_exhaustive_search(seed):
    check_optimum(seed)


@pytest.mark.slow
def test_optimum_equals_exhaustive_search_on_many():
    for seed in (*LARGE, *range(1000, 1200)):
        check_optimum(seed)


def check_optimum(seed):
    workload = cascade(seed)
    for capacity in (3, 9, 30):
        doubles = bool(seed % 2)
        small = machine(capacity, doubles=doubles)
        least = least_bytes(workload, capacity, doubles=doubles)
        if least is None:
            with pytest.raises(Infeasible, match="no tiles of"):
                fusion(workload, small)
            continue
        found = fusion(workload, small)
        assert found.num_bytes == least, capacity
        assert found.room <= capacity
        assert found.num_bytes <= found.unfused_bytes
        assert faults(workload, small, found.mapping) == ()
        assert off_chip(workload, small, found.mapping) == least


def test_attention_in_one_pass_is_found_by_search():
    """At 64 K the published mapping; at 16 K one that reads keys and values once less often."""
    fused = arch.find("fusemax")
    for length, times in ((65536, 1), (16384, 2.5)):
        sizes = Sizes(64 * 12, 64, length, length)
        workload = one_pass(sizes)
        published = off_chip(workload, fused, mapped("binding", sizes, 16))
        found = fusion(workload, fused)
        (group,) = found.mapping.groups
        assert "QK" in {keep.tensor for keep in group.keeps}
        assert found.num_bytes * times == published
        assert off_chip(workload, fused, found.mapping) == found.num_bytes


def test_keys_of_one_tile():
    """The iterative rank has one point; what is read of the point before is the initial value."""
    found = fusion(one_pass(Sizes(2, 8, 256, 64)), arch.find("fusemax"))
    assert len(found.mapping.groups) == 1


def test_buffer_of_one_pass_does_not_grow_with_length_and_three_passes_do():
    fused = arch.find("fusemax").with_scratchpad(1 << 20)
    one = [fusion(one_pass(Sizes(1, 64, n, 256)), fused) for n in (1 << 16, 1 << 20)]
    assert all(len(found.mapping.groups) == 1 for found in one)
    assert one[0].room == one[1].room
    three = fusion(three_pass(Sizes(1, 64, 1 << 20, 256)), fused)
    assert len(three.mapping.groups) > 1
    assert three.num_bytes > 2 * one[1].num_bytes


def test_equal_layers_are_solved_once():
    def network(layers):
        b = Builder("chain")
        x = b.input((16, 8))
        for _ in range(layers):
            x = b.linear(b.add(b.linear(x, 16), b.linear(x, 16)), 8)
        return b.finish(x)

    small = machine(256)
    few, more, most = (fusion(network(layers), small, max_einsums=5) for layers in (6, 7, 14))
    assert most.num_solved[0] == few.num_solved[0]
    assert most.num_solved[1] > 2 * few.num_solved[1]
    assert most.num_bytes - more.num_bytes == 7 * (more.num_bytes - few.num_bytes)


def test_einsum_that_fits_in_no_way_is_named():
    b = Builder("big")
    b.conv(b.input((2, 2, 4, 4)), 2, 3)
    with pytest.raises(Infeasible, match="no tiles of conv0 fit into 1 B of buffer"):
        fusion(b.finish(), machine(1))


def test_when_time_is_over_what_is_left_is_not_fused():
    found = fusion(chain(), machine(200), time_limit_s=0.0)
    assert not found.is_optimal
    assert {len(group.einsums) for group in found.mapping.groups} == {1}
    assert found.num_bytes == found.unfused_bytes
    assert fusion(chain(), machine(200)).is_optimal


def chain():
    b = Builder("chain")
    return b.finish(b.linear(b.linear(b.linear(b.input((16, 8)), 16), 8), 4))


def test_given_group_is_taken_and_the_rest_is_found():
    small = machine(200)
    group = Group("mine", ("linear1", "linear2"), (Loop("B0", 4),))
    found = fusion(chain(), small, fixed=Mapping("unfused", (), groups=(group,)))
    own = found.mapping.groups[-1]
    assert (own.name, own.einsums, own.loops) == ("mine", group.einsums, group.loops)
    assert found.mapping.groups[0].einsums == ("linear0",)
    assert found.num_bytes >= fusion(chain(), small).num_bytes
    kept = replace(group, keeps=(Keep("buffer", "linear2.weight", 0),))
    more = fusion(chain(), small, fixed=Mapping("unfused", (), groups=(kept,)))
    assert Keep("buffer", "linear2.weight", 0) in more.mapping.groups[-1].keeps
    again = fusion(chain(), small, fixed=more.mapping)
    assert again.mapping == more.mapping


@pytest.mark.parametrize(
    ("group", "fault"),
    [
        (Group("g", ("x",)), 'group "g": "x" is no Einsum'),
        (Group("g", ("linear0", "linear2")), "its Einsums must run one right after the other"),
        (Group("g", ("linear0",), (Loop("Z", 2),)), "no Einsum has the rank Z"),
    ],
)
def test_given_group_that_is_not_legal_is_refused_with_the_reason(group, fault):
    with pytest.raises(MappingError) as caught:
        fusion(chain(), machine(200), fixed=Mapping("unfused", (), groups=(group,)))
    assert fault in str(caught.value)


def test_given_loops_that_a_reader_of_sums_cannot_follow_are_refused_with_the_reason():
    workload = three_pass(Sizes(1, 8, 64, 64))
    group = Group("g", ("QK", "GM", "SN"), (Loop("m", 8),))
    with pytest.raises(MappingError, match="whole only after the last tile along m"):
        fusion(workload, arch.find("flat"), fixed=Mapping("unfused", (), groups=(group,)))


def test_given_group_that_does_not_fit_is_named():
    group = Group("g", ("linear0", "linear1"), (Loop("B0", 8),))
    with pytest.raises(Infeasible, match='group "g" does not fit into 10 B of buffer'):
        fusion(chain(), machine(10), fixed=Mapping("unfused", (), groups=(group,)))


def test_machine_without_units_and_limits_below_what_is_possible_are_refused():
    small = machine(200)
    memories = tuple(node for node in small.nodes if node.kind == "memory")
    with pytest.raises(MappingError, match='architecture "none" has no compute unit'):
        fusion(chain(), arch.Architecture(name="none", nodes=memories))
    with pytest.raises(ConfigError, match="max_einsums must be 1 or more, not 0"):
        fusion(chain(), small, max_einsums=0)
    with pytest.raises(ConfigError, match="time_limit_s must be 0 or more, not -1"):
        fusion(chain(), small, time_limit_s=-1)


def test_given_stays_and_nests_are_refused():
    nests = {"linear0": LoopNest((), ())}
    with pytest.raises(ConfigError, match="stays and loop nests cannot be given"):
        fusion(chain(), machine(200), fixed=Mapping("unfused", (), nests=nests))


def test_given_order_is_followed():
    b = Builder("fork")
    x = b.input((16, 8))
    left, right = b.linear(x, 8), b.linear(x, 8)
    network = b.finish(b.add(left, right))
    found = fusion(network, machine(100), fixed=Mapping("unfused", ("linear1", "linear0")))
    assert found.mapping.order == ("linear1", "linear0", "add2")
    with pytest.raises(ConfigError, match='"add2" cannot come there: it waits for linear0'):
        fusion(network, machine(100), fixed=Mapping("unfused", ("add2", "linear0")))


def test_windows_that_overlap_read_their_input_once():
    """Every element of 9 x 9 comes once, though windows of three points share most of theirs."""
    b = Builder("pool")
    network = b.finish(b.pool(b.input((1, 2, 9, 9)), 3, stride=1))
    (pool,) = network.einsums
    found = fusion(network, machine(1000))
    sizes = [network.by_name[name].stored.num_bits for name in (*pool.reads, pool.output.tensor)]
    assert found.num_bytes * 8 == sum(sizes)


def test_what_shares_nothing_runs_in_tiles_as_large_as_fit():
    """Two sums of 64 x 16 elements keep two tensors: whole, or a quarter of them at a time."""
    b = Builder("sums")
    x, y = b.input((64, 16)), b.input((64, 16))
    network = b.finish(b.add(b.add(x, y), y))
    whole, tiled = (fusion(network, machine(size)) for size in (2 * 64 * 16, 2 * 40 * 16))
    assert [group.loops for group in whole.mapping.groups] == [()]
    assert [group.loops for group in tiled.mapping.groups] == [(Loop("B0", 16),)]
    assert whole.num_bytes == tiled.num_bytes == 3 * 64 * 16
