"""Every fault that changes an output is noticed; the others are equal on every input there is."""

from pathlib import Path

import pytest

from netwright.backends import hls, rtl
from tests.backends.hls.graphs import needs_hls4ml
from tests.backends.planted import plant, planted
from tests.backends.planted_designs import DESIGNS, dense, tables
from tests.backends.rtl.graphs import needs_verilator, needs_yosys

SAMPLE = 24
"""Faults of every design in the slow test; ``make planted`` plants all of them, or a share."""


def test_faults_are_found_in_every_generated_file(tmp_path: Path) -> None:
    design = rtl(reuse_factor=3).generate(dense(), tmp_path / "out")
    found = planted(design)
    own = {file for file in design.files if file.endswith(".v") and "/" not in file}
    assert {fault.file for fault in found} == own
    words = [fault for fault in found if fault.new.startswith("0") and "matmul" in fault.file]
    assert words


@needs_hls4ml
@pytest.mark.tool("g++")
def test_a_weight_that_synthesis_compiles_is_noticed(tmp_path: Path) -> None:
    design = hls().generate(tables(), tmp_path / "out")
    found = planted(design)
    assert {Path(fault.file).name for fault in found} >= {"t2.h", "w3.h", "defines.h"}
    weight = next(fault for fault in found if fault.file.endswith("w3.h"))
    assert plant(design, [weight]) == {"stimuli": 1}


@needs_verilator
@needs_yosys
@pytest.mark.tool("g++")
def test_parameters_and_tables_of_verilog_are_noticed(tmp_path: Path) -> None:
    design = rtl().generate(tables(), tmp_path / "out")
    found = [fault for fault in planted(design) if "lookup" in fault.file]
    assert len(found) > 50
    assert plant(design, found[::25])["MISSED"] == 0


@pytest.mark.slow
@needs_hls4ml
@needs_verilator
@needs_yosys
@pytest.mark.tool("g++")
@pytest.mark.parametrize("name", DESIGNS)
def test_every_fault_is_noticed_or_equivalent(name: str, tmp_path: Path) -> None:
    design = DESIGNS[name](tmp_path / "out")
    found = planted(design)
    step = max(len(found) // SAMPLE, 1)
    counts = plant(design, found[::step])
    assert counts["MISSED"] == 0, counts
    noticed = counts["proof"] + counts["stimuli"] + counts["refused"]
    assert noticed > len(found[::step]) // 2  # the others only change bits that are to spare
