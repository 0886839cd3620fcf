from pathlib import Path

import pytest

from netwright.backends import rtl
from netwright.backends.rtl import read_foreign
from netwright.backends.rtl.implement import foreign, synthesis
from netwright.backends.rtl.implement.foreign import Box, library_cells
from netwright.errors import BackendError, DataError, NetwrightError
from tests.backends.rtl.graphs import few_cells, needs_yosys

PIPELINE = """\
module table #(parameter FILE = "nowhere.mem") (input [3:0] a, output [3:0] y);
  (* rom_style = "distributed" *) reg [3:0] rom [0:15];
  initial $readmemh(FILE, rom);
  assign y = rom[a];
endmodule
module outer(input clock, input [3:0] a, output reg [3:0] y);
  wire [3:0] made;
  reg [3:0] held;
  table #(.FILE("squares.mem")) inner (.a(held), .y(made));
  always @(posedge clock) begin held <= a; y <= made; end
endmodule
"""

BOXED = """\
module boxed(input clk, input [3:0] a, output [3:0] y);
  vendor_rom #(.SIZE(16), .FILE("x.mem")) rom (.addr(a), .data(y), .clk(clk));
endmodule
"""


def files(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.v").write_text(text)
    return folder


@needs_yosys
def test_a_pipeline_of_another_generator_is_counted_and_framed(tmp_path: Path) -> None:
    folder = files(tmp_path / "their", outer=PIPELINE)
    contents = "\n".join(f"{code * code % 16:x}" for code in range(16))
    (folder / "squares.mem").write_text(contents)
    design = read_foreign([folder], folder=tmp_path / "made")
    assert (design.top, dict(design.undefined)) == ("outer", {})
    found = design.measure(part="ecp5-85k")
    assert not found.open_cells
    assert found.mapped.ff.value == 6  # squares modulo 16: without bit 3 of a, without bit 1 of y
    assert 1 <= found.mapped.lut.value <= 3
    assert found.depth is not None
    assert (found.depth.least, found.depth.most) == (2, 2)
    (folder / "squares.mem").write_text(contents.replace("1", "2"))
    again = read_foreign([folder], folder=tmp_path / "made").measure(part="ecp5-85k")
    assert again.mapped.cells != found.mapped.cells  # another content, another design


@needs_yosys
def test_what_nothing_defines_is_named_and_counted_as_open(tmp_path: Path) -> None:
    folder = files(tmp_path / "their", boxed=BOXED)
    design = read_foreign([folder], folder=tmp_path / "made")
    assert design.undefined["vendor_rom"].ports == (("addr", 4), ("clk", 1), ("data", 4))
    found = design.measure(part="ecp5-85k")
    assert (dict(found.open_cells), found.depth) == ({"vendor_rom": 1}, None)
    with pytest.raises(BackendError, match="1 vendor_rom cannot be placed, since no file"):
        design.route()


@needs_yosys
def test_our_own_design_has_the_depth_it_predicts(tmp_path: Path) -> None:
    design = rtl(part="ecp5-85k").generate(few_cells(), tmp_path / "out")
    made = read_foreign(design.sources(), folder=tmp_path / "made", top=design.circuit.name)
    depth = made.measure(part="ecp5-85k").depth
    assert depth is not None
    assert depth.most == design.latency_cycles > 0


def test_folders_that_cannot_be_measured(tmp_path: Path) -> None:
    vhdl = files(tmp_path / "vhdl")
    (vhdl / "KAN.vhd").write_text("entity KAN is end;")
    sly = files(tmp_path / "sly", top='module top; initial $system("id"); endmodule')
    wrong = files(tmp_path / "wrong", top="module other(input a); endmodule")
    two = files(tmp_path / "two", a="module a; endmodule", b="module b; endmodule")
    cases: list[tuple[Path, str | None, str]] = [
        (tmp_path / "none", None, "does not exist"),
        (vhdl, None, "has no Verilog\nhint: Yosys reads no VHDL; ghdl"),
        (sly, None, r"line 1 uses \"\$system\"; only Verilog that computes"),
        (two, None, "2 modules may be the top module\nhint: name one; modules: a, b"),
        (wrong, "top", 'no file has a module "top"\nhint: modules: other'),
    ]
    for folder, top, message in cases:
        with pytest.raises(NetwrightError, match=message):
            read_foreign([folder], folder=tmp_path / "made", top=top)


@needs_yosys
def test_a_module_without_contents_is_open_like_one_that_is_missing(tmp_path: Path) -> None:
    stub = "module vendor_rom #(parameter SIZE = 1, FILE = 0) (input clk, input [3:0] addr,"
    stub += " output [3:0] data); endmodule"
    folder = files(tmp_path / "their", boxed=BOXED, stub=stub)
    design = read_foreign([folder], folder=tmp_path / "made", top="boxed")
    assert dict(design.measure(part="ecp5-85k").open_cells) == {"vendor_rom": 1}
    with pytest.raises(BackendError, match="vendor_rom: the module has no contents"):
        read_foreign([folder], folder=tmp_path / "made", top="vendor_rom")


def reads(name: str) -> str:
    return PIPELINE.replace("squares.mem", name)


@needs_yosys
def test_tables_are_those_beside_the_verilog(tmp_path: Path) -> None:
    def ffs(*folders: Path) -> float:
        design = read_foreign(folders, folder=tmp_path / "made", top="outer")
        return design.measure(part="ecp5-85k").mapped.ff.value

    squares = "\n".join(f"{code * code % 16:x}" for code in range(16))
    folder = files(tmp_path / "their", outer=reads("rom.txt"))
    (folder / "rom.txt").write_text(squares)
    assert ffs(folder) == 6
    (folder / "rom.txt").write_text("0\n" * 16)  # neither its name nor its suffix tells of it
    assert ffs(folder) == 0
    first, second = files(tmp_path / "a", outer=PIPELINE), files(tmp_path / "b")
    (first / "squares.mem").write_text(squares)
    (second / "squares.mem").write_text("0\n" * 16)
    assert ffs(first, second) == 6  # not that of the folder that was looked through last


@needs_yosys
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (reads("/etc/passwd"), r'outer\.v: names the file "/etc/passwd", which is not below'),
        (reads("../rom.mem"), r"which is not below its folder"),
        (reads("rom.bin"), r"outer\.v: line 3: Yosys cannot read it: Can not open file `rom\.bin`"),
        (PIPELINE[:60], r"outer\.v: line \d: Yosys cannot read it: syntax error"),
    ],
)
def test_what_yosys_refuses_is_told_in_a_line(tmp_path: Path, text: str, message: str) -> None:
    folder = files(tmp_path / "their", outer=text)
    with pytest.raises(BackendError, match=message):
        read_foreign(
            [folder], folder=tmp_path / "made", top=None if text == PIPELINE[:60] else "outer"
        )


@needs_yosys
def test_yosys_gets_so_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "FOREIGN_BYTES", 300 << 20)
    loop = "for (i = 0; i < 1099511627776; i = i + 1) begin wire q; assign q = a; end"
    text = f"module top(input a, output y); genvar i; generate {loop} endgenerate endmodule"
    with pytest.raises(BackendError, match="Yosys needs more than 0 GiB of memory"):
        read_foreign([files(tmp_path / "their", top=text)], folder=tmp_path / "made")


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "MAX_FILES", 1)
    folder = files(tmp_path / "their", a="module a; endmodule", b="module b; endmodule")
    with pytest.raises(DataError, match="has more than 1 files"):
        read_foreign([folder], folder=tmp_path / "made")


def test_a_box_connected_by_order_has_ports_in_that_order() -> None:
    text = Box("strange name", (("$1", 3), ("$2", 1)), ("A",)).verilog
    assert "(inout [2:0] \\p1 , inout [0:0] \\p2 );\n  parameter \\A = 0;\n" in text


@needs_yosys
def test_cells_of_a_family() -> None:
    assert {"LUT6", "FDRE", "CARRY8", "DSP48E2"} <= library_cells("xcup")
    assert {"LUT4", "TRELLIS_FF", "CCU2C"} <= library_cells("ecp5-85k")
    assert "LUT6" not in library_cells("ecp5-85k")
