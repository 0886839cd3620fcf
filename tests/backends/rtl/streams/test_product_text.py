from netwright.backends.rtl.streams.dataflow import lower_to_streams
from netwright.backends.rtl.streams.product_text import product_text
from netwright.ir import Graph
from tests.backends.hls.graphs import Build


def dense() -> Graph:
    build = Build("net")
    weights = build.constant([[1, -2], [3, 0]])
    bias = build.constant([5, -6])
    return build.graph(build.add("MatMul", (build.quantize((2,), bits=3), weights, bias)))


def text(*, loadable: bool) -> str:
    network = lower_to_streams(
        dense(), 2, loadable=loadable, adders_per_stage=None, max_operations=100
    )
    (unit,) = network.units
    product = network.products[unit.name]
    return "\n".join(product_text(unit, product, network, network.streams[unit.inputs[0]]))


def test_fixed_weights_are_written_clock_by_clock() -> None:
    """Two outputs of 3 bits: 1 and -2 in the first clock, 3 and 0 in the second."""
    found = text(loadable=False)
    assert "6'h03,  // clock 1" in found
    assert "6'h31  // clock 0" in found
    assert "assign bias = {2{1'b0}};" in found


def test_loadable_memories_listen_to_their_addresses() -> None:
    found = text(loadable=True)
    assert "& (w_address[2:2] == 1'd0);" in found
    assert "& (w_address[2:2] == 1'd1);" in found
    assert ".write_data(w_data[2:0])" in found
    assert "CONTENTS" not in found
