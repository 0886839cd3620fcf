"""Bytes, cycles and operations of one sparse layer are what `stored` says, in every engine."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from netwright import arch, cost
from netwright.arch import Architecture
from netwright.cost import loopnest, pipeline, systolic
from netwright.cost.mapper import search
from netwright.formats import E2M1, NM, Blocks, Density, Format, Int, NumberFormat, Pattern
from netwright.mapping import Group, Mapping, Operation, Schedule, faults, operation
from netwright.mapping.zeros import EVENLY
from netwright.workload import Builder, Workload
from tests.cost.small import machine, one_memory

WEIGHT = "linear0.weight"
PATTERNS = (
    (Int(8), NM(2, 4, axis=1)),
    (Int(4), NM(1, 8, axis=1)),
    (E2M1, NM(2, 4, axis=0)),
    (Int(8), Blocks(4, axis=0, density=0.25)),
    (Int(8), Density(0.3)),
    (Int(1), NM(2, 4)),  # takes no less than all weights
    (Int(3), None),
)


def layer(number: NumberFormat, pattern: Pattern | None) -> Workload:
    b = Builder("net")
    b.linear(b.input((8, 16)), 16)
    plain = b.finish()
    tensors = tuple(
        replace(t, format=Format(number, pattern=pattern)) if t.name == WEIGHT else t
        for t in plain.tensors
    )
    return replace(plain, tensors=tensors)


def exploiting(wanted: Architecture, *kinds: str) -> Architecture:
    nodes = tuple(
        node.model_copy(update={"exploits": kinds}) if node.kind == "compute" else node
        for node in wanted.nodes
    )
    return wanted.model_copy(update={"nodes": nodes})


def share(workload: Workload) -> tuple[Fraction, Fraction]:
    """Stored bits of a weight, and the share of the weights that is stored."""
    kept = workload.by_name[WEIGHT].stored
    return (
        Fraction(kept.num_bits, kept.num_elements), Fraction(kept.num_values, kept.num_elements),
    )  # fmt: skip


def product(workload: Workload) -> Operation:
    return operation(workload, workload.einsums[0])


def up(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


@pytest.mark.parametrize(("number", "pattern"), PATTERNS)
@pytest.mark.parametrize("exploits", [(), ("nm", "blocks"), ("density",)])
def test_loop_nest(
    number: NumberFormat, pattern: Pattern | None, exploits: tuple[str, ...]
) -> None:
    plain, sparse = layer(Int(8), None), layer(number, pattern)
    small = exploiting(machine(size=600, register=24), *exploits)
    nest = search(product(plain), small).nest
    before = loopnest.count(product(plain), small, nest)
    after = loopnest.count(product(sparse), small, nest)
    bits, kept = share(sparse)
    skips = pattern is not None and bool({pattern.kind, "density"} & set(exploits))
    for old, new in zip(before.actions, after.actions, strict=True):
        if old.tensor == WEIGHT:
            assert new.amount == up(Fraction(old.amount, 8) * bits)
        elif old.kind == "compute":
            assert new.amount == (up(old.amount * kept) if skips else old.amount)
        else:
            assert new.amount == old.amount
    wanted = up(before.num_steps * kept) if skips else before.num_steps
    assert after.num_steps == wanted
    told = [line for line in after.assumptions if WEIGHT in line]
    assert bool(told) == (pattern is not None)
    assert (EVENLY in after.assumptions) == (pattern is not None)


def test_what_is_told_says_what_the_unit_does() -> None:
    sparse = layer(Int(8), NM(2, 4, axis=1))
    lines = {}
    for kinds in ((), ("nm",)):
        small = exploiting(one_memory(size=600), *kinds)
        lines[kinds] = cost.estimate_network(sparse, small).total.assumptions
    assert "mac multiplies by the zeros of linear0.weight too, NM(2:4)" in lines[()]
    text = "mac multiplies by 128 of 256 elements of linear0.weight, NM(2:4)"
    assert text in lines["nm",]


@pytest.mark.parametrize(("number", "pattern"), PATTERNS)
def test_the_search_proves_its_optimum_and_sparse_is_never_worse(
    number: NumberFormat, pattern: Pattern | None
) -> None:
    small = exploiting(machine(size=200, register=12), "density")
    dense = search(product(layer(number, None)), small)
    sparse = search(product(layer(number, pattern)), small)
    assert sparse.is_optimal
    assert sparse.value <= dense.value * (1 + 1e-12)


@pytest.mark.parametrize(("number", "pattern"), PATTERNS)
def test_pipeline(number: NumberFormat, pattern: Pattern | None) -> None:
    plain, sparse = layer(Int(8), None), layer(number, pattern)
    bits, kept = share(sparse)
    group = Group("fc", ("linear0",))
    mapping = Mapping("unfused", ("linear0",), groups=(group,))
    for kinds in ((), ("density",)):
        small = exploiting(one_memory(size=600), *kinds)
        assert faults(sparse, small, mapping) == ()
        before = pipeline.count(plain, small, mapping, group)
        after = pipeline.count(sparse, small, mapping, group)
        work = kept if kinds else Fraction(1)
        assert after.num_steps == up(before.num_steps * work)
        assert after.num_operations == up(before.num_operations * work)
        read = before.amount("dram", "read", WEIGHT)
        assert read > 0
        assert after.amount("dram", "read", WEIGHT) == up(Fraction(read, 8) * bits)
        assert bool(pattern) == any(WEIGHT in line for line in after.assumptions)


@pytest.mark.parametrize("dataflow", ["weight", "output", "row"])
def test_systolic(dataflow: systolic.Dataflow) -> None:
    sparse = product(layer(Int(8), NM(2, 4, axis=1)))
    unit = exploiting(machine(), "nm").path[-1]
    assert isinstance(unit, arch.Compute)
    whole = systolic.shape_of(sparse)
    skipping = systolic.shape_of(sparse, unit)
    shorter = replace(whole, channels=whole.channels // 2)
    assert skipping.num_macs * 2 == whole.num_macs
    found = systolic.systolic(skipping, (4, 4), dataflow)
    assert found == systolic.systolic(shorter, (4, 4), dataflow)
    assert found.cycles < systolic.systolic(whole, (4, 4), dataflow).cycles


@pytest.mark.parametrize(("number", "pattern"), PATTERNS)
def test_schedule_and_memory(number: NumberFormat, pattern: Pattern | None) -> None:
    sparse = layer(number, pattern)
    assert sparse.by_name[WEIGHT].num_bytes == sparse.by_name[WEIGHT].stored.num_bytes
    schedule = Schedule(sparse, ("linear0",), places_weights=True)
    assert schedule.sizes[WEIGHT] == sparse.by_name[WEIGHT].stored.num_bytes
