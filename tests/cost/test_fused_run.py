from __future__ import annotations

from netwright import arch
from netwright.cost.fused_run import RunMapper
from netwright.mapping.ranks import aligned
from netwright.mapping.runs import Runs
from netwright.workload import cascade


def mapper(text: str, name: str = "fusemax") -> RunMapper:
    machine = arch.find(name)
    workload = aligned(cascade.parse(text))
    return RunMapper(workload, machine, Runs(workload, machine, 4), "latency", {})


ROWS = """
    rank a = 256, b = 64
    input A[a, b], B[b]
    T[a] = add(b: A[a, b] * B[b])
    E[a] = exp(T[a])
"""


def test_no_group_beats_what_comes_and_goes():
    """By hand: A, B and E are 256 * 65 + 64 bytes, which 400 GiB a second bring."""
    own = mapper(ROWS)
    seconds, joules = own.least(0, 2)
    assert seconds == (256 * 65 + 64) / (400 * 2**30)
    way = own.best(0, 2)
    assert way is not None
    assert way.seconds >= seconds
    assert way.joules >= joules
    assert way.num_bytes == 256 * 65 + 64


def test_what_one_unit_reads_rests_in_its_registers():
    way = mapper(ROWS).best(0, 2)
    assert way is not None
    (kept,) = [keep for keep in way.group.keeps if keep.tensor == "T"]
    assert kept.memory.endswith("_registers")


def test_einsums_that_nobody_does_are_no_group():
    own = mapper("rank a = 4\ninput A[a]\nB[a] = erf(A[a])\nC[a] = exp(B[a])\n")
    assert own.best(0, 2) is None
    way = own.best(0, 1)
    assert way is not None
    assert way.bindings == {}
