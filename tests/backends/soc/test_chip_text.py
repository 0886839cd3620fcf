from pathlib import Path

import pytest

from netwright.backends.soc import SocBackend, soc
from netwright.backends.soc.program import memory_text
from netwright.backends.tools import VERILATOR, run_tool
from tests.backends.rtl.graphs import few_cells, needs_verilator
from tests.backends.soc.chips import unrolled

ALLOWED = ("DECLFILENAME", "PINCONNECTEMPTY", "TIMESCALEMOD", "UNUSEDSIGNAL")
"""Files of several modules and a time scale are the core's; the rest is for some chips only."""


@needs_verilator
@pytest.mark.parametrize("backend", [soc(spi_lanes=2), unrolled(core="picorv32-small")])
def test_the_chip_is_free_of_lint(backend: SocBackend, tmp_path: Path) -> None:
    design = backend.generate(few_cells(), tmp_path / "chip")
    rom = tmp_path / "program_rom.v"
    rom.write_text(memory_text(b"\0\0\0\0", 64))
    root = Path(VERILATOR.command).parent.parent
    waiver = tmp_path / "core.vlt"
    waiver.write_text('`verilator_config\nlint_off -file "*/picorv32.v"\n')
    run_tool(
        VERILATOR,
        ["--lint-only", "-Wall", *(f"-Wno-{kind}" for kind in ALLOWED), "--top-module", "soc",
         waiver, *design.sources(), rom],
        cwd=tmp_path,
        timeout_s=120.0,
        log=tmp_path / "lint.log",
        environment={"VERILATOR_ROOT": str(root)},
    )  # fmt: skip
