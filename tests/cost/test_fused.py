"""Fusion for time and energy: the published attention, cases by hand, equal layers."""

from __future__ import annotations

import pytest

from netwright import arch
from netwright.cost import Fused, fused, pipeline
from netwright.cost.fused_group import GroupSearch
from netwright.errors import ConfigError, MappingError
from netwright.mapping import Group, LoopNest, Mapping, faults, fusion, kept_bytes
from netwright.mapping.ranks import aligned
from netwright.workload import Builder, cascade
from tests.cost import fused_by_hand
from tests.cost.attention import Sizes, mapped, one_pass
from tests.cost.small import memory
from tests.mapping import fusion_by_hand

OPERATORS = ("mac", "multiply", "add", "exp", "max", "subtract", "divide")


def two_units(capacity: int, *, fanouts=((2,), (1,))) -> arch.Architecture:
    """A buffer, an array of units that multiply and add, and another one that does everything."""
    nodes: list[object] = [memory("dram"), memory("buffer", "dram", size=capacity)]
    for name, fanout, operators in zip(
        ("left", "right"), fanouts, (("mac", "multiply", "add"), OPERATORS), strict=True
    ):
        nodes.append(arch.Array(kind="array", name=name, parent="buffer", fanout=fanout))
        nodes.append(arch.Compute(
            kind="compute", name=f"{name}_unit", parent=name,
            rate=arch.Figure(value=8.0, unit="op/s", source="test"),
            energy=arch.Figure(value=1.0, unit="J", source="test"),
            operators={operator: arch.Operator() for operator in operators},
        ))  # fmt: skip
    return arch.Architecture(name="two", nodes=tuple(nodes))


SIZES = Sizes(64 * 12, 64, 1024, 1024)
ATTENTION = one_pass(SIZES)


@pytest.fixture(scope="module")
def attention() -> Fused:
    return fused(ATTENTION, arch.find("fusemax"))


def test_attention_in_one_pass_is_found_and_faster_than_published(attention):
    """Units, arrays, lags and ping-pong buffers come out of the search; no name is looked at."""
    machine = arch.find("fusemax")
    published = pipeline.estimate(ATTENTION, machine, mapped("binding", SIZES, 4))
    (group,) = attention.mapping.groups
    assert faults(ATTENTION, machine, attention.mapping) == ()
    assert attention.seconds < published.seconds
    assert attention.seconds == pipeline.estimate(ATTENTION, machine, attention.mapping).seconds
    assert {loop.array for loop in group.loops if loop.is_spatial} == {"square", "row"}
    assert len(group.phases) == 1
    assert max(group.lags.values()) > 1
    assert len(set(attention.mapping.bindings.values())) == 2


def test_what_another_unit_makes_is_read_a_tile_later(attention):
    found = attention.mapping
    (group,) = found.groups
    makers = {einsum.output.tensor: einsum.name for einsum in ATTENTION.einsums}
    for einsum in aligned(ATTENTION).einsums:
        for access in einsum.inputs:
            maker = makers.get(access.tensor)
            if maker is None or maker == einsum.name:
                continue
            apart = group.lags.get(einsum.name, 0) - group.lags.get(maker, 0)
            is_near = found.bindings[maker] == found.bindings[einsum.name]
            is_before = group.einsums.index(einsum.name) < group.einsums.index(maker)
            assert apart >= (0 if is_near or is_before else 1)


def exponentials(rows: int = 4):
    """A product of 64 multiply-accumulates and 16 exponentials of it, row by row."""
    return cascade.parse(f"""
        rank a = {rows}, b = 4, c = 4
        input A[a, b], B[b, c]
        T[a, c] = add(b: A[a, b] * B[b, c])
        E[a, c] = exp(T[a, c])
    """)


def test_units_work_at_the_same_time_where_two_tiles_fit():
    """By hand: 64 cycles on two copies, 16 on one; 8 cycles a second. A row of T is 4 bytes."""
    found = fused(exponentials(), two_units(200))
    assert found.seconds == 64 / 2 / 8
    (group,) = found.mapping.groups
    assert group.lags == {"E": 1}
    assert found.mapping.bindings == {"T": "left_unit", "E": "right_unit"}
    assert found.joules >= 64 + 16


def test_units_work_in_turn_where_one_tile_fits():
    """Two tiles have no room: a tile of T is kept, and each waits for the other."""
    workload = exponentials()
    machine = two_units(200)
    at_once = fused(workload, machine)
    room = kept_bytes(workload, machine, at_once.mapping, "buffer")
    less = fused(workload, machine.with_scratchpad(room - 1))
    assert less.seconds >= at_once.seconds
    assert faults(workload, machine.with_scratchpad(room - 1), less.mapping) == ()


@pytest.mark.parametrize("goal", ["latency", "energy"])
@pytest.mark.parametrize("size", [16 << 20, 64 << 10])
def test_elementwise_groups_take_the_time_of_their_bytes(goal, size):
    """An exponential of a sum streams: two inputs come, one result goes, nothing waits."""
    workload = cascade.parse("""
        rank a = 96, b = 1024
        input A[a, b], R[a, b]
        S[a, b] = A[a, b] + R[a, b]
        E[a, b] = exp(S[a, b])
    """)
    machine = arch.find("fusemax").with_scratchpad(size)
    root = machine.root
    num_bytes = 3 * 96 * 1024
    found = fused(workload, machine, goal=goal)
    assert found.num_bytes == num_bytes
    assert found.seconds == pytest.approx(num_bytes / root.bandwidth.value)
    alone = fused(cascade.parse("rank a = 64, b = 1024\ninput A[a, b]\nE[a, b] = exp(A[a, b])"),
                  machine, goal=goal)  # fmt: skip
    assert alone.is_optimal
    assert alone.seconds == pytest.approx(2 * 64 * 1024 / root.bandwidth.value)


def test_goals_reach_what_they_are_named_after():
    machine, workload = two_units(60), exponentials(16)
    found = {goal: fused(workload, machine, goal=goal) for goal in ("latency", "energy", "edp")}
    assert found["latency"].seconds == min(own.seconds for own in found.values())
    assert found["energy"].joules == min(own.joules for own in found.values())
    product = {goal: own.seconds * own.joules for goal, own in found.items()}
    assert product["edp"] == min(product.values())


@pytest.mark.parametrize("goal", ["latency", "energy"])
@pytest.mark.parametrize("seed", [2, 15, 126, 197])
def test_best_of_the_whole_mapspace(seed, goal):
    check_best(seed, goal)


@pytest.mark.parametrize(("seed", "is_proven"), [(2, True), (42, False)])
def test_bound_of_energy_times_time(seed, is_proven):
    """Against the product of all mappings of all cuts, enumerated."""
    workload, chip = fusion_by_hand.cascade(seed), fused_by_hand.machine(seed)
    least = fused_by_hand.least(workload, chip, "edp")
    found = fused(workload, chip, goal="edp", is_whole=True)
    quick = fused(workload, chip, goal="edp")
    assert found.value == pytest.approx(least, rel=1e-9)
    assert found.is_optimal == is_proven
    assert 0.8 * least < quick.bound <= found.bound <= least * (1 + 1e-9)


def test_runs_for_which_no_way_was_found_count_in_the_bound(monkeypatch):
    workload, machine = exponentials(), two_units(200)
    together = fused(workload, machine)
    assert len(together.mapping.groups) == 1
    solved = GroupSearch.solved

    def gives_up(self):
        if self.place != (0, 2):
            return solved(self)
        self.mapper.undecided.add(self.place)
        return None

    monkeypatch.setattr(GroupSearch, "solved", gives_up)
    found = fused(workload, machine)
    assert len(found.mapping.groups) == 2
    assert 0 < found.bound <= together.seconds < found.seconds


@pytest.mark.slow
def test_best_of_the_whole_mapspace_on_many():
    for seed in (36, 42, 49, 54, 69, 104, 134, 143, 149, 159, 161, 183, 255, 284, 288):
        for goal in ("latency", "energy"):
            check_best(seed, goal)


def check_best(seed, goal):
    """Random cascades of two or three Einsums on random machines, every mapping enumerated."""
    workload, chip = fusion_by_hand.cascade(seed), fused_by_hand.machine(seed)
    found = fused(workload, chip, goal=goal, is_whole=True)
    assert found.value == pytest.approx(fused_by_hand.least(workload, chip, goal), rel=1e-9)
    assert found.is_optimal
    assert faults(workload, chip, found.mapping) == ()
    quick = fused(workload, chip, goal=goal)
    assert quick.bound <= found.value * (1 + 1e-9)
    assert quick.value >= found.value * (1 - 1e-9)


@pytest.mark.parametrize("goal", ["latency", "energy"])
@pytest.mark.parametrize("seed", [2, 15, 42, 49, 126, 134, 159, 197])
def test_larger_machines_are_never_worse(seed, goal):
    workload, chip = fusion_by_hand.cascade(seed), fused_by_hand.machine(seed)
    before = fused(workload, chip, goal=goal, is_whole=True).value
    (fanout,) = next(node.fanout for node in chip.nodes if node.name == "grid")
    for node, figure, factor in (
        ("buffer", "capacity", 2), ("buffer", "bandwidth", 2), ("dram", "bandwidth", 2)
    ):  # fmt: skip
        own = next(n for n in chip.nodes if n.name == node)
        value = getattr(own, figure)
        more = value.model_copy(update={"value": value.value * factor})
        larger = chip.with_changes(node, {figure: more})
        assert fused(workload, larger, goal=goal, is_whole=True).value <= before * (1 + 1e-9)
    wider = chip.with_fanout("grid", (fanout + 1,))
    assert fused(workload, wider, goal=goal, is_whole=True).value <= before * (1 + 1e-9)


def test_when_time_is_over_what_is_left_is_not_fused():
    workload, machine = exponentials(), two_units(200)
    found = fused(workload, machine, time_limit_s=0.0)
    assert faults(workload, machine, found.mapping) == ()
    assert [group.einsums for group in found.mapping.groups] == [("T",), ("E",)]
    assert 0 < found.bound <= fused(workload, machine, is_whole=True).seconds <= found.seconds
    assert not found.is_optimal


def test_equal_runs_are_solved_once():
    b = Builder("chain")
    x = b.input((16, 8))
    for _ in range(4):
        x = b.linear(b.linear(x, 16), 8)
    found = fused(b.finish(x), arch.find("scratchpad").with_scratchpad(1024), max_einsums=3)
    known, every = found.num_solved
    assert known < every
    assert len({len(group.einsums) for group in found.mapping.groups}) <= 2


def test_what_is_given_is_taken():
    workload = exponentials()
    machine = two_units(200)
    free = fused(workload, machine)
    again = fused(workload, machine, fixed=free.mapping)
    assert again.mapping.groups == free.mapping.groups
    bound = Mapping(workload.granularity, (), bindings={"T": "right_unit"})
    assert fused(workload, machine, fixed=bound).seconds == (64 + 16) / 8
    nests = Mapping(workload.granularity, (), nests={"T": LoopNest((), ())})
    with pytest.raises(ConfigError, match="stays and loop nests cannot be given"):
        fused(workload, machine, fixed=nests)
    strange = Mapping(workload.granularity, (), groups=(Group("g", ("T", "x")),))
    with pytest.raises(MappingError, match='"x" is no Einsum'):
        fused(workload, machine, fixed=strange)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"goal": "speed"}, 'goal must be edp, energy, latency, not "speed"'),
        ({"max_einsums": 0}, "max_einsums must be 1 or more, not 0"),
        ({"time_limit_s": float("nan")}, "time_limit_s must be 0 or more, not nan"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, fault):
    with pytest.raises(ConfigError) as caught:
        fused(exponentials(), two_units(200), **given)
    assert fault in str(caught.value)


def test_the_whole_search_begins_with_what_promises_most():
    machine = arch.find("fusemax")
    quick = fused(exponentials(997), machine)
    late = fused(exponentials(997), machine, is_whole=True, time_limit_s=3.0)
    assert late.seconds <= quick.seconds


def test_what_no_unit_does_takes_the_time_of_its_bytes():
    workload = cascade.parse("rank a = 4\ninput A[a]\nS[a] = sigmoid(A[a])\nT[a] = exp(S[a])\n")
    found = fused(workload, two_units(200))
    assert [group.einsums for group in found.mapping.groups] == [("S",), ("T",)]
    assert "S" not in found.mapping.bindings
    assert pipeline.estimate(workload, two_units(200), found.mapping).seconds == found.seconds
    traffic = fusion(workload, two_units(200))
    assert [group.einsums for group in traffic.mapping.groups] == [("S",), ("T",)]
    assert traffic.num_bytes == 4 * 4


def test_what_must_run_point_by_point_needs_a_unit():
    workload = cascade.parse("""
        rank t = 4, h = 8
        input X[t, h]
        weight U[h, h]
        initial H = 0
        rank k = 8
        R[t, h] = add(k: H[t, k] * U[h, k])
        S[t, h] = X[t, h] + R[t, h]
        H[t + 1, h] = sigmoid(S[t, h])
    """)
    for search in (fused, fusion):
        with pytest.raises(ConfigError, match="and no unit does sigmoid") as error:
            search(workload, arch.find("flat"))
        assert "such as sigmoid = { cycles = 4 }" in str(error.value)


def test_units_outside_of_the_memory_that_keeps_tiles_are_refused():
    machine = two_units(200).with_changes("right", {"parent": "dram"})
    with pytest.raises(ConfigError, match='tiles in "buffer", and right_unit lies outside of it'):
        fused(exponentials(), machine)
