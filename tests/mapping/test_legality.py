"""The checker accepts what the mapper makes and finds every planted fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netwright.arch import find
from netwright.errors import MappingError
from netwright.mapping import Keep, Loop, LoopNest, check_legal, cosma, default_schedule, faults
from netwright.mapping.mapping import Group, Mapping, Residency
from netwright.workload import Builder, fuse
from tests.mapping.graphs import chain_with_skips, machine, random_workload

WORKLOAD = chain_with_skips([4, 8, 2, 1], [[], [0], [1], [0, 2]])
MACHINE = machine(16)


def stay(tensor: str, first: int, last: int, offset: int) -> Residency:
    return Residency(tensor, "scratchpad", first, last, offset)


LEGAL = Mapping(
    "unfused",
    ("e0", "e1", "e2", "e3"),
    (
        stay("x", 0, 0, 12),
        stay("t0", 0, 3, 0),
        stay("t1", 1, 2, 4),
        stay("t2", 2, 3, 12),
        stay("t3", 3, 3, 4),
    ),
)


def with_stay(index: int, **changes: object) -> Mapping:
    stays = list(LEGAL.residencies)
    stays[index] = replace(stays[index], **changes)
    return replace(LEGAL, residencies=tuple(stays))


def test_legal_mapping_has_no_faults():
    assert faults(WORKLOAD, MACHINE, LEGAL) == ()


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        (replace(LEGAL, order=("e0", "e1", "e2")), 'Einsum "e3" is not in the order'),
        (replace(LEGAL, order=(*LEGAL.order, "e9")), 'the order names "e9", which is no Einsum'),
        (replace(LEGAL, order=(*LEGAL.order, "e1")), 'Einsum "e1" is in the order more than once'),
        (
            replace(LEGAL, order=("e0", "e2", "e1", "e3")),
            'Einsum "e2" runs before "e1", from which it reads',
        ),
        (
            replace(LEGAL, granularity="fused"),
            "the mapping is fused, the workload is unfused",
        ),
        (with_stay(0, memory="l2"), '"x" at steps 0 to 0: there is no memory "l2"'),
        (with_stay(0, tensor="q"), '"q" at steps 0 to 0: there is no such tensor'),
        (with_stay(0, offset=14), '"x" at steps 0 to 0: it ends at byte 17 of 16'),
        (
            with_stay(4, last=4),
            '"t3" at steps 3 to 4: steps must lie in order from 0 to 3',
        ),
        (with_stay(3, first=1), '"t2" at steps 1 to 3: it is made at step 2 only'),
        (with_stay(3, offset=11), '"t2" at steps 2 to 3: bytes 11 to 11 hold "t1" at steps 1 to 2'),
        (with_stay(1, last=2), 'step 3 ("e3") needs "t0", which is not there'),
        (
            replace(LEGAL, residencies=(*LEGAL.residencies, stay("t0", 2, 3, 14))),
            '"t0" at steps 2 to 3: the tensor is there already since step 0',
        ),
        (
            with_stay(0, offset=-3),
            '"x" at steps 0 to 0: the offset must be 0 or more and a multiple of 1, not -3',
        ),
    ],
)
def test_planted_fault_is_found(mapping, fault):
    assert fault in faults(WORKLOAD, MACHINE, mapping)


def test_faults_are_reported_together():
    bad = replace(with_stay(0, offset=14), residencies=with_stay(0, offset=14).residencies[:4])
    with pytest.raises(MappingError) as caught:
        check_legal(WORKLOAD, MACHINE, bad)
    assert caught.value.message == (
        "the mapping has 2 faults\n"
        '  "x" at steps 0 to 0: it ends at byte 17 of 16\n'
        '  step 3 ("e3") needs "t3", which is not there'
    )


@pytest.mark.parametrize("seed", range(20))
def test_removing_or_moving_any_stay_of_a_solution_is_found(seed):
    workload = fuse(random_workload(seed))
    capacity = default_schedule(workload).largest_demand
    mapping = cosma(workload, machine(capacity), time_limit_s=10).mapping
    for index, own in enumerate(mapping.residencies):
        rest = mapping.residencies[:index] + mapping.residencies[index + 1 :]
        assert faults(workload, machine(capacity), replace(mapping, residencies=rest))
        outside = (*rest, replace(own, offset=capacity))
        assert faults(workload, machine(capacity), replace(mapping, residencies=outside))


NESTS = LoopNest((Loop("P", 1),), ())


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        (replace(LEGAL, bindings={"e9": "mac"}), 'a binding names "e9", which is no Einsum'),
        (
            replace(LEGAL, bindings={"e1": "x"}),
            'Einsum "e1": there is no compute unit "x"; units: mac',
        ),
        (replace(LEGAL, nests={"e9": NESTS}), 'a loop nest names "e9", which is no Einsum'),
        (replace(LEGAL, groups=(Group("g", ()),)), 'group "g" has no Einsum'),
        (replace(LEGAL, groups=(Group("g", ("e9",)),)), 'group "g": "e9" is no Einsum'),
        (
            replace(LEGAL, groups=(Group("g", ("e1", "e2")), Group("h", ("e2",)))),
            'group "h": Einsum "e2" is in group "g" already',
        ),
        (
            replace(LEGAL, groups=(Group("g", ("e1", "e3")),)),
            'group "g": its Einsums must run one right after the other',
        ),
        (
            replace(LEGAL, nests={"e1": NESTS}, groups=(Group("g", ("e1",)),)),
            'group "g": Einsum "e1" has a loop nest of its own',
        ),
    ],
)
def test_planted_fault_of_other_parts_is_found(mapping, fault):
    assert fault in faults(WORKLOAD, MACHINE, mapping)


def test_einsum_in_a_group_streams_and_needs_no_stay():
    alone = replace(LEGAL, residencies=(), groups=tuple(Group(n, (n,)) for n in LEGAL.order))
    assert faults(WORKLOAD, MACHINE, alone) == ()
    assert alone.staged == ()
    assert len(faults(WORKLOAD, MACHINE, replace(alone, groups=alone.groups[1:]))) == 2


def test_nest_of_a_mapping_is_judged():
    b = Builder("m")
    b.linear(b.input((4, 6)), 5)
    workload = b.finish()
    root = tuple(Keep("dram", name, 0) for name in ("input0", "linear0.weight", "linear0.out"))
    nest = LoopNest((Loop("B0", 1), Loop("B1", 1), Loop("M", 1)), root)
    mapping = Mapping("unfused", ("linear0",), nests={"linear0": nest})
    assert faults(workload, find("nvdla"), mapping) == ()
    short = replace(mapping, nests={"linear0": replace(nest, loops=nest.loops[1:])})
    assert faults(workload, find("nvdla"), short) == (
        'loop nest of "linear0": rank B0: the innermost tile must be 1, not 4',
    )
