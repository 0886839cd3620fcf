from __future__ import annotations

import pytest

from netwright import arch
from netwright.cost.events import bytes_of, energy_of, pin_bytes_of
from netwright.errors import ConfigError
from tests.cost.events.programs import changed, dram_of


def test_energies_of_a_rank_are_those_worked_out_by_hand():
    dram = dram_of("ddr4-3200")  # eight chips, 1.2 V, 0.63 ns
    per_cycle = 1.2 * 1e-3 * 0.63e-9 * 8
    assert energy_of(dram, "activate") == pytest.approx(
        per_cycle * (57 * 74 - 52 * 52 - 37 * 22), rel=1e-12
    )
    assert energy_of(dram, "read") == pytest.approx(per_cycle * (168 - 52) * 4, rel=1e-12)
    assert energy_of(dram, "write") == pytest.approx(per_cycle * (150 - 52) * 4, rel=1e-12)
    assert energy_of(dram, "refresh") == pytest.approx(per_cycle * (250 - 52) * 560, rel=1e-12)
    assert energy_of(dram, "precharge") == 0
    assert energy_of(dram, "active") == pytest.approx(per_cycle * 52, rel=1e-12)
    assert energy_of(dram, "precharged") == pytest.approx(per_cycle * 37, rel=1e-12)


def test_file_overrules_currents():
    dram = dram_of("gddr6-aim")
    assert energy_of(dram, "mac_all") == pytest.approx(3 * 438.15e-3 * 1e-9)
    assert energy_of(dram, "active") == pytest.approx(263.75e-3 * 0.5e-9)


def test_step_of_all_banks_takes_its_share_of_a_read():
    currents = dram_of("gddr6-dramsim3").currents
    dram = changed(dram_of("gddr6-aim"), energies={}, powers={}, currents=currents,
                   voltage=dram_of("gddr6-dramsim3").voltage)  # fmt: skip
    assert energy_of(dram, "mac_all") == pytest.approx(3 * energy_of(dram, "read"))
    assert energy_of(dram, "activate_all") == pytest.approx(16 * energy_of(dram, "activate"))


def test_missing_currents_are_named():
    dram = changed(dram_of("ddr4-3200"), currents={})
    with pytest.raises(ConfigError) as caught:
        energy_of(dram, "read")
    assert caught.value.message == '"read" has no energy and the memory no current idd3n'
    bare = changed(dram_of("ddr4-3200"), voltage=None)
    with pytest.raises(ConfigError, match="has no voltage"):
        energy_of(bare, "read")


def test_bytes_of_commands():
    dram = dram_of("gddr6-aim")
    assert [bytes_of(dram, n) for n in ("read", "mac_all", "load_buffer", "activate")] == [
        32, 512, 0, 0]  # fmt: skip
    assert [pin_bytes_of(dram, n) for n in ("read", "mac_all", "load_buffer", "read_sums")] == [
        32, 0, 32, 32]  # fmt: skip


@pytest.mark.parametrize("name", ["ddr4-3200", "gddr6-dramsim3", "hbm2", "gddr6-aim"])
def test_figures_for_other_engines_are_those_of_the_commands(name):
    """Bytes at a time cost what the commands that move them do, where rows are used whole."""
    memory = next(memory for memory in arch.find(name).memories if memory.dram is not None)
    dram = memory.dram
    for command, figure in (("read", memory.read_energy), ("write", memory.write_energy)):
        joules = energy_of(dram, command) + energy_of(dram, "activate") / dram.columns
        assert figure.value == pytest.approx(joules / dram.access_bytes, rel=1e-3)
    banks = dram.channels * (dram.banks if dram.unit else 1)
    cycles = max(dram.cycles("bl"), dram.cycles("ccd_s"))
    wanted = banks * dram.access_bytes / (cycles * dram.clock.value)
    assert memory.bandwidth.value == pytest.approx(wanted, rel=1e-3)
