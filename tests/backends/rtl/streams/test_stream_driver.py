from dataclasses import replace

import numpy as np

from netwright.backends.rtl.streams.network import Network, Stream, Terminal
from netwright.backends.rtl.streams.stream_driver import harness, num_words


def terminal(name: str, lanes: int) -> Terminal:
    stream = Stream(name, name, 2, lanes, (0, 255))
    return Terminal(name, name, stream, np.arange(2 * lanes).reshape(2, lanes))


NETWORK = Network("net", (terminal("x", 5),), (terminal("y0", 3), terminal("y1", 20)), {}, ())


def test_words_of_a_beat() -> None:
    assert [num_words(t) for t in (*NETWORK.inputs, *NETWORK.outputs)] == [2, 1, 5]


def test_every_port_has_a_source_or_a_sink() -> None:
    text = harness(NETWORK)
    assert "Source source0{in[0], num_rows * 2, false};" in text
    assert "Sink sink1{out[1], 0, false, {}};" in text
    assert (
        "design.x_data = source0.beats[0] | static_cast<uint64_t>(source0.beats[1]) << 32;" in text
    )
    assert "for (int i = 0; i < 5; ++i) beat[i] = design.y1_data[i];" in text
    assert "uint32_t last[5];" in text


def test_only_loadable_designs_are_loaded() -> None:
    assert "w_valid" not in harness(NETWORK)
    assert "design.w_address = loads[2 * i];" in harness(replace(NETWORK, loadable=True))
