from __future__ import annotations

from itertools import product

import pytest

from netwright import arch
from netwright.cost import pipeline
from netwright.cost.keeps import Keeping, Treatment, is_less, value_of
from netwright.cost.price import price
from netwright.mapping import Group, Keep, Loop, Mapping, faults
from netwright.mapping.ranks import aligned
from netwright.workload import cascade
from tests.cost.small import figure, memory

WORKLOAD = aligned(
    cascade.parse("""
    rank a = 4, b = 4, c = 4
    input A[a, b], B[b, c], C[a, c]
    T[a, c] = add(b: A[a, b] * B[b, c])
    S[a, c] = T[a, c] + C[a, c]
""")
)
GROUP = Group("g", ("T", "S"), (Loop("a", 1),))
BOUND = {"T": "unit", "S": "unit"}


def chip(size: int, **changes: object) -> arch.Architecture:
    unit = arch.Compute(
        kind="compute", name="unit", parent="near", rate=figure(1e9, "op/s"),
        energy=figure(1e-12), operators={name: arch.Operator() for name in ("mac", "add")},
    )  # fmt: skip
    nodes = (
        memory("dram", speed=1.0, energy=20.0), memory("pad", "dram", size=size, **changes),
        memory("near", "pad", size=4, energy=0.1, double_buffered=False), unit,
    )  # fmt: skip
    return arch.Architecture(name="small", nodes=nodes)


def decided(keeps: tuple[Keep, ...]) -> Mapping:
    group = Group(GROUP.name, GROUP.einsums, GROUP.loops, (), keeps)
    return Mapping("unfused", GROUP.einsums, bindings=BOUND, groups=(group,))


TREATMENTS = [
    [Treatment(name, keep, frozenset()) for keep in (None, *keeps)]
    for name, keeps in {
        "A": (Keep("pad", "A", 0), Keep("pad", "A", 1)),
        "B": (Keep("pad", "B", 0),),
        "C": (Keep("pad", "C", 0), Keep("pad", "C", 1)),
        "T": (Keep("pad", "T", 1), Keep("near", "T", 1)),
        "S": (Keep("pad", "S", 0),),
    }.items()
]


@pytest.mark.parametrize("buffered", [False, True])
@pytest.mark.parametrize(("size", "goal"), [(12, "latency"), (20, "energy"), (60, "edp")])
def test_best_of_all_keeps_that_are_legal(size, goal, buffered):
    """Every combination is judged and priced; the best one is found."""
    machine = chip(size, double_buffered=buffered)
    values = {}
    for choice in product(*TREATMENTS):
        keeps = tuple(own.keep for own in choice if own.keep is not None)
        if not faults(WORKLOAD, machine, decided(keeps)):
            values[keeps] = value(machine, goal, keeps)
    assert len(values) > 4
    found = Keeping(WORKLOAD, machine, BOUND, GROUP, goal, most=None).best(TREATMENTS, None)
    assert found is not None
    own = value(machine, goal, tuple(sorted(found, key=lambda keep: "ABCTS".index(keep.tensor))))
    assert own[0] == pytest.approx(min(values.values())[0], rel=1e-12)
    assert faults(WORKLOAD, machine, decided(found)) == ()


def value(machine, goal, keeps):
    (group,) = decided(keeps).groups
    spent = price(pipeline.count(WORKLOAD, machine, decided(keeps), group), machine)
    return value_of(goal, spent.seconds, spent.joules)


def test_nothing_fits_and_nothing_is_better():
    one = [[Treatment("T", Keep("near", "T", 0), frozenset())], *TREATMENTS[:3], TREATMENTS[4]]
    assert Keeping(WORKLOAD, chip(60), BOUND, GROUP, "latency").best(one, None) is None
    assert Keeping(WORKLOAD, chip(60), BOUND, GROUP, "latency").best(TREATMENTS, (0.0, 0.0)) is None


def test_two_that_are_needed_again_do_not_stream_in_one_einsum():
    missing = [
        [Treatment(name, None, frozenset({0}))] for name in ("A", "B")
    ] + [[own[0]] for own in TREATMENTS[2:]]  # fmt: skip
    assert Keeping(WORKLOAD, chip(60), BOUND, GROUP, "latency").best(missing, None) is None


def test_less_is_by_more_than_rounding():
    assert is_less((1.0, 2.0), (1.0 + 1e-12, 3.0))
    assert not is_less((1.0, 3.0), (1.0 + 1e-12, 3.0))
    assert is_less((0.9, 9.0), (1.0, 1.0))


@pytest.mark.parametrize("keep", [Keep("pad", "T", 1), Keep("near", "T", 1), Keep("pad", "A", 1)])
@pytest.mark.parametrize("buffered", [False, True])
def test_a_trial_says_what_the_engine_counts(keep, buffered):
    machine = chip(60, double_buffered=buffered)
    trial = pipeline.Trial(WORKLOAD, machine, decided(()), GROUP)
    for keeps, kept in (((), None), ((keep,), keep)):
        (group,) = decided(keeps).groups
        counts = pipeline.count(WORKLOAD, machine, decided(keeps), group)
        own = [action for action in counts.actions if action.tensor == keep.tensor]
        assert sorted(map(str, trial.actions(keep.tensor, kept))) == sorted(map(str, own))
        assert trial.steps == counts.steps
