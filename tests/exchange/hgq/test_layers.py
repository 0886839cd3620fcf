from typing import Any

import numpy as np
import pytest

from netwright.errors import DataError, GraphError
from netwright.exchange.hgq.keras_archive import KerasArchive
from netwright.exchange.hgq.layers import HgqLayer, read_network
from tests.exchange.hgq_files import connected, dense_layer, in_sequence, input_layer


def network(config: dict[str, Any]) -> list[tuple[str, tuple[str, ...], str]]:
    found = read_network(KerasArchive(config, {}), "m.keras")
    assert found.output == found.layers[-1].name
    return [(layer.name, layer.sources, layer.path) for layer in found.layers]


def test_layers_in_sequence() -> None:
    config = in_sequence(input_layer(3), dense_layer("a"), dense_layer("b"))
    assert network(config) == [
        ("x", (), "layers/input_layer"),
        ("a", ("x",), "layers/q_dense"),
        ("b", ("a",), "layers/q_dense_1"),
    ]


def test_arrays_are_numbered_as_listed_whatever_the_order_of_execution() -> None:
    config = connected(
        (input_layer(3), ()), (dense_layer("late"), ("early",)), (dense_layer("early"), ("x",)),
        (dense_layer("unused"), ("x",)), output="late",
    )  # fmt: skip
    assert network(config) == [
        ("x", (), "layers/input_layer"),
        ("early", ("x",), "layers/q_dense_1"),
        ("late", ("early",), "layers/q_dense"),
    ]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("QBatchNormDense", "q_batch_norm_dense"),
        ("QEinsumDenseBatchnorm", "q_einsum_dense_batchnorm"),
        ("QBatchNormalization", "q_batch_normalization"),
        ("Quantizer", "quantizer"),
        ("ReLU", "re_lu"),
    ],
)
def test_names_of_groups_are_those_of_keras(kind: str, path: str) -> None:
    module = "keras.layers" if kind == "ReLU" else "hgq.layers"
    layer = {"module": module, "class_name": kind, "config": {"name": "l"}}
    assert network(in_sequence(input_layer(3), layer))[1][2] == f"layers/{path}"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"class_name": "MyModel", "config": {}}, "m.keras: holds a model of the class MyModel"),
        ({"class_name": "Sequential", "config": {}}, "its layers must be a list of objects"),
        (in_sequence(), "has no layers"),
        (in_sequence({**dense_layer("a"), "config": {}}), "a layer has no configuration"),
        (in_sequence(*[dense_layer("a")] * 1001), "has 1001 layers, more than 1000"),
    ],
)
def test_damaged_descriptions_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        network(config)


def circle() -> dict[str, Any]:
    return connected(
        (input_layer(3), ()), (dense_layer("a"), ("b",)), (dense_layer("b"), ("a",)), output="a"
    )


def called_twice() -> dict[str, Any]:
    config = connected((input_layer(3), ()), (dense_layer("a"), ("x",)), output="a")
    config["config"]["layers"][1]["inbound_nodes"] *= 2
    return config


def two_outputs() -> dict[str, Any]:
    config = connected((input_layer(3), ()), (dense_layer("a"), ("x",)), output="a")
    config["config"]["output_layers"] = [["a", 0, 0], ["x", 0, 0]]
    return config


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (in_sequence(dense_layer("a")), 'node "a": reads nothing'),
        (in_sequence(input_layer(3), *[dense_layer("a")] * 2), "have the same name"),
        (circle(), "layers read each other in a circle"),
        (called_twice(), 'node "a": must be called once'),
        (two_outputs(), "the model must have one output"),
        (connected((dense_layer("a"), ("x",)), output="a"), 'the model has no layer "x"'),
    ],
)
def test_other_graphs_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        network(config)


def layer(**config: object) -> HgqLayer:
    own = np.zeros((2, 3)), np.ones(()), np.ones(4)
    arrays = {f"p/vars/{number}": values for number, values in enumerate(own)}
    return HgqLayer("l", "QDense", config, (), "p", arrays)


def test_single_numbers_are_not_counted_as_arrays() -> None:
    assert layer().variable(0).shape == (2, 3)
    assert layer().variable(1).shape == layer().variable(-1).shape == (4,)
    with pytest.raises(DataError, match='layer "l": its array 2 is missing at p'):
        layer().variable(2)


@pytest.mark.parametrize("shape", [None, [None], [None, None, 3], [None, 0], [None, 1 << 21]])
def test_inputs_of_unknown_or_absurd_shape_are_refused(shape: list[int] | None) -> None:
    with pytest.raises(DataError, match='input "l": batch_shape must be the batch and known'):
        layer(batch_shape=shape).input_shape()
    assert layer(batch_shape=[None, 4, 3]).input_shape() == (4, 3)


def test_options() -> None:
    assert layer().has_bias
    assert not layer(use_bias=False).has_bias
    assert not layer(bias_axes=None).has_bias
    assert not layer().is_enabled("oq")
    assert layer(epsilon=1e-3).number("epsilon") == 1e-3
    with pytest.raises(DataError, match="epsilon must be a number, not 'x'"):
        layer(epsilon="x").number("epsilon")
    several = layer(iq_confs=[{"config": {"a": 1}}, {"config": {"a": 2}}])
    assert several.input_quantizer(1) == "iq/quantizers/quantizer_1"
    assert several.quantizer(several.input_quantizer(1)) == {"a": 2}
    assert several.quantizer(several.input_quantizer(0)) == {"a": 1}
