from __future__ import annotations

import csv
from dataclasses import replace
from importlib.resources import files

import pytest

from netwright import arch, cost
from netwright.cost import pipeline
from netwright.errors import MappingError
from netwright.mapping import Group, Keep, Loop, Mapping, Phase
from netwright.mapping.group_legality import group_faults
from tests.cost import attention_closed_form as closed
from tests.cost.attention import ROW, SQUARE, Sizes, mapped, one_pass, three_pass
from tests.cost.tile_events import Task, simulate

MACHINES = {
    "binding": "fusemax", "architecture": "fusemax", "cascade": "flat_one_pass", "flat": "flat",
}  # fmt: skip


def run(configuration: str, point: closed.Point) -> cost.Estimate:
    """One point of the published grid, through the engine."""
    heads, width = closed.HEADS[point.model]
    sizes = Sizes(closed.BATCH * heads, width, point.tokens, point.tokens)
    workload = three_pass(sizes) if configuration == "flat" else one_pass(sizes)
    tiles = closed.query_tiles(point, scores_kept=configuration == "cascade")
    mapping = mapped(configuration, sizes, tiles)
    machine = arch.find(MACHINES[configuration])
    if configuration != "flat":
        assert group_faults(workload, machine, mapping, mapping.groups[0]) == ()
    return pipeline.estimate(workload, machine, mapping)


@pytest.mark.parametrize("configuration", ["binding", "architecture", "cascade"])
@pytest.mark.parametrize("model", ["bert", "xlm"])
def test_one_pass_equals_the_closed_form(configuration, model):
    for point in (p for p in closed.POINTS if p.model == model):
        found = run(configuration, point)
        assert found.seconds == pytest.approx(closed.latency(configuration, point), rel=1e-12)
        kept = configuration == "cascade"
        assert found.bytes_moved["dram"] == closed.traffic(point, scores_kept=kept)


def test_three_passes_equal_the_closed_form_where_no_traffic_is_given():
    points = [p for p in closed.POINTS if (p.model, p.tokens) not in closed.FLAT_TRAFFIC]
    assert len(points) == 16
    for point in points:
        if point.model in ("bert", "xlm"):
            found = run("flat", point)
            assert found.seconds == pytest.approx(closed.latency("flat", point), rel=1e-12)


def test_closed_form_equals_the_published_tables():
    text = files("netwright.studies").joinpath("fusemax_data/tables.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    seen = 0
    for row in rows:
        if row["configuration"] not in MACHINES:
            continue
        point = closed.Point(row["model"], int(row["tokens"]))
        ours = closed.latency(row["configuration"], point)
        assert ours == pytest.approx(float(row["latency_s"]), rel=1e-12)
        if row["configuration"] != "flat":
            kept = row["configuration"] == "cascade"
            assert closed.traffic(point, scores_kept=kept) == int(row["traffic_bytes"])
        seen += 1
    assert seen == 96


def tasks(width: int, length: int, *, passing: int = 0) -> tuple[Task, ...]:
    """The steps of one tile of 256 keys and 256 queries, cycles typed in."""
    return (
        Task("QK", "square", width), Task("LM", "square", 1, ("QK",), latency=passing),
        Task("RM", "row", 1, ("LM",), "RM"), Task("SLN", "square", 7, ("RM",)),
        Task("SLD", "square", 1, ("SLN",)), Task("PRM", "row", 7, ("RM",)),
        Task("SPD", "row", 1, ("PRM",), "RD"), Task("SLNV", "square", width, ("SLN",)),
        Task("SPNV", "row", width, ("PRM",), "RNV"), Task("RD", "row", 1, ("SLD", "SPD")),
        Task("RNV", "row", width, ("SLNV", "SPNV")),
        Task("AV", "row", width, ("RD", "RNV"), every=length),
    )  # fmt: skip


@pytest.mark.parametrize(("model", "tokens"), [("bert", 1024), ("bert", 4096), ("xlm", 16384)])
def test_events_show_the_utilization_of_two_tiles_at_a_time(model, tokens):
    width, length = closed.HEADS[model][1], tokens // 256
    cycles, busy = simulate(tasks(width, length), chains=24, length=length, in_flight=2)
    found = run("binding", closed.Point(model, tokens)).utilization_by
    assert busy["square"] / cycles == pytest.approx(found[SQUARE], rel=0.03)
    assert busy["row"] / cycles == pytest.approx(found[ROW], rel=0.03)


def test_events_show_that_one_tile_at_a_time_waits_for_the_column():
    steps = tasks(64, 16, passing=256)
    cycles, busy = simulate(steps, chains=24, length=16, in_flight=1)
    found = run("architecture", closed.Point("bert", 4096)).utilization_by
    # The published phases let the last product of a tile run beside the next tile.
    assert busy["square"] / cycles == pytest.approx(found[SQUARE], rel=0.03)


def test_tiles_that_are_not_whole_take_whole_steps():
    """300 queries in tiles of 256: the second takes as many steps as the first."""
    sizes = Sizes(1, 8, 512, 300)
    workload = one_pass(sizes)
    mapping = mapped("binding", sizes)
    counts = pipeline.count(workload, arch.find("fusemax"), mapping, mapping.groups[0])
    whole = Sizes(1, 8, 512, 512)
    full = mapped("binding", whole)
    other = pipeline.count(one_pass(whole), arch.find("fusemax"), full, full.groups[0])
    assert counts.num_steps == other.num_steps
    assert counts.num_operations * 512 == other.num_operations * 300


def test_one_query_leaves_the_columns_idle():
    sizes = Sizes(1, 64, 4096, 1)
    workload = one_pass(sizes)
    mapping = mapped("binding", sizes)
    machine = arch.find("fusemax")
    found = cost.price(pipeline.count(workload, machine, mapping, mapping.groups[0]), machine)
    assert found.utilization_by[SQUARE] < 1 / 256


def test_three_einsums_by_hand():
    """Two units of one copy: 2 tiles of 3 points, a product and a sum beside an exponential."""
    sizes = Sizes(1, 4, 6, 2, tile=3)
    workload = one_pass(sizes)
    machine = arch.find("fusemax").with_fanout("square", (1, 1)).with_fanout("row", (1,))
    group = Group("g", ("QK",), (Loop("m1", 1),), keeps=(Keep("buffer", "Q", 0),))
    mapping = Mapping("unfused", tuple(e.name for e in workload.einsums), bindings={"QK": SQUARE})
    counts = pipeline.count(workload, machine, mapping, group)
    # 4 x 3 x 2 products a tile; Q is fetched once, the keys of each tile once, scores leave.
    assert counts.num_steps == 2 * 24
    assert counts.amount("dram", "read", "Q") == 8 * 16
    assert counts.amount("dram", "read", "K") == 24 * 16
    assert counts.amount("dram", "write", "QK") == 12 * 16
    assert counts.amount("buffer", "read", "Q") == 2 * 8 * 16
    assert counts.amount(SQUARE, "compute") == 48


def test_partial_sums_come_back_for_every_tile_along_a_summed_rank():
    sizes = Sizes(1, 4, 6, 2, tile=3)
    workload = three_pass(sizes)
    order = tuple(e.name for e in workload.einsums)
    group = Group("g", ("SD",), (Loop("m", 2),), keeps=(Keep("buffer", "SD", 0),))
    mapping = Mapping("unfused", order, bindings={"SD": ROW})
    counts = pipeline.count(workload, arch.find("fusemax"), mapping, group)
    assert counts.amount("buffer", "write", "SD") == 3 * 2 * 16
    assert counts.amount("buffer", "read", "SD") == 2 * 2 * 16 + 2 * 16  # and out at the end
    assert counts.amount("dram", "write", "SD") == 2 * 16


def test_loads_hold_up_a_memory_that_is_not_double_buffered():
    sizes = Sizes(1, 64, 1024, 256)
    workload = one_pass(sizes)
    mapping = mapped("binding", sizes)
    machine = arch.find("fusemax")
    single = machine.with_changes("buffer", {"double_buffered": False})
    both = [
        cost.price(pipeline.count(workload, m, mapping, mapping.groups[0]), m)
        for m in (machine, single)
    ]
    loads = 2 * 64 * (256 + 2 * 1024)
    assert both[1].seconds == pytest.approx(
        both[0].seconds + loads / machine.memory("buffer").bandwidth.value
    )


def test_a_slower_memory_decides_the_time():
    sizes = Sizes(1, 64, 1024, 256)
    workload = one_pass(sizes)
    mapping = mapped("binding", sizes)
    figure = arch.Figure(value=1.0, unit="MB/s", source="test")
    machine = arch.find("fusemax").with_changes("dram", {"bandwidth": figure})
    found = cost.price(pipeline.count(workload, machine, mapping, mapping.groups[0]), machine)
    assert found.bound == "dram"
    assert found.seconds == pytest.approx(found.bytes_moved["dram"] / 1e6)


def test_phases_wait_for_their_busiest_unit_and_a_single_phase_does_not():
    sizes = Sizes(1, 64, 1024, 256)
    workload = one_pass(sizes)
    mapping = mapped("binding", sizes)
    group = mapping.groups[0]
    machine = arch.find("fusemax")
    both = {u: tuple(n for p in group.phases for n in p.steps.get(u, ())) for u in (SQUARE, ROW)}
    ways = {"published": group.phases, "one by one": (), "together": (Phase(both),)}
    steps = {}
    for name, phases in ways.items():
        other = replace(group, phases=phases)
        steps[name] = pipeline.count(workload, machine, mapping, other).num_steps
    assert steps["together"] <= steps["published"] < steps["one by one"]


def test_estimate_wants_every_einsum_in_a_group():
    workload = one_pass(Sizes(1, 4, 512, 256))
    mapping = Mapping("unfused", tuple(e.name for e in workload.einsums))
    with pytest.raises(MappingError, match='Einsum "QK" is in no group'):
        pipeline.estimate(workload, arch.find("fusemax"), mapping)


@pytest.mark.parametrize(("model", "tokens"), [("bert", 1024), ("xlm", 4096)])
def test_events_show_that_longer_tiles_of_keys_keep_the_square_array_busy(model, tokens):
    """Half as many corrections: the row has time to spare, the square array has none."""
    width, length = closed.HEADS[model][1], tokens // 512
    steps = tuple(
        replace(task, cycles=2 * task.cycles) if task.unit == "square" else task
        for task in tasks(width, length)
    )
    cycles, busy = simulate(steps, chains=24, length=length, in_flight=3)
    assert busy["square"] / cycles == pytest.approx(1, abs=0.03)
    sizes = Sizes(64, width, tokens, tokens, tile=512)
    machine = arch.find("fusemax")
    found = pipeline.estimate(one_pass(sizes), machine, mapped("wide", sizes, tiles=2))
    assert found.utilization_by[SQUARE] == pytest.approx(1, abs=1e-9)
    assert busy["row"] / cycles == pytest.approx(found.utilization_by[ROW], rel=0.03)


@pytest.mark.parametrize(("model", "tokens"), [("bert", 65536), ("xlm", 1024)])
def test_energy_of_the_published_mapping_without_what_only_we_write(model, tokens):
    """The artifact's totals have room for one of the three results of a tile that we write."""
    heads, width = closed.HEADS[model]
    sizes = Sizes(closed.BATCH * heads, width, tokens, tokens)
    workload, machine = one_pass(sizes), arch.find("fusemax")
    tiles = closed.query_tiles(closed.Point(model, tokens), scores_kept=False)
    mapping = mapped("binding", sizes, tiles)
    (group,) = mapping.groups
    counts = pipeline.count(workload, machine, mapping, group)
    more = [a for a in counts.actions if a.component == "buffer" and a.tensor in ("SLNV", "SPNV")]
    less = replace(counts, actions=tuple(a for a in counts.actions if a not in more))
    text = files("netwright.studies").joinpath("fusemax_data/tables.csv").read_text()
    (published,) = (
        float(row["energy_j"]) for row in csv.DictReader(text.splitlines())
        if tuple(row.values())[:3] == ("binding", model, str(tokens))
    )  # fmt: skip
    assert {(a.tensor, a.kind) for a in more} == {
        (t, k) for t in ("SLNV", "SPNV") for k in ("read", "write")
    }
    assert cost.price(less, machine).joules == pytest.approx(published, rel=5e-3)
    assert cost.price(counts, machine).joules > 1.018 * published
