"""``netwright measure`` on Verilog that nobody of us wrote."""

from pathlib import Path

from tests.backends.rtl.graphs import needs_yosys
from tests.cli.conftest import Netwright


@needs_yosys
def test_figures_and_open_cells_are_printed(netwright: Netwright, tmp_path: Path) -> None:
    (tmp_path / "top.v").write_text(
        "module top(input [1:0] a, output [1:0] y);\n"
        "  vendor_box box (.a(a[0]), .y(y[0]));\n"
        "  assign y[1] = a[0] ^ a[1];\nendmodule\n"
    )
    code, out, err = netwright("measure", tmp_path / "top.v", "--out", tmp_path / "out")
    assert code == 0
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (lines["LUT"], lines["FF"], lines["open"]) == ("1", "0", "1 vendor_box")
    assert "no file defines vendor_box; the figures leave it out" in err
    assert lines["source"].startswith("modelled: yosys")


def test_a_folder_without_verilog(netwright: Netwright, tmp_path: Path) -> None:
    code, _, err = netwright("measure", tmp_path, "--out", tmp_path / "out")
    assert code == 1
    assert "has no Verilog\nhint: name a folder with .v or .sv files" in err
