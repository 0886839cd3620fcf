from __future__ import annotations

from netwright import arch
from netwright.mapping.loopnest import Keep, Loop, LoopNest, arrays_between, memories_of
from netwright.mapping.operation import operation
from netwright.workload import Builder


def test_nest_prints_as_loops():
    b = Builder("m")
    b.linear(b.input((4, 6)), 5)
    workload = b.finish()
    op = operation(workload, workload.einsums[0])
    nest = LoopNest(
        (Loop("M", 2), Loop("B1", 1, "grid"), Loop("M", 1), Loop("B0", 1)),
        (Keep("dram", "input0", 0), Keep("reg", "linear0.weight", 2)),
    )
    assert nest.counts(op) == (3, 6, 2, 4)
    assert nest.show(op) == (
        "[dram keeps input0]\n"
        "for M in 3 x 2\n"
        "  for C in 6 x 1 along grid[0]\n"
        "    [reg keeps linear0.weight]\n"
        "    for M in 2 x 1\n"
        "      for P in 4 x 1"
    )
    assert nest.places("linear0.weight") == (Keep("reg", "linear0.weight", 2),)
    other = nest.renamed({"linear0.weight": "linear7.weight"})
    assert other.places("linear7.weight") == (Keep("reg", "linear7.weight", 2),)


def test_path_of_a_machine():
    machine = arch.find("eyeriss")
    assert [m.name for m in memories_of(machine)] == [
        "dram", "buffer", "filters", "images", "sums",
    ]  # fmt: skip
    assert [a.name for a in arrays_between(machine, "dram", "filters")] == ["elements"]
    assert list(arrays_between(machine, "dram", "buffer")) == []
    assert list(arrays_between(machine, "filters", "mac")) == []
