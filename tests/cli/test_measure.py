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


@needs_yosys
def test_blocks_of_the_device_are_told_apart_from_logic(
    netwright: Netwright, tmp_path: Path
) -> None:
    (tmp_path / "top.v").write_text(
        "module top(input [17:0] a, b, output [47:0] y);\n"
        "  DSP48E2 product (.A(a), .B(b), .P(y));\nendmodule\n"
    )
    code, out, err = netwright("measure", tmp_path / "top.v", "--out", tmp_path / "out")
    assert code == 0
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (lines["LUT"], lines["block"]) == ("0", "1 DSP48E2")
    assert "DSP48E2: blocks of the device, in no figure of logic" in err


@needs_yosys
def test_a_top_module_whose_name_is_code(netwright: Netwright, tmp_path: Path) -> None:
    name = "top;exec_--_id"
    (tmp_path / "top.v").write_text(f"module \\{name} (input a, output y); endmodule\n")
    code, _, err = netwright("measure", tmp_path / "top.v", "--out", tmp_path / "out")
    assert code == 4
    assert f'the top module "{name}" must have a name of letters, digits, _ and $' in err


def test_a_folder_without_verilog(netwright: Netwright, tmp_path: Path) -> None:
    code, _, err = netwright("measure", tmp_path, "--out", tmp_path / "out")
    assert code == 1
    assert "has no Verilog\nhint: name a folder with .v or .sv files" in err


@needs_yosys
def test_seconds_that_are_too_few_end_the_program(netwright: Netwright, tmp_path: Path) -> None:
    wide = "module top(input [255:0] a, b, output [511:0] y);\n  assign y = a * b;\nendmodule\n"
    (tmp_path / "top.v").write_text(wide)
    code, _, err = netwright(
        "measure", tmp_path / "top.v", "--out", tmp_path / "out", "--time-limit-s", "1"
    )
    assert code == 4
    assert "yosys ran past its time limit" in err


def test_a_timeout_that_is_no_time(netwright: Netwright, tmp_path: Path) -> None:
    code, _, err = netwright("measure", tmp_path, "--out", tmp_path / "o", "--time-limit-s", "0")
    assert code == 2
    assert "must be a number from 1.0 to 1000000.0 in plain digits, not" in err
