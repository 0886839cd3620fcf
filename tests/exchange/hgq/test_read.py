from pathlib import Path

import numpy as np
import pytest

from netwright.backends import rtl
from netwright.errors import DataError, GraphError, NetwrightError, UnsupportedOp
from netwright.exchange import read_hgq
from netwright.ir import Graph, Interpreter, real_values
from netwright.verify import bit_exact, corners
from tests.backends.rtl.graphs import needs_verilator
from tests.exchange.hgq_files import (
    DATA,
    MODELS,
    connected,
    dense_arrays,
    dense_layer,
    in_sequence,
    input_layer,
    write,
)

KERNEL = np.array([[1.0, -0.5], [0.25, 2.0], [-1.5, 0.75]])
BIAS = np.array([0.5, -0.25])


def outputs(graph: Graph, rows: np.ndarray) -> np.ndarray:
    shaped = rows.reshape(len(rows), *graph.types[graph.inputs[0]].shape[1:])
    output = graph.outputs[0]
    return real_values(graph, output, Interpreter.of(graph).run(shaped)[output])


@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_those_of_hgq2(name: str) -> None:
    graph = read_hgq(DATA / f"{name}.keras")
    known = np.load(DATA / f"{name}.npz")
    assert graph.is_integer
    assert np.array_equal(outputs(graph, known["inputs"]), known["outputs"])


@needs_verilator
@pytest.mark.tool("g++")
def test_verilog_of_a_network_is_its_graph(tmp_path: Path) -> None:
    graph = read_hgq(DATA / "hgq_every_layer.keras")
    design = rtl().generate(graph, tmp_path / "out")
    assert all(proof.holds for proof in design.prove())
    known = np.load(DATA / "hgq_every_layer.npz")
    for rows in (known["inputs"], corners(graph).inputs):
        found = bit_exact(graph, design, rows)
        assert found.identical == found.rows == len(rows)


def test_softmax_is_left_to_the_host() -> None:
    assert read_hgq(DATA / "hgq_modes.keras").head == "softmax"
    graph = read_hgq(DATA / "hgq_every_layer.keras")
    assert (graph.name, graph.head, graph.notes) == ("hgq_every_layer", "", ())


def one_dense(tmp_path: Path, *, fractions: object = 2, **changes: object) -> Graph:
    config = in_sequence(input_layer(3), dense_layer("fc", **changes))
    arrays = dense_arrays(KERNEL, BIAS, fractions=fractions)
    return read_hgq(write(tmp_path / "m.keras", config, arrays))


def test_a_dense_layer_by_hand(tmp_path: Path) -> None:
    graph = one_dense(tmp_path)
    assert [node.op for node in graph.nodes] == ["Quantize", "MatMul"]
    rows = np.array([[1.0, 0.3, -2.0], [3.9, -4.0, 0.125], [4.0, -4.25, 100.0]])
    wrapped = np.array([[1.0, 0.25, -2.0], [-4.0, -4.0, 0.25], [-4.0, 3.75, -4.0]])
    assert np.array_equal(outputs(graph, rows), wrapped @ KERNEL + BIAS)


def test_steps_of_every_input_go_into_the_weights(tmp_path: Path) -> None:
    graph = one_dense(tmp_path, fractions=np.array([0, 3, -2]), activation="relu")
    tensor = graph.types[graph.nodes[0].output]
    assert tensor.scale == (1.0, 0.125, 4.0)  # the third has a sign only: -4 or 0
    rows = np.array([[1.4, 0.3, -4.0], [-3.0, 3.0, 0.0]])
    seen = np.array([[1.0, 0.25, -4.0], [-3.0, 3.0, 0.0]])
    assert np.array_equal(outputs(graph, rows), np.maximum(seen @ KERNEL + BIAS, 0))


def test_what_nothing_reads_is_not_made(tmp_path: Path) -> None:
    arrays = dense_arrays(KERNEL, BIAS)
    arrays |= dense_arrays(KERNEL[:2], BIAS, 1, fractions=np.array([-3, 2]))
    config = in_sequence(input_layer(3), dense_layer("fc1"), dense_layer("fc2"))
    graph = read_hgq(write(tmp_path / "m.keras", config, arrays))
    assert not graph.constants["fc1_weights"][:, 0].any()
    assert graph.constants["fc1_weights"][:, 1].any()


@pytest.mark.parametrize("terms", [("b", "c"), ("c", "b")])
def test_a_tensor_read_twice_keeps_its_weights(tmp_path: Path, terms: tuple[str, str]) -> None:
    arrays = dense_arrays(KERNEL, BIAS)
    arrays |= dense_arrays(KERNEL[:2], BIAS, 1, fractions=np.array([-3, 2]))
    arrays |= dense_arrays(KERNEL[:2], BIAS, 2)
    add = {"module": "hgq.layers", "class_name": "QAdd",
           "config": {"name": "sum", "enable_iq": False}}  # fmt: skip
    config = connected(
        (input_layer(3), ()), (dense_layer("a"), ("x",)), (dense_layer("b"), ("a",)),
        (dense_layer("c"), ("a",)), (add, terms), output="sum",
    )  # fmt: skip
    graph = read_hgq(write(tmp_path / "m.keras", config, arrays))
    rows = np.random.default_rng(0).normal(size=(50, 3))
    seen = np.floor(rows * 4 + 0.5) / 4
    hidden = seen @ KERNEL + BIAS
    first, second = (np.floor(hidden * 4 + 0.5) / 4 for _ in range(2))
    first[:, 0] = 0
    fits = np.all((first >= -4) & (first < 4) & (second >= -4) & (second < 4), axis=1)
    wanted = first @ KERNEL[:2] + second @ KERNEL[:2] + 2 * BIAS
    assert fits.sum() > 20
    assert np.array_equal(outputs(graph, rows)[fits], wanted[fits])


def test_layers_that_are_not_known_are_named(tmp_path: Path) -> None:
    unknown = [{"module": "hgq.layers", "class_name": kind, "config": {"name": name}}
               for kind, name in (("QConv3D", "c1"), ("QGRU", "s"))]  # fmt: skip
    path = write(tmp_path / "m.keras", in_sequence(input_layer(3), *unknown), {})
    with pytest.raises(UnsupportedOp) as caught:
        read_hgq(path)
    assert str(caught.value).startswith(
        'node "c1": operator "QConv3D" is not supported by read_hgq\n'
        "hint: also unknown here: QGRU; supported: QAdd, QAveragePooling1D, "
    )
    assert "QConv1D, QConv2D, QDense, " in str(caught.value)


def test_a_softmax_of_tables_is_left_to_the_host_and_noted() -> None:
    graph = read_hgq(DATA / "hgq_convolutions.keras")
    assert graph.head == "softmax"
    assert [(note.node, note.text) for note in graph.notes] == [
        ("q_softmax", "the host computes its softmax of the logits, without the tables of HGQ2")
    ]


def convolution(tmp_path: Path, kind: str = "QConv1D", **changes: object) -> Graph:
    plain = {"kernel_size": [2], "strides": [1], "padding": "valid", "dilation_rate": [1],
             "groups": 1, "data_format": "channels_last", **changes}  # fmt: skip
    config = dense_layer("c", **plain)
    arrays = {
        name.replace("q_dense", "q_conv1d"): values
        for name, values in dense_arrays(KERNEL[:1], BIAS).items()
    }
    arrays["layers/q_conv1d/vars/0"] = np.ones((2, 1, 2), np.float32)
    entry = {**input_layer(3), "config": {"name": "x", "batch_shape": [None, 5, 1]}}
    path = write(tmp_path / "m.keras", in_sequence(entry, {**config, "class_name": kind}), arrays)
    return read_hgq(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"padding": "reflect"}, 'node "c": operator "padding reflect" is not supported'),
        ({"data_format": "channels_first"}, 'operator "QConv1D with channels first" is not'),
        ({"strides": [0]}, 'layer "c": strides must be 1 positive integers, not [0]'),
        ({"kernel_size": [3]}, 'layer "c": has arrays of the shapes [(2, 1, 2), (2,)]'),
        ({"groups": 3}, 'layer "c": (2, 1, 2) does not fit (5, 1)'),
        ({"activation": "tanh"}, 'operator "tanh without a quantizer behind it" is not supported'),
        ({"activation": "gelu"}, 'operator "activation gelu" is not supported'),
    ],
)
def test_convolutions_with_other_options_are_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(NetwrightError) as caught:
        convolution(tmp_path, **changes)
    assert message in str(caught.value)


def test_a_causal_convolution_reads_what_came_before(tmp_path: Path) -> None:
    graph = convolution(tmp_path, padding="causal")
    rows = np.arange(5.0).reshape(1, 5, 1) / 4
    before = np.concatenate([np.zeros((1, 1, 1)), rows[:, :-1]], axis=1)
    assert np.array_equal(outputs(graph, rows), rows + before + BIAS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "gelu"}, 'node "fc": operator "activation gelu" is not supported'),
        ({"activation": "tanh"}, 'operator "tanh without a quantizer behind it" is not supported'),
        ({"enable_iq": False}, 'input "x" reaches "fc" without a quantizer'),
        ({"kq_conf": None}, 'layer "fc": has no configuration of its quantizer kq'),
        ({"activation": {"class_name": "Lambda"}}, "is not supported by read_hgq"),
    ],
)
def test_options_that_are_not_known_are_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(NetwrightError, match=message):
        one_dense(tmp_path, **changes)


def test_damaged_arrays_are_refused(tmp_path: Path) -> None:
    whole = dense_arrays(KERNEL, BIAS)
    config = in_sequence(input_layer(3), dense_layer("fc"))
    for name, values in whole.items():
        for damaged in (None, np.zeros((2, 7), values.dtype), values.astype("S")):
            arrays = {**whole, name: damaged} if damaged is not None else dict(whole)
            if damaged is None:
                del arrays[name]
            with pytest.raises(DataError):
                read_hgq(write(tmp_path / "m.keras", config, arrays))


def test_layers_behind_the_softmax_are_refused(tmp_path: Path) -> None:
    softmax = {"module": "keras.layers", "class_name": "Softmax", "config": {"name": "s"}}
    again = {"module": "keras.layers", "class_name": "ReLU", "config": {"name": "r"}}
    config = in_sequence(input_layer(3), dense_layer("fc"), softmax, again)
    with pytest.raises(GraphError, match='node "r": stands behind the softmax'):
        read_hgq(write(tmp_path / "m.keras", config, dense_arrays(KERNEL, BIAS)))


@pytest.mark.parametrize(
    "equation", ["bni,no->bio", "bi,oi->bo", "bii,io->bio", "bi,io->ob", "bi,io->bi"]
)
def test_other_products_are_refused(tmp_path: Path, equation: str) -> None:
    layer = dense_layer("fc", equation=equation, bias_axes="o")
    config = in_sequence(input_layer(3), {**layer, "class_name": "QEinsumDense"})
    found = {name.replace("q_dense", "q_einsum_dense"): values
             for name, values in dense_arrays(KERNEL, BIAS).items()}  # fmt: skip
    with pytest.raises(UnsupportedOp, match=f'operator "QEinsumDense {equation}" is not supported'):
        read_hgq(write(tmp_path / "m.keras", config, found))


def test_a_bias_at_a_tie_is_noted(tmp_path: Path) -> None:
    layer = dense_layer("fc", scale=False, epsilon=0.0)
    arrays = {name.replace("q_dense", "q_batch_norm_dense"): values
              for name, values in dense_arrays(KERNEL, BIAS).items()}  # fmt: skip
    folder = "layers/q_batch_norm_dense/vars"
    arrays[f"{folder}/3"] = np.ones(3, np.float32)
    for mean, noted in ((0.3, ()), (0.5, ("fc",))):
        arrays[f"{folder}/2"] = np.full(3, mean, np.float32)
        config = in_sequence(input_layer(3), {**layer, "class_name": "QBatchNormDense"})
        graph = read_hgq(write(tmp_path / "m.keras", config, arrays))
        assert tuple(note.node for note in graph.notes) == noted
