from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright.backends import rtl
from netwright.errors import CorruptOutput, DataError
from netwright.verify import bit_exact, random
from tests.backends.hls.graphs import jet_tagger
from tests.backends.rtl.graphs import few_cells, needs_icarus, needs_verilator, needs_yosys

pytestmark = needs_yosys


@pytest.mark.tool("g++")
@needs_verilator
def test_the_mapped_netlist_gives_identical_integers(tmp_path: Path) -> None:
    graph = few_cells()
    design = rtl(part="ecp5-85k", adders_per_stage=2).generate(graph, tmp_path / "out")
    netlist = design.netlist()
    assert netlist.latency_cycles == design.latency_cycles
    bit_exact(graph, netlist, random(graph, rows=1500)).require()
    kept = netlist.run(np.zeros((3, 3)), keep=["quantize_0_out"])
    assert list(kept) == ["matmul_3_out", "quantize_0_out"]
    with pytest.raises(DataError):
        netlist.run(np.zeros((2, 3)), keep=["nope"])


def test_a_netlist_that_is_gone(tmp_path: Path) -> None:
    design = rtl(part="ecp5-85k").generate(few_cells(), tmp_path / "out")
    netlist = replace(design.netlist(), verilog=tmp_path / "gone.v", cells=tmp_path / "cells.v")
    with pytest.raises(CorruptOutput, match=r"gone\.v: missing or changed"):
        netlist.run(np.zeros((2, 3)))


@needs_icarus
def test_a_fault_of_synthesis_is_found(tmp_path: Path) -> None:
    graph = few_cells()
    design = rtl(part="ecp5-85k").generate(graph, tmp_path / "out")
    netlist = replace(design, simulator="icarus").netlist()
    text = netlist.verilog.read_text()
    start = text.rindex(".INIT(16'h") + len(".INIT(16'h")
    netlist.verilog.write_text(text[:start] + "5555" + text[start + 4 :])
    found = bit_exact(graph, netlist, random(graph, rows=50))
    assert found.identical < found.rows
    again = replace(design, simulator="icarus").netlist()  # maps again: the file was changed
    bit_exact(graph, again, random(graph, rows=50)).require()


@needs_icarus
@pytest.mark.parametrize("part", ["ecp5-85k", pytest.param("xcup", marks=pytest.mark.slow)])
def test_under_icarus(tmp_path: Path, part: str) -> None:
    graph = few_cells()
    design = rtl(part=part).generate(graph, tmp_path / "out")
    netlist = replace(design, simulator="icarus").netlist()
    bit_exact(graph, netlist, random(graph, rows=50)).require()
    assert list(design.build_folder.glob("netlist-*.vvp"))


@pytest.mark.slow
@pytest.mark.tool("g++")
@needs_verilator
@pytest.mark.parametrize("part", ["ecp5-85k", "xcup"])
def test_jet_tagger_on_jets(tmp_path: Path, part: str) -> None:
    from netwright.tasks import jets

    graph = jet_tagger(3)
    netlist = rtl(part=part).generate(graph, tmp_path / "out").netlist()
    bit_exact(graph, netlist, jets(seed=7).test.inputs[:2000]).require()
