"""What is found of the registers of a design."""

from pathlib import Path

import pytest

from netwright.backends.rtl.radiation import elaborate
from netwright.backends.rtl.radiation.elaboration import natural
from netwright.errors import BackendError
from tests.backends.rtl.graphs import needs_yosys
from tests.backends.rtl.radiation.designs import bank

pytestmark = needs_yosys

HALF = """\
module half (input wire [1:0] a, output wire y);
  assign y = a[0] ^ a[1];
endmodule
module part (input wire clk, input wire d, output reg [2:4] q);
  always @(posedge clk) q <= {d, q[2:3]};
endmodule
module top (input wire clk, input wire [1:0] a, output wire y, output wire [1:0] z);
  wire [2:4] one, two;
  wire h;
  half u_h (.a(a), .y(h));
  part u_one (.clk(clk), .d(h), .q(one));
  part u_two (.clk(clk), .d(one[4]), .q(two));
  half u_y (.a(two[3:4]), .y(y));
  assign z = one[3:4];
endmodule
"""


def elaborated(folder: Path, text: str) -> object:
    path = folder / "top.v"
    path.write_text(text)
    return elaborate("top", [path], folder=folder / "made")


def test_names_and_roles_of_registers_and_words_of_memories(tmp_path: Path) -> None:
    found = bank(tmp_path)
    assert [(r.names[0], len(r.names), r.role) for r in found.registers] == [
        ("loading[0]", 1, "state"),
        ("place[0]", 2, "pointer"),
        ("weights[0][0]", 3, "configuration"),
        ("weights[1][0]", 3, "configuration"),
        ("weights[2][0]", 3, "configuration"),
        ("weights[3][0]", 3, "configuration"),
        ("y_data[0]", 7, "other"),
    ]
    assert (found.clock, found.inputs["x_data"], found.outputs["y_data"]) == ("clk", 8, 7)
    assert found.bits["weights[3][2]"] == "configuration"


def test_a_hierarchy_is_flattened_but_for_files_that_only_compute(tmp_path: Path) -> None:
    head, half, rest = HALF.partition("endmodule\n")
    (tmp_path / "half.v").write_text(head + half)
    (tmp_path / "top.v").write_text(rest)
    files = [tmp_path / "half.v", tmp_path / "top.v"]
    found = elaborate("top", files, folder=tmp_path / "made")
    names = [name for register in found.registers for name in register.names]
    assert sorted(names) == [f"u_{which}.q[{i}]" for which in ("one", "two") for i in (2, 3, 4)]
    assert found.logic == (tmp_path / "half.v",)
    assert sum(cell["type"] == "half" for cell in found.module["cells"].values()) == 2
    whole = elaborate("top", [_write(tmp_path, HALF)], folder=tmp_path / "whole")
    assert whole.logic == ()
    assert not any(cell["type"] == "half" for cell in whole.module["cells"].values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("always @(posedge clk or posedge r) if (r) q <= 0; else q <= d;", "$adff"),
        ("always @(negedge clk) q <= d;", "rising edge"),
        ("always @* if (clk) q = d;", "$dlatch"),
        ("always @(posedge clk) q <= d; initial q = 1;", "value at power-up"),
        ("reg s; always @(posedge clk) s <= d; always @(posedge s) q <= d;", "one clock"),
        ("always @* q = d;", "no register"),
        ('(* role = "config" *) reg s; always @(posedge clk) {q, s} <= {s, d};', "role config"),
    ],
)
def test_what_cannot_be_triplicated_is_named(tmp_path: Path, text: str, message: str) -> None:
    head = "module top (input wire clk, input wire r, input wire d, output reg q);\n"
    with pytest.raises(BackendError) as error:
        elaborated(tmp_path, f"{head}  {text}\nendmodule\n")
    assert message in str(error.value)


def test_names_are_ordered_by_their_numbers() -> None:
    assert sorted(["w[10]", "w[2]", "v[1]"], key=natural) == ["v[1]", "w[2]", "w[10]"]


def _write(folder: Path, text: str) -> Path:
    path = folder / "top.v"
    path.write_text(text)
    return path
