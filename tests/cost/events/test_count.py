from __future__ import annotations

import pytest

from netwright import arch
from netwright.cost import estimate_network, price
from netwright.cost.events import Table, execute
from netwright.cost.events.bank_requests import read_requests
from netwright.errors import ConfigError, MappingError
from netwright.mapping import Banks, Layout, Mapping, place
from netwright.workload.builder import Builder


def dense(inputs, outputs, *, bits=16):
    b = Builder("dense", bits=bits)
    return b.finish(b.linear(b.input((1, 1, inputs)), outputs))


def cycles_by_hand(inputs, outputs, dram):
    """One product without refreshes: buffer, then each vector of each bank, row by row.

    Everything of a channel happens one after the other, so the distances just add up: loads at the
    pace of the pins; columns at theirs; after the last column of a vector its sum, and after that
    the next column, unless a row is opened first, which takes from the last column on.
    """
    time = dram.cycles
    per_bank = -(-outputs // (dram.channels * dram.banks))
    sizes = [min(1024, inputs - start) for start in range(0, inputs, 1024)]
    clock, column, open_row, last_mac, opened = 0, 0, None, None, None
    sums, loaded, read = None, None, None
    for size in sizes:
        steps = -(-size // 16)
        for _ in range(steps):
            waits = [clock]
            waits += [loaded + time("bl")] if loaded is not None else []
            waits += [sums + time("bl + turn")] if sums is not None else []
            loaded = max(waits)
            clock = loaded + 1
        for _ in range(per_bank):
            for _ in range(steps):
                row = column // dram.columns
                if row != open_row:
                    if open_row is not None:
                        clock = max(clock, last_mac + time("rtp"), opened + time("ras")) + 1
                        clock = max(clock - 1 + time("rp"), opened + time("rc"))
                    opened, open_row = clock, row
                    clock = opened + 1
                waits = [clock, opened + time("rcd_mac"), loaded + time("bl")]
                waits += [last_mac + time("ccd_l")] if last_mac is not None else []
                waits += [sums + time("bl")] if sums is not None else []
                last_mac = max(waits)
                clock, column = last_mac + 1, column + 1
            waits = [clock, last_mac + time("sum"), loaded + time("bl + wtr_s")]
            waits += [sums + time("bl")] if sums is not None else []
            sums = max(waits)
            clock, read = sums + 1, sums
    return read + max(time("bl"), 1)


@pytest.mark.parametrize(
    ("inputs", "outputs"), [(1024, 128), (64, 128), (100, 300), (1024, 4096), (2000, 512), (16, 1)]
)
def test_single_product_takes_what_adds_up_by_hand(inputs, outputs):
    machine = arch.find("gddr6-aim")
    workload = dense(inputs, outputs)
    done = execute(workload, machine, place(workload, machine), refresh=False)
    assert done.outcome.cycles == cycles_by_hand(inputs, outputs, machine.memories[0].dram)


def test_closed_form_of_whole_rows():
    """r rows of 64 columns each, one vector a row: nothing but four distances."""
    machine, rows = arch.find("gddr6-aim"), 8
    dram = machine.memories[0].dram
    workload = dense(1024, 128 * rows)
    done = execute(workload, machine, place(workload, machine), refresh=False)
    time = dram.cycles
    columns = 63 * time("ccd_l")
    between = time("rtp") + time("rp") + time("rcd_mac")  # from the last column of a row
    assert time("sum") + 1 <= time("rtp")  # the sum is read while the row waits to be closed
    wanted = (
        64 * time("bl") - 1  # the buffer is full, and the first row is opened right after
        + time("rcd_mac") + rows * columns + (rows - 1) * between + time("sum") + time("bl")
    )  # fmt: skip
    assert done.outcome.cycles == wanted


def test_commands_of_a_product_are_counted():
    machine = arch.find("gddr6-aim")
    workload = dense(1024, 4096)
    done = execute(workload, machine, place(workload, machine), refresh=False)
    issued = done.outcome.issued
    assert issued("mac_all") == 8 * 32 * 64
    assert issued("load_buffer") == 8 * 64
    assert issued("read_sums") == issued("activate_all") == 8 * 32
    (counts,) = done.counts
    assert counts.amount("pins", "cross") == 8 * 32 * (8 * 64 + 8 * 32)
    assert counts.num_operations == 1024 * 4096
    estimate = price(counts, machine)
    assert estimate.bytes_moved["banks"] == 2 * 1024 * 4096
    assert estimate.seconds == pytest.approx(done.outcome.cycles * 0.5e-9)


def test_energy_is_the_sum_over_commands():
    machine = arch.find("gddr6-aim")
    workload = dense(64, 64)
    done = execute(workload, machine, place(workload, machine), refresh=False)
    joules = price(done.counts[0], machine).joules_by
    cycles, active = done.outcome.cycles, done.outcome.active_cycles[0]
    wanted = (
        4 * 47205.6 + 4 * 4 * 1314.45 + 4 * 4 * 0.1628  # open, multiply, load
        + 263.75 * 0.5 * active + 183.15 * 0.5 * (8 * cycles - active)
    )  # fmt: skip
    assert joules["banks"] * 1e12 == pytest.approx(wanted, rel=1e-4)
    assert joules["pins"] * 1e12 == pytest.approx(44 * 32 * (4 * 4 + 4), rel=1e-9)


def test_refreshes_take_their_share():
    machine = arch.find("gddr6-aim")
    workload = dense(1024, 4096)
    mapping = place(workload, machine)
    without = execute(workload, machine, mapping, refresh=False).outcome
    with_them = execute(workload, machine, mapping).outcome
    assert without.issued("refresh") == 0
    assert with_them.issued("refresh") == 8 * (with_them.cycles // 3333)
    assert with_them.cycles > without.cycles


def test_estimate_reaches_the_engine():
    machine = arch.find("gddr6-aim")
    b = Builder("small", bits=16)
    x = b.activate(b.linear(b.layer_norm(b.input((1, 1, 64))), 256), "gelu")
    workload = b.finish(b.linear(x, 64))
    found = estimate_network(workload, machine)
    assert {layer.engine for layer in found.layers} == {"events"}
    assert found.coverage.is_whole
    assert len(found.mapping.layouts) == 3  # two matrices, and the input that the host reads
    again = estimate_network(workload, machine, fixed=found.mapping)
    assert again.total.seconds == found.total.seconds
    gelu = next(layer for layer in found.layers if layer.name.startswith("act"))
    assert gelu.estimate.seconds == pytest.approx(2 * 14e-9)  # 256 values on 128 lanes


def test_layers_take_as_long_as_the_timeline():
    """The price of every stage is the time that the engine gives it, to a cycle of the memory."""
    machine = arch.find("gddr6-aim")
    b = Builder("attends", bits=16)
    workload = b.finish(b.attention(b.layer_norm(b.input((1, 1, 768))), 12, cached=40))
    done = execute(workload, machine, place(workload, machine))
    kinds = dict(zip((own.name for own in done.counts), done.kinds, strict=True))
    assert {kinds[name] for name in kinds} == {"weights", "cache", "append", "host"}
    for counts, cycles in zip(done.counts, done.outcome.stage_cycles, strict=True):
        assert cycles * 0.5e-9 == pytest.approx(price(counts, machine).seconds, abs=0.5e-9)
    assert sum(done.cycles_by.values()) == done.outcome.cycles


def test_host_reads_its_parameters_from_the_banks():
    machine = arch.find("gddr6-aim")
    dram = machine.memories[0].dram
    b = Builder("norm", bits=16)
    workload = b.finish(b.layer_norm(b.input((1, 1, 640)), trained=True))
    done = execute(workload, machine, place(workload, machine), refresh=False)
    # the input is read for its sum and for centering, factors and terms once: 40 columns each
    assert done.outcome.issued("read") == 4 * 40
    assert sum(own.amount("pins", "cross") for own in done.counts) == 8 * 4 * 2 * 640
    alone = dict(zip((own.name for own in done.counts), done.outcome.stage_cycles, strict=True))
    # one bank of each channel: a row is opened, 5 columns follow each other, and data arrive
    wanted = dram.cycles("rcd_read") + 4 * dram.cycles("ccd_l") + dram.cycles("cl + bl")
    assert alone["norm0.sum"] == wanted
    held = execute(workload, machine, place(workload, machine, Banks(parameters=False)))
    assert held.outcome.issued("read") == 0


def test_lookup_reads_a_vector_of_a_matrix():
    dram = arch.find("gddr6-aim").memories[0].dram
    table = Table.of(dram)
    layout = Layout("w", "banks", 3, 9, 1, 9, 8, "banks", 1024)
    found = read_requests(layout, 66, dram, table)
    read = table.number["read"]
    assert found.tolist() == [[read, 0, 0, 3, 0, 64, 0], [read, 0, 0, 4, 0, 2, 0]]


def test_matrix_without_layout_is_refused():
    machine, workload = arch.find("gddr6-aim"), dense(64, 64)
    mapping = place(workload, machine)
    bare = Mapping(mapping.granularity, mapping.order, bindings=mapping.bindings,
                   groups=mapping.groups)  # fmt: skip
    with pytest.raises(MappingError, match="has no layout"):
        execute(workload, machine, bare)


def test_machine_without_units_is_refused():
    workload = dense(64, 64)
    with pytest.raises(ConfigError, match="has no unit beside its banks"):
        execute(workload, arch.find("ddr4-3200"), place(workload, arch.find("gddr6-aim")))
