"""A small design in standard cells, with and without triplication."""

from pathlib import Path

import pytest

from netwright.backends.rtl import ChipOptions, rtl
from netwright.backends.rtl.implement.asic import LIBRARIES
from netwright.backends.rtl.radiation import (
    CONTROL,
    NOTHING,
    elaborate,
    standard_cells,
    triplicate,
)
from netwright.backends.rtl.radiation.energy import clock_energy
from netwright.backends.rtl.radiation.standard_cells import cell_timing, map_to_cells
from netwright.backends.tools import Tool
from netwright.errors import ConfigError, ToolMissing
from netwright.reading import read_json
from tests.backends.rtl.chip.graphs import dense
from tests.backends.rtl.graphs import needs_yosys
from tests.backends.rtl.radiation.designs import ROWS, WEIGHTS, hardened

pytestmark = needs_yosys


def _is_missing() -> bool:
    try:
        return not LIBRARIES["osu018"].liberty.exists()
    except ToolMissing:
        return True


needs_cells = pytest.mark.skipif(_is_missing(), reason="needs the library osu018")


@needs_cells
def test_triplication_costs_flip_flops_and_voters(tmp_path: Path) -> None:
    plain = map_to_cells(hardened(tmp_path, NOTHING), library="osu018", folder=tmp_path / "plain")
    voted = map_to_cells(hardened(tmp_path, CONTROL), library="osu018", folder=tmp_path / "voted")
    assert (plain.survival.voters, plain.survival.faults) == (0, ())
    assert voted.survival.holds
    assert (plain.survival.flip_flops, voted.survival.flip_flops) == (22, 52)
    flip_flop = voted.cells().cells["DFFPOSX1"].area
    more = 1e6 * (voted.area.value - plain.area.value)
    # A voter and a multiplexer for each of 45 copies: 3 to 6 gates.
    assert 30 * flip_flop + 45 * 70 < more < 30 * flip_flop + 45 * 150
    assert (plain.area.unit, plain.area.fidelity) == ("mm²", "modelled")
    inputs = {"rst_n": [1] * 40, "x_data": list(ROWS) * 8}
    weights = {f"weights[{i}][0]": weight for i, weight in enumerate(WEIGHTS)}
    energies = [
        clock_energy(
            mapped, inputs, {f.instance: weights.get(f.names[0], 0) for f in mapped.hardened.flops}
        )
        for mapped in (plain, voted)
    ]
    assert [energy.flip_flops for energy in energies] == [22, 52]
    assert energies[0].logic.value == pytest.approx(energies[1].logic.value, rel=0.3)
    assert 1.5 < energies[1].registers.value / energies[0].registers.value < 52 / 22
    assert "changes of a net in a clock, no wires" in energies[0].total.source


@needs_cells
def test_a_network_is_mapped_once_for_all_policies(tmp_path: Path) -> None:
    """The network of a chip is mapped by itself, and every net of the whole has a value."""
    design = rtl(weights="loadable", chip=ChipOptions(latent_bits=(9,))).generate(
        dense(), tmp_path / "chip"
    )
    found = elaborate(design.circuit.name, design.sources(), folder=tmp_path)
    seconds = []
    for name, protection in (("plain", NOTHING), ("voted", CONTROL)):
        chip = triplicate(found, protection, folder=tmp_path / name)
        mapped = map_to_cells(chip, library="osu018", logic_folder=tmp_path)
        record = read_json(tmp_path / "dense-osu018-logic.made.json")
        seconds.append(record["seconds"])
        assert mapped.survival.faults == ()
        assert mapped.modules()["dense"]["cells"]
        inputs = {"charges_data": [0, 5, 1 << 30, 0], "rst_n": [1] * 4, "scl": [1] * 4}
        energy = clock_energy(mapped, inputs, {f.instance: 0 for f in chip.flops})
        assert energy.flip_flops == mapped.survival.flip_flops
    assert seconds[0] == seconds[1]  # made by the first, read by the second


@needs_cells
@pytest.mark.tool("sta")
def test_timing_says_its_corner(tmp_path: Path) -> None:
    mapped = map_to_cells(hardened(tmp_path), library="osu018")
    timing = cell_timing(mapped)
    assert timing.delay is not None
    assert 1.0 < timing.delay.value < 10.0
    assert "1.8 V, 25 C, no wires" in timing.delay.source
    assert timing.meets
    assert not cell_timing(mapped, clock_ns=1.0).meets


@needs_cells
def test_without_the_tool_there_is_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped = map_to_cells(hardened(tmp_path), library="osu018")
    missing = Tool("OpenSTA", "no-such-program", ("-version",), "")
    monkeypatch.setattr(standard_cells, "OPENSTA", missing)
    timing = cell_timing(mapped)
    assert (timing.delay, timing.meets) == (None, None)
    assert timing.why == "not available: OpenSTA is not installed"


def test_a_library_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='library must be "osu018" or "nangate45", not'):
        map_to_cells(hardened(tmp_path), library="tsmc65")
