from __future__ import annotations

from netwright.workload import Builder
from netwright.workload.passes import passes, rank_names
from netwright.workload.unified import unified


def test_numbered_axes_are_no_partitions():
    b = Builder("net")
    workload = b.finish(b.activate(b.input((3, 4, 5))))
    assert rank_names(unified(workload)) == ("act0.B0", "act0.B1", "act0.B2")


def test_ranks_are_the_same_along_an_axis():
    b = Builder("net")
    x = b.linear(b.input((1, 7, 5)), 3)
    workload = unified(b.finish(b.norm(b.linear(b.activate(x), 9))))
    assert rank_names(workload) == ("linear0.B1", "linear0.B2", "linear0.M", "linear2.M")
    assert [[rank.name for rank in einsum.ranks] for einsum in workload.einsums[:3]] == [
        ["linear0.B1", "linear0.B2", "linear0.M"],
        ["linear0.B1", "linear0.M"],
        ["linear0.B1", "linear0.M", "linear2.M"],
    ]
    assert workload.num_macs == 7 * 5 * 3 + 7 * 3 * 9


def test_queries_and_keys_stay_two_ranks():
    b = Builder("net")
    workload = unified(b.finish(b.attention(b.input((1, 6, 8)), 2)))
    scores = next(e for e in workload.einsums if e.name.endswith("scores"))
    assert len({rank.name for rank in scores.ranks}) == len(scores.ranks)
    counts = {name: passes(workload, name).count for name in rank_names(workload)}
    assert sorted(counts.values())[-1] == 3
