"""Bytes, cycles and operations of one sparse layer are what `stored` says, in every engine."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import pytest

from netwright import arch, cost
from netwright.arch import Architecture
from netwright.cost import events, fused, loopnest, pipeline, stream, systolic
from netwright.cost.dataflows import shape_of
from netwright.cost.mapper import search
from netwright.errors import ConfigError, GraphError
from netwright.formats import E2M1, MXFP4, NM, Blocks, Density, Format, Int, NumberFormat, Pattern
from netwright.mapping import (
    Group,
    Loop,
    Mapping,
    Operation,
    Schedule,
    faults,
    fusion,
    operation,
    place,
)
from netwright.mapping.zeros import EVENLY
from netwright.workload import Builder, Workload, cascade
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


def layer(
    number: NumberFormat, pattern: Pattern | None, *, rows: int = 8, inputs: int = 16,
    outputs: int = 16,
) -> Workload:  # fmt: skip
    b = Builder("net")
    return held(b.finish(b.linear(b.input((rows, inputs)), outputs)), WEIGHT, number, pattern)


def held(plain: Workload, name: str, number: NumberFormat, pattern: Pattern | None) -> Workload:
    """A workload with one tensor in another format."""
    tensors = tuple(
        replace(t, format=Format(number, pattern=pattern)) if t.name == name else t
        for t in plain.tensors
    )
    return replace(plain, tensors=tensors)


def exploiting(wanted: Architecture, *kinds: str) -> Architecture:
    nodes = tuple(
        node.model_copy(update={"exploits": kinds}) if node.kind == "compute" else node
        for node in wanted.nodes
    )
    return wanted.model_copy(update={"nodes": nodes})


def share(workload: Workload, name: str = WEIGHT) -> tuple[Fraction, Fraction]:
    """Stored bits of a weight, and the share of the weights that is stored."""
    kept = workload.by_name[name].stored
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


def flat(speed: float) -> Architecture:
    """A buffer and four units that multiply."""
    small = machine(size=4096, speed=speed, buffered=True)
    nodes = tuple(
        node.model_copy(update={"parent": "pad"}) if node.name == "grid" else
        node.model_copy(update={"parent": "grid"}) if node.kind == "compute" else node
        for node in small.nodes if node.name not in ("reg", "bus")
    )  # fmt: skip
    return small.model_copy(update={"nodes": nodes})


@pytest.mark.parametrize(("number", "pattern"), PATTERNS)
@pytest.mark.parametrize("exploits", [(), ("nm", "blocks")])
def test_fusion(number: NumberFormat, pattern: Pattern | None, exploits: tuple[str, ...]) -> None:
    """By hand: what comes and goes does so once, and four units work all the time."""
    sparse = layer(number, pattern)
    bits, kept = share(sparse)
    skips = pattern is not None and pattern.kind in exploits
    moved = 128 * 8 + up(256 * bits) + 128 * 8
    for speed in (0.25, 4.0):
        found = fused(sparse, exploiting(flat(speed), *exploits))
        cycles = up(2048 * (kept if skips else Fraction(1)) / 4)
        assert found.seconds * 1e9 == pytest.approx(max(cycles, moved / 8 / speed))
        assert found.is_optimal
    assert fusion(sparse, flat(4.0)).num_bytes * 8 == moved
    assert fused(sparse, flat(4.0), goal="energy").num_bytes * 8 == moved


def products(extent: int, number: NumberFormat, pattern: Pattern | None) -> Workload:
    """Each element of a tensor times one of the weights."""
    found = cascade.parse(f"""
        rank a = {extent}, b = {extent}
        input A[a, b], W[a, b]
        T[a, b] = A[a, b] * W[a, b]
    """)
    return held(found, "W", number, pattern)


@pytest.mark.parametrize(("number", "pattern"), PATTERNS)
@pytest.mark.parametrize("exploits", [(), ("density",)])
def test_stream(number: NumberFormat, pattern: Pattern | None, exploits: tuple[str, ...]) -> None:
    """Products of elements alone, on four units; the pipeline counts them alike."""
    sparse = products(16, number, pattern)
    unit = flat(4.0).nodes[-1].model_copy(update={"operators": {"multiply": arch.Operator()}})
    four = flat(4.0).model_copy(update={"nodes": (*flat(4.0).nodes[:-1], unit)})
    four = exploiting(four, *exploits)
    bits, kept = share(sparse, "W")
    work = kept if exploits and pattern is not None else Fraction(1)
    counts = stream.count(sparse, sparse.einsums[0], four)
    assert counts.steps == ({"mac": up(64 * work)},)
    assert counts.num_operations == up(256 * work)
    assert counts.amount("dram", "read", "W") == 8 * up(256 * bits / 8)
    assert counts.amount("dram", "read", "A") == 256 * 8
    assert bool(pattern) == any(f"of W, {pattern}" in line or f"of W too, {pattern}" in line
                                for line in counts.assumptions)  # fmt: skip
    loops = (Loop("b", 4, "grid", 0), Loop("a", 8, "grid", 1))
    group = Group("T", ("T",), loops)
    mapping = Mapping("unfused", ("T",), bindings={"T": "mac"}, groups=(group,))
    whole = pipeline.count(sparse, four, mapping, group)
    assert whole.num_operations == counts.num_operations


def beside_banks(number: NumberFormat, pattern: Pattern | None) -> Workload:
    return layer(number, pattern, rows=1, inputs=512, outputs=256)


@pytest.mark.parametrize("bits", [16, 8, 4, 3, 1])
def test_banks_and_events(bits: int) -> None:
    """Two vectors for each of 128 banks, in columns of 256 bits, 16 elements a step."""
    narrow = beside_banks(Int(bits), None)
    banks = arch.find("gddr6-aim")
    dram = banks.memories[0].dram
    assert dram is not None
    mapping = place(narrow, banks)
    done = events.execute(narrow, banks, mapping, refresh=False)
    elements = 256 // bits
    columns, steps = -(-512 // elements), -(-elements // 16)
    if 256 % bits == 0:
        assert columns * 32 * 256 == narrow.by_name[WEIGHT].stored.num_bytes
    assert done.outcome.issued("load_buffer") == 8 * columns
    assert done.outcome.issued("mac_all") == 8 * 2 * columns * steps
    wanted = events.product_cycles(dram, columns=columns, vectors=2)
    assert done.outcome.cycles == wanted + 2 * columns * (steps - 1) * dram.cycles("ccd_l")
    assert done.counts[0].num_operations == 512 * 256


@pytest.mark.parametrize(("number", "pattern"), [*PATTERNS, (MXFP4, None)])
def test_engines_that_know_elements_alone_refuse_the_rest_by_name(
    number: NumberFormat, pattern: Pattern | None
) -> None:
    """Columns of banks, and templates of dataflows."""
    sparse, banks = beside_banks(number, pattern), arch.find("gddr6-aim")
    dense = layer(Int(number.bits), None, rows=1, inputs=512, outputs=256)
    kept = sparse.by_name[WEIGHT].stored
    if kept.num_bits == 512 * 256 * number.bits:
        assert place(sparse, banks) == place(dense, banks)
        assert shape_of(product(sparse)) == shape_of(product(dense))
        return
    told = f"has the zeros of {pattern}" if pattern else f"is {number}, whose elements share scales"
    with pytest.raises(ConfigError, match=re.escape(f'"{WEIGHT}" of "net" {told}')):
        cost.estimate_network(sparse, banks)
    with pytest.raises(GraphError, match=re.escape(f'"{WEIGHT}" {told}')):
        shape_of(product(sparse))
    given = place(dense, banks)
    assert any(f'layout of "{WEIGHT}": {told}' in fault for fault in faults(sparse, banks, given))


@pytest.mark.parametrize(("number", "pattern"), PATTERNS)
def test_what_the_host_reads_from_banks(number: NumberFormat, pattern: Pattern | None) -> None:
    """It lies there as it is stored, and so it is read."""
    sparse, banks = products(64, number, pattern), arch.find("gddr6-aim")
    mapping = place(sparse, banks)
    done = events.execute(sparse, banks, mapping, refresh=False)
    columns = [-(-sparse.by_name[name].stored.num_bytes // 32) for name in ("A", "W")]
    assert done.outcome.issued("read") == sum(columns)
