from netwright.backends.rtl.cells.circuit import Circuit, Port
from netwright.backends.rtl.simulate.row_driver import harness, num_words

PORTS = tuple(Port("t", f"p{i}", 1, bits, True) for i, bits in enumerate((5, 40, 64, 65)))


def test_every_port_begins_a_word() -> None:
    assert num_words(PORTS) == 1 + 2 + 2 + 3


def test_ports_move_as_the_simulator_keeps_them() -> None:
    text = harness(Circuit("net", PORTS, PORTS, (), 3))
    assert "design.p0_data = in[0];" in text
    assert "design.p1_data = in[1] | static_cast<uint64_t>(in[2]) << 32;" in text
    assert "for (int i = 0; i < 3; ++i) design.p3_data[i] = in[5 + i];" in text
    assert "out[4] = static_cast<uint32_t>(design.p2_data >> 32);" in text
