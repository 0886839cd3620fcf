"""A chip in Icarus Verilog, with a controller in cocotb that talks real I2C to it."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

from netwright.backends.rtl import ChipOptions
from netwright.backends.rtl.chip.structure import Structure
from netwright.backends.rtl.chip.verilog import chip_sources
from netwright.backends.tools import IVERILOG, VVP, run_tool
from tests.backends.rtl.chip.graphs import dense
from tests.backends.rtl.graphs import needs_icarus

needs_cocotb = pytest.mark.skipif(find_spec("cocotb") is None, reason="needs the package cocotb")


@needs_icarus
@needs_cocotb
def test_a_controller_of_another_make_talks_to_the_chip(tmp_path: Path) -> None:
    from cocotb_tools import config
    from find_libpython import find_libpython

    chip = Structure.of(dense(), ChipOptions())
    files = []
    for name, text in chip_sources(chip).items():
        if name.endswith(".v"):
            files.append(tmp_path / Path(name).name)
            files[-1].write_text(text)
    program = tmp_path / "chip.vvp"
    run_tool(
        IVERILOG, ["-g2005", "-s", chip.name, "-o", program, *files],
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
            "COCOTB_TOPLEVEL": chip.name,
            "COCOTB_TEST_MODULES": "tests.backends.rtl.chip.i2c_bench",
            "COCOTB_RESULTS_FILE": str(results),
            "COCOTB_ANSI_OUTPUT": "0",
            "TOPLEVEL_LANG": "verilog",
        },
    )  # fmt: skip
    cases = list(ElementTree.parse(results).getroot().iter("testcase"))
    failed = [
        case.get("name")
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]
    assert not failed, f"{failed}; see {tmp_path / 'vvp.log'}"
    assert len(cases) == 8
