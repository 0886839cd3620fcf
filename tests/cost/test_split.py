from __future__ import annotations

import pytest

from netwright import arch
from netwright.cost import split
from netwright.errors import ConfigError, GraphError, Infeasible
from netwright.mapping import check_legal, faults
from netwright.workload import Builder, fuse, resnet9, unet

SMALL = resnet9(image=(1, 8, 8), stem=4, filters=(8,), skips=(1,))
OTHER = unet(image=(1, 8, 8), height=1, filters=4)


@pytest.fixture(scope="module")
def pair():
    return arch.find("unlike_pair")


@pytest.fixture(scope="module")
def both(pair):
    return split([fuse(SMALL), fuse(OTHER)], pair)


def test_the_mapping_is_legal_and_says_all(pair, both):
    check_legal(both.workload, pair, both.mapping)
    assert set(both.mapping.order) == {einsum.name for einsum in both.workload.einsums}
    assert set(both.mapping.nests) == {run.name for run in both.runs}
    bound = both.mapping.bindings
    assert {run.name: f"{run.unit}_mac" for run in both.runs} == dict(bound)
    wrong = {**bound, both.runs[0].name: "nobody"}
    from dataclasses import replace

    told = faults(both.workload, pair, replace(both.mapping, bindings=wrong))
    assert any('there is no compute unit "nobody"' in text for text in told)


def test_the_schedule_follows_from_the_mapping(both):
    """Order and bindings alone give the starts once more."""
    run_of = {name: run for run in both.runs for name in run.einsums}
    made = {e.output.tensor: e.name for e in both.workload.einsums}
    by_name = {e.name: e for e in both.workload.einsums}
    free: dict[str, float] = {}
    ends: dict[str, float] = {}
    for name in both.mapping.order:
        run = run_of[name]
        if name != run.einsums[0]:
            continue
        needs = [ends[run_of[made[t]].name] for own in run.einsums for t in by_name[own].reads
                 if t in made and run_of[made[t]] is not run]  # fmt: skip
        start = max([free.get(run.unit, 0.0), *needs])
        assert start == pytest.approx(run.start_s)
        free[run.unit] = ends[run.name] = start + run.end_s - run.start_s
    assert max(ends.values()) == pytest.approx(both.seconds)


def test_energy_and_area_are_sums(pair, both):
    assert both.joules == pytest.approx(sum(run.joules for run in both.runs))
    assert both.area_m2 == pytest.approx(sum(arch.sized(own).area_m2 for own in pair.accelerators))
    assert 0 < both.busy("channels") <= 1
    assert both.coverage.is_whole


def test_two_accelerators_are_no_slower_than_one(pair, both):
    alone = arch.with_accelerators(pair, pair.accelerators[:1])
    one = split([fuse(SMALL), fuse(OTHER)], alone)
    assert both.seconds <= one.seconds
    assert {run.unit for run in one.runs} == {"channels"}


def test_a_limit_costs_energy(pair, both):
    cheap = split([fuse(SMALL), fuse(OTHER)], pair, aim="energy")
    tight = split([fuse(SMALL), fuse(OTHER)], pair, aim="energy", limit_s=both.seconds)
    assert cheap.joules <= tight.joules <= both.joules * (1 + 1e-9)
    assert tight.seconds <= both.seconds * (1 + 1e-9)
    greedy = split([fuse(SMALL), fuse(OTHER)], pair, limit_s=cheap.seconds, method="greedy")
    assert greedy.joules >= cheap.joules * (1 - 1e-9)


def test_bad_input_is_named(pair, both):
    with pytest.raises(ConfigError, match="a greedy split needs a limit"):
        split([SMALL], pair, method="greedy")
    with pytest.raises(ConfigError, match=r"must be above 0 s and at most 1e.06 s, not -1 s"):
        split([SMALL], pair, limit_s=-1.0)
    with pytest.raises(ConfigError, match=r"at most 1e.06 s, not inf s"):
        split([SMALL], pair, limit_s=float("inf"))
    with pytest.raises(Infeasible, match="no split of the steps ends in 100 cycles; the shortest"):
        split([SMALL, OTHER], pair, limit_s=100e-9)
    small = arch.with_settings(pair, ["pixels.buffer=64B", "channels.buffer=64B"])
    with pytest.raises(GraphError) as caught:
        split([SMALL], small)
    assert "no accelerator runs it (channels: its smallest tiles do not fit" in str(caught.value)
    assert "; pixels: its smallest tiles do not fit into a buffer of 64 B)" in str(caught.value)
    b = Builder("still")
    with pytest.raises(GraphError, match="nothing of"):
        split([b.finish(b.activate(b.input((1, 4))))], pair)
    b = Builder("video")
    with pytest.raises(GraphError, match="no accelerator runs it"):
        split([b.finish(b.conv(b.input((1, 2, 4, 4, 4)), 3, 3))], pair)
