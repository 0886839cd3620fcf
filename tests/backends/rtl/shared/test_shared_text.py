from pathlib import Path

import pytest

from netwright.backends import SharedOptions, rtl
from netwright.backends.rtl.cells.verilog import library_names
from netwright.backends.rtl.shared.shared_text import CORE_MODULES, MODULES
from tests.backends.rtl.cells.test_verilog import lint
from tests.backends.rtl.graphs import needs_verilator
from tests.backends.rtl.shared.graphs import every_kind


def test_modules_are_those_of_the_library() -> None:
    assert set(CORE_MODULES) < set(MODULES) <= set(library_names())


@needs_verilator
@pytest.mark.parametrize("size", [(1, 1, 1), (3, 2, 5)])
def test_designs_are_free_of_lint(size: tuple[int, int, int], tmp_path: Path) -> None:
    design = rtl(shared=SharedOptions(*size)).generate(every_kind(), tmp_path / "out")
    lint(design.sources(), design.circuit.name, tmp_path, "-Wno-UNUSEDSIGNAL")
