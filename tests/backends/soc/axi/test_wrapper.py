"""A wrapped network in Icarus Verilog, with the bus models of cocotbext-axi."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from netwright.backends import SharedOptions
from netwright.backends.rtl import StreamDesign, rtl
from netwright.backends.soc.axi import write_axi
from netwright.backends.soc.axi.wrapper import top_of
from netwright.backends.tools import IVERILOG, VVP, run_tool
from netwright.errors import BackendError, RunError
from tests.backends.rtl.graphs import needs_icarus
from tests.backends.soc.axi.graphs import network

needs_models = pytest.mark.skipif(
    find_spec("cocotbext") is None or find_spec("cocotbext.axi") is None,
    reason="needs the package cocotbext-axi",
)


STREAMS: dict[str, Any] = {"reuse_factor": 1}
SHARED: dict[str, Any] = {"shared": SharedOptions(lanes=2, units=1, elements=2)}


def streams(folder: Path, **options: Any) -> StreamDesign:
    design = rtl(**(options or STREAMS)).generate(network(), folder)
    assert isinstance(design, StreamDesign)
    return design


@needs_icarus
@needs_models
@pytest.mark.parametrize(
    "options", [STREAMS, pytest.param(SHARED, marks=pytest.mark.slow)], ids=["streams", "shared"]
)
def test_bus_models_of_another_make_talk_to_the_wrapper(
    options: dict[str, Any], tmp_path: Path
) -> None:
    from cocotb_tools import config
    from find_libpython import find_libpython

    design = streams(tmp_path / "design", **options)
    folder = write_axi(design, tmp_path / "axi")
    program, top = tmp_path / "axi.vvp", top_of(design)
    run_tool(
        IVERILOG, ["-g2005", "-s", top, "-o", program, *sorted(folder.rglob("*.v"))],
        cwd=tmp_path, timeout_s=100.0, log=tmp_path / "iverilog.log",
    )  # fmt: skip
    library = find_libpython()
    if library is None:
        pytest.skip("cocotb needs a shared libpython")
    results = tmp_path / "results.xml"
    run_tool(
        VVP, ["-m", config.lib_entry("vpi", "icarus"), program],
        cwd=tmp_path, timeout_s=300.0, log=tmp_path / "vvp.log",
        environment={
            "PATH": f"{os.environ['PATH']}{os.pathsep}{config.libs_dir}",
            "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path]),
            "PYGPI_PYTHON_BIN": sys.executable,
            "GPI_USERS": f"{library};{config.pygpi_entry_point()}",
            "COCOTB_TOPLEVEL": top,
            "COCOTB_TEST_MODULES": "tests.backends.soc.axi.axi_bench",
            "COCOTB_RESULTS_FILE": str(results),
            "COCOTB_ANSI_OUTPUT": "0",
            "TOPLEVEL_LANG": "verilog",
            "AXI_DESIGN": str(design.root),
        },
    )  # fmt: skip
    cases = list(ElementTree.parse(results).getroot().iter("testcase"))
    failed = [
        case.get("name")
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    assert not failed, f"{failed}; see {tmp_path / 'vvp.log'}"
    assert len(cases) == 4


def test_the_folder_is_whole_and_stable(tmp_path: Path) -> None:
    design = streams(tmp_path / "design")
    folder = write_axi(design, tmp_path / "axi")
    made = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {"beam_axi.v", "beam.v", "soc_axi_registers.v", "axi_lite_bridge.v", "registers.h",
            "registers.md"} <= set(made)  # fmt: skip
    again = write_axi(design, tmp_path / "axi")
    assert {p.name: p.read_bytes() for p in again.rglob("*") if p.is_file()} == made
    assert b"#define BEAM_AXI_FAULTS_LAST 0x01u" in made["registers.h"]


def test_what_cannot_be_wrapped_is_refused(tmp_path: Path) -> None:
    loadable = streams(tmp_path / "loadable", **STREAMS, weights="loadable")
    with pytest.raises(BackendError, match='the weights of "beam" are loaded through a port'):
        write_axi(loadable, tmp_path / "axi")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match="was not made by netwright"):
        write_axi(streams(tmp_path / "design"), tmp_path / "mine")
