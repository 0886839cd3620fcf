import pytest

from netwright.backends.rtl.proof.cone import Netlist
from netwright.errors import BackendError

TEXT = """\
module fc1 (
    input  wire clk,
    input  wire [3:0] x_data,
    output wire [9:0] y_data
);
  wire [3:0] a = x_data[0+:4];  // 0..15
  wire [5:0] three;  // 0..45
  shift_adder #(.LOW_BITS(4), .LOW_SIGNED(0), .HIGH_BITS(4), .HIGH_SIGNED(0), .SHIFT(1), \
.SUBTRACT(0), .SUM_BITS(6))
    u_three (.low(a), .high(a), .sum(three));
  wire [5:0] three__1;  // 0..45
  register #(.BITS(6))
    u_three__1 (.clk(clk), .d(three), .q(three__1));
  wire [3:0] y0;  // 0..11
  shifter #(.X_BITS(6), .X_SIGNED(0), .SHIFT(2), .Y_BITS(4))
    u_y0 (.x(three__1), .y(y0));

  assign y_data = {three__1, y0};
endmodule
"""


def test_outputs_and_drivers_are_read_back() -> None:
    netlist = Netlist.of("fc1", TEXT)
    assert netlist.packed("y") == ("y0", "three__1")
    assert netlist.widths["three"] == 6
    assert netlist.drivers["y0"].module == "shifter"
    assert netlist.upstream("three__1") == {"three__1", "three", "a", "clk"}


def test_a_cone_ends_at_inputs_and_stops_and_has_no_registers() -> None:
    netlist = Netlist.of("fc1", TEXT)
    cone = netlist.cone("y0", frozenset())
    assert cone.inputs == (("a", 4),)
    assert cone.wires == ("y0", "three__1", "three")
    assert "assign three__1 = three;" in cone.instances
    cut = netlist.cone("y0", frozenset({"three"}))
    assert cut.inputs == (("three", 6),)
    assert len(cut.instances) == 2


def test_a_multiple_counts_only_if_every_value_fits() -> None:
    netlist = Netlist.of("fc1", TEXT)
    assert netlist.multiples({"a": (0, 15)}) == {("a", 3): (("three", 0),)}
    narrow = TEXT.replace("[5:0] three;", "[4:0] three;").replace("SUM_BITS(6)", "SUM_BITS(5)")
    assert netlist.multiples({"a": (0, 31)}) == {}
    assert Netlist.of("fc1", narrow).multiples({"a": (0, 15)}) == {}


def test_what_the_text_lacks() -> None:
    netlist = Netlist.of("fc1", TEXT)
    with pytest.raises(BackendError, match=r'^the text of fc1 does not make the output "z"$'):
        netlist.packed("z")
    with pytest.raises(BackendError, match=r'^the text of fc1 does not make the wire "z"$'):
        netlist.cone("z", frozenset())
