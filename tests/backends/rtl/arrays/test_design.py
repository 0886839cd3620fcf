from pathlib import Path

import pytest

from netwright.backends.rtl.arrays import NMArray
from netwright.errors import CorruptOutput, RunError
from tests.backends.rtl.graphs import needs_nextpnr, needs_yosys


def test_the_same_array_is_left_alone_and_another_replaces_it(tmp_path: Path) -> None:
    array = NMArray(2, 2)
    design = array.generate(tmp_path / "array")
    before = (tmp_path / "array" / "netwright.json").stat().st_mtime_ns
    assert array.generate(tmp_path / "array").files == design.files
    assert (tmp_path / "array" / "netwright.json").stat().st_mtime_ns == before
    NMArray(2, 3).generate(tmp_path / "array")
    assert not (tmp_path / "array" / "nm_array_2x2_2of8_int8.v").exists()
    with pytest.raises(CorruptOutput):
        design.sources()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "array").mkdir()
    (tmp_path / "array" / "mine.txt").write_text("kept")
    with pytest.raises(RunError, match="exists and was not made by netwright"):
        NMArray(2, 2).generate(tmp_path / "array")
    assert (tmp_path / "array" / "mine.txt").read_text() == "kept"


def test_a_changed_file_is_not_built(tmp_path: Path) -> None:
    design = NMArray(2, 2).generate(tmp_path / "array")
    (tmp_path / "array" / "library" / "nm_mac.v").write_text("module nm_mac; endmodule\n")
    with pytest.raises(CorruptOutput):
        design.build()


@pytest.mark.slow
@needs_yosys
@needs_nextpnr
def test_the_smallest_array_is_routed(tmp_path: Path) -> None:
    design = NMArray(1, 1, kept=1, group=2).generate(tmp_path / "array")
    routing = design.route(clock_mhz=50.0)
    assert routing.fmax.unit == "MHz"
    assert 20 < routing.fmax.value < 400
    assert design.measure().lut.value > 100
