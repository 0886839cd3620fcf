from pathlib import Path

import pytest

from netwright.backends.rtl.arrays import NMArray, OutlierArray
from netwright.backends.rtl.arrays.structure import library_closure
from netwright.backends.rtl.cells.verilog import library_names
from netwright.formats import OutlierPairs
from tests.backends.rtl.cells.test_verilog import lint
from tests.backends.rtl.graphs import needs_verilator


def test_closure_holds_what_is_instantiated_and_nothing_else() -> None:
    assert library_closure("nm_array") == (
        "delay_line", "drain_valid", "float_add", "float_multiply", "nm_array", "nm_edge",
        "nm_mac", "nm_pe", "skew", "tile_control",
    )  # fmt: skip
    assert library_closure("ovp_encode4") == ("ovp_encode4", "ovp_round4")
    assert set(library_closure("ovp_border")) <= set(library_names())


def test_top_module_fixes_every_parameter() -> None:
    structure = NMArray(3, 2, kept=1, group=4).structure
    text = structure.sources()["nm_array_3x2_1of4_int8.v"]
    assert text.startswith("module nm_array_3x2_1of4_int8 (\n    input  wire clk,\n")
    for line in (
        "    input  wire [95:0] x_data",  # three rows of four bytes
        "    input  wire [19:0] w_data",  # two columns of a byte and two bits
        "    output wire [63:0] y_data",
        "      .KEPT(1)",
        "      .GROUP(4)",
        "      .INDEX_BITS(2)",
    ):
        assert line in text


@needs_verilator
@pytest.mark.parametrize(
    "array",
    [
        OutlierArray(1, 3),
        OutlierArray(3, 1, OutlierPairs("flint4")),
        OutlierArray(2, 2, OutlierPairs("int8")),
        OutlierArray(2, 2, OutlierPairs("int8", outlier="e2m5")),
        NMArray(3, 2),
        NMArray(1, 1, kept=1, group=2),
        NMArray(2, 2, kept=2, group=6, slots=5),
        NMArray(2, 2, number="bfloat16"),
    ],
    ids=str,
)
def test_arrays_are_free_of_lint(array: OutlierArray | NMArray, tmp_path: Path) -> None:
    files = []
    for name, text in array.structure.sources().items():
        files.append(tmp_path / Path(name).name)
        files[-1].write_text(text)
    lint(files, array.structure.name, tmp_path)
