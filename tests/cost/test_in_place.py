"""Functions that are done in place: their operations, by hand, in every total."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netwright import arch, cost, workload
from netwright.cost.in_place import done_in_place, told_in_place
from netwright.workload import Builder
from tests.cost import fused_by_hand
from tests.cost.small import figure, memory
from tests.mapping import fusion_by_hand


def machine(**operators: int) -> arch.Architecture:
    """Four copies of a unit of 1 GHz and 2 pJ an operation, below a buffer."""
    unit = arch.Compute(
        kind="compute", name="unit", parent="grid", rate=figure(1e9, "op/s"),
        energy=figure(2e-12),
        operators={name: arch.Operator(cycles=own) for name, own in operators.items()},
    )  # fmt: skip
    grid = arch.Array(kind="array", name="grid", parent="buffer", fanout=(4,))
    nodes = (memory("dram"), memory("buffer", "dram", size=4096), grid, unit)
    return arch.Architecture(name="small", nodes=nodes)


def layers() -> workload.Workload:
    """Two products of 3 rows; 15 values between them go through a gelu."""
    b = Builder("net")
    return b.finish(b.linear(b.activate(b.linear(b.input((3, 8)), 5), "gelu"), 4))


def test_a_function_takes_the_cycles_of_its_unit_for_each_value():
    """15 values on 4 copies are 4 rounds of 3 cycles, and 15 operations of 2 pJ."""
    network = workload.fuse(layers())
    (spent,) = done_in_place(network, machine(mac=1, gelu=3))
    assert (spent.seconds, spent.num_operations) == (pytest.approx(12e-9), 15)
    assert spent.joules == pytest.approx(30e-12)
    assert spent.bytes_moved == {}


def test_estimate_and_fusion_count_the_same_work_in_place():
    network = workload.fuse(layers())
    able, unable = machine(mac=1, gelu=3), machine(mac=1)
    one, other = (cost.estimate_network(network, own).total for own in (able, unable))
    assert one.seconds - other.seconds == pytest.approx(12e-9)
    assert one.joules - other.joules == pytest.approx(30e-12)
    for goal in ("latency", "energy", "edp"):
        more, less = (cost.fused(network, own, goal=goal) for own in (able, unable))
        assert more.seconds - less.seconds == pytest.approx(12e-9)
        assert more.joules - less.joules == pytest.approx(30e-12)
        if goal != "edp":
            gap = {"latency": 12e-9, "energy": 30e-12}[goal]
            assert more.bound - less.bound == pytest.approx(gap)
        spent = cost.pipeline.estimate(network, able, more.mapping)
        again = cost.estimate_network(network, able, fixed=more.mapping).total
        assert (spent.seconds, spent.joules) == pytest.approx((more.seconds, more.joules))
        assert (again.seconds, again.joules) == pytest.approx((more.seconds, more.joules))
        assert "gelu: done in place, once for each value" in again.assumptions[1]
        assert spent.assumptions[0] == again.assumptions[1]


def test_what_no_unit_does_is_named():
    network = workload.fuse(layers())
    said = "no unit does gelu (unit does mac): done in place, without time or energy"
    assert told_in_place(network, machine(mac=1)) == (said,)
    assert said in cost.estimate_network(network, machine(mac=1)).total.assumptions
    assert done_in_place(network, machine(mac=1)) == ()
    assert told_in_place(layers(), machine(mac=1)) == ()


def test_rows_stand_after_the_step_whose_values_they_take():
    b = Builder("net")
    x = b.linear(b.activate(b.input((3, 8)), "gelu"), 5)
    network = workload.fuse(b.finish(b.activate(b.linear(b.activate(x, "gelu"), 4), "gelu")))
    able = machine(mac=1, gelu=3)
    rows = [(own.name, own.engine) for own in cost.estimate_network(network, able).layers]
    first, second = (einsum.name for einsum in network.einsums)
    inside = [(einsum.name, "in_place") for einsum in network.in_place]
    assert rows == [inside[0], (first, "loopnest"), inside[1], (second, "loopnest"), inside[2]]
    found = cost.fused(network, able)
    rows = [(own.name, own.engine) for own in
            cost.estimate_network(network, able, fixed=found.mapping).layers]  # fmt: skip
    names = [group.name for group in found.mapping.groups]
    assert rows[0] == inside[0]
    assert [row for row in rows if row[1] == "pipeline"] == [(name, "pipeline") for name in names]
    assert rows[-1] == inside[2]


def test_a_residual_sum_that_finishes_a_step_is_still_work():
    b = Builder("net")
    x = b.input((3, 8))
    network = workload.group(b.finish(b.add(b.linear(x, 8), b.linear(x, 8))))
    assert [einsum.map_op for einsum in network.einsums] == ["multiply", "multiply"]
    (spent,) = done_in_place(network, machine(mac=1, add=1))
    assert (spent.seconds, spent.num_operations) == (pytest.approx(6e-9), 24)


def one_operator(network: workload.Workload) -> workload.Workload:
    """The network as the cascade of a single operator of its source."""
    einsums = tuple(replace(einsum, origin="node") for einsum in network.einsums)
    return replace(network, einsums=einsums)


def test_parts_of_an_operator_that_is_one_step_are_still_work():
    """A softmax over 4 of 12 values: largest, shifted, powers, sums and shares, 12 points each."""
    softmax = workload.cascade.parse("""
        rank a = 3, b = 4
        input X[a, b]
        M[a] = max(b: X[a, b])
        E[a, b] = exp(X[a, b] - M[a])
        D[a] = add(b: E[a, b])
        A[a, b] = E[a, b] / D[a]
    """)
    network = workload.by_operator(one_operator(softmax))
    assert [einsum.map_op for einsum in network.einsums] == ["copy"]
    does = dict.fromkeys(("mac", "max", "subtract", "exp", "add", "divide"), 1)
    spent = done_in_place(network, machine(**does))
    assert sum(own.num_operations for own in spent) == 5 * 12
    assert "exp" in told_in_place(network, machine(mac=1))[0]


def test_products_inside_of_an_operator_count_among_the_products():
    head = layers()
    one = workload.by_operator(one_operator(head))
    assert len(one.einsums) == 1
    assert one.num_macs == head.num_macs == 3 * 8 * 5 + 3 * 5 * 4
    assert str(workload.coverage(one, ())).startswith("100 % of the MACs")


@pytest.mark.parametrize("goal", ["latency", "energy"])
@pytest.mark.parametrize("seed", [2, 15, 126])
def test_the_best_of_a_mapspace_stays_the_best_with_work_in_place(seed, goal):
    """Enumerated without, by hand with it: a sum of every result of the last Einsum."""
    plain, chip = fusion_by_hand.cascade(seed), fused_by_hand.machine(seed)
    last = plain.einsums[-1]
    ranks = tuple(r for r in last.ranks if any(r.name in dict(a.terms) for a in last.output.index))
    more = replace(last, name="more", ranks=ranks, inputs=(last.output, last.output), map_op="add",
                   unary=(), reduce_op="none")  # fmt: skip
    network = replace(plain, in_place=(more,))
    (own,) = done_in_place(network, chip)
    found = cost.fused(network, chip, goal=goal, is_whole=True)
    least = fused_by_hand.least(plain, chip, goal)
    added = own.seconds if goal == "latency" else own.joules
    assert added > 0
    assert found.value == pytest.approx(least + added, rel=1e-9)
    assert found.is_optimal


def test_networks_beside_each_other_and_repetitions_keep_their_work_in_place():
    network = workload.fuse(layers())
    both = workload.joined((network, network))
    assert [einsum.name for einsum in both.in_place] == ["net.act1", "net_2.act1"]
    assert set(both.in_place[1].reads) == {"net_2." + network.in_place[0].reads[0]}
    weights = {tensor.name for tensor in network.tensors if tensor.kind == "weight"}
    four = workload.batched(network, {"g": 4}, shared=weights)
    (spent,) = done_in_place(four, machine(mac=1, gelu=3))
    assert spent.num_operations == 60


def test_a_product_that_no_unit_does_is_missing_in_both_totals():
    """Alone, in a given group, and inside of an operator that is one step."""
    network, unable = layers(), machine(gelu=1)
    names = ["linear0", "linear2"]
    assert [name for name, _ in cost.products_undone(network, unable)] == names
    alone = cost.estimate_network(network, unable)
    given = cost.estimate_network(network, unable, fixed=cost.fused(network, unable).mapping)
    assert [name for name, _ in alone.left_out] == [name for name, _ in given.left_out] == names
    assert str(given.coverage).startswith("0 % of the MACs")
    inside = workload.by_operator(one_operator(network))
    found = cost.estimate_network(inside, unable)
    assert [name for name, _ in found.left_out] == names
    assert not any("mac:" in text for text in found.total.assumptions)
