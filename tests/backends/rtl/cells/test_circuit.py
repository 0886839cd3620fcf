from netwright.backends.rtl.cells.circuit import Bundle, Cell, Layer, Port, Wire

WIRE = Wire("w", (-3, 5))


def test_widths_follow_from_the_interval() -> None:
    assert (WIRE.bits, WIRE.is_signed) == (4, True)
    assert (Wire("u", (0, 8)).bits, Wire("u", (0, 8)).is_signed) == (4, False)
    assert Bundle("t", "t", (WIRE, 3, Wire("u", (0, 8))), 0).bits == 8
    assert Port("t", "y", 5, 6, True).total_bits == 30


def test_a_layer_counts_its_adders_and_registers() -> None:
    adder = Cell("shift_adder", {}, {"low": WIRE, "high": WIRE}, "sum", Wire("s", (-6, 10)))
    register = Cell("register", {"BITS": 4}, {"d": WIRE}, "q", Wire("w__1", (-3, 5)), clocked=True)
    layer = Layer("l", ("n",), (), (), (adder, register))
    assert (layer.num_adders, layer.register_bits) == (1, 4)
