import re
from dataclasses import replace

import pytest

from netwright.backends.rtl.reuse import ReuseFactor
from netwright.backends.rtl.streams.dataflow import lower_to_streams
from netwright.backends.rtl.streams.network import Gather, Join, Network, Product, Window
from netwright.backends.rtl.streams.network_text import sources
from netwright.errors import GraphError, NumericsError
from netwright.formats import Int
from netwright.ir import Graph
from tests.backends.hls.graphs import Build
from tests.backends.rtl.graphs import images, signals, two_layers


def lowered(graph: Graph, reuse_factor: ReuseFactor = 1, *, loadable: bool = False) -> Network:
    return lower_to_streams(
        graph, reuse_factor, loadable=loadable, adders_per_stage=4, max_operations=50_000
    )


def test_products_that_are_not_divided_become_adders() -> None:
    (unit,) = lowered(two_layers()).units
    assert isinstance(unit.front, Join)
    assert unit.layer is not None
    assert unit.layer.num_adders > 20
    assert unit.nodes == ("matmul_1", "requantize_2", "matmul_3")


def test_products_that_are_divided_become_multipliers() -> None:
    network = lowered(two_layers(), {"matmul_1": 6})
    assert [unit.nodes for unit in network.units] == [("matmul_1", "requantize_2", "matmul_3")]
    front = network.units[0].front
    assert isinstance(front, Product)
    assert front.tiling.multipliers == 5


def test_loadable_weights_always_need_multipliers() -> None:
    network = lowered(two_layers(), loadable=True)
    assert list(network.products) == ["matmul_1", "matmul_3"]
    assert all(product.bias is not None for product in network.products.values())


def test_units_of_images() -> None:
    units = {unit.name: unit for unit in lowered(images(), {"conv_1": 12}).units}
    assert list(units) == [
        "conv_1__windows", "conv_1", "conv_3", "maxpool_5", "reshape_7__row", "sumpool_6",
    ]  # fmt: skip
    assert isinstance(units["conv_1__windows"].front, Window)
    assert isinstance(units["conv_1"].front, Product)
    assert isinstance(units["conv_3"].front, Window)
    assert isinstance(units["reshape_7__row"].front, Gather)
    assert units["reshape_7__row"].nodes == ("reshape_7", "matmul_8", "requantize_9")


def test_the_short_way_around_a_residual_sum_has_a_queue() -> None:
    units = {unit.name: unit for unit in lowered(signals(), {"conv_4": 2}).units}
    assert units["maxpool_3__out__to_1__delay"].depth > 1


def test_nodes_that_no_output_needs_are_left_out() -> None:
    build = Build("net")
    source = build.quantize((3,))
    build.dense(source, 2)
    graph = build.graph(build.add("Relu", (source,)))
    assert [unit.nodes for unit in lowered(graph).units] == [("relu_2",)]


def test_nodes_that_read_constants_only_are_refused() -> None:
    build = Build("net")
    source = build.quantize((3,))
    total = build.add("Add", (build.constant([[1, 2, 3]]), build.constant([[1, 1, 1]])))
    with pytest.raises(GraphError) as caught:
        lowered(build.graph(build.add("Add", (source, total))))
    assert str(caught.value) == 'node "add_1": reads constants only'


def test_values_that_only_other_weights_make_too_wide() -> None:
    build = Build("net")
    weights = build.constant([[1], [2]], Int(30))
    product = build.add("MatMul", (build.quantize((2,), bits=20), weights))
    graph = build.graph(build.requantize(product, shift=20, multiplier=(1 << 20,)))
    assert lowered(graph, 2).units
    with pytest.raises(NumericsError) as caught:
        lowered(graph, 2, loadable=True)
    assert str(caught.value) == (
        'tensor "requantize_2_out": node "requantize_2" makes values of up to 71 bits for any '
        "weights of their formats; at most 64 are supported\n"
        'hint: use fewer weight or activation bits, or weights="fixed"'
    )


def test_names_that_look_like_derived_ones() -> None:
    """An input called like the stream of a node, nodes called like the modules of another."""
    build = Build("net")
    source = build.quantize((3,))
    build.nodes[0] = replace(build.nodes[0], output="fc_out")
    build.types["fc_out"] = build.types.pop(source)
    first = build.add("Relu", ("fc_out",))
    build.nodes[1] = replace(build.nodes[1], name="fc")
    second = build.dense(first, 2)
    third = build.add("Add", (second, second), name="fc_beat")
    network = lowered(build.graph(first, second, third))
    files = sources(network, "names")
    modules = re.findall(r"^module (\w+)", "".join(files.values()), re.M)
    assert len(modules) == len(set(modules)) == len(files)
    assert len({stream.tensor for stream in network.streams.values()}) == 4
