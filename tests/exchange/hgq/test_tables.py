from pathlib import Path

import numpy as np
import pytest

from netwright.backends import rtl
from netwright.errors import ConfigError, DataError, NetwrightError
from netwright.exchange import read_hgq
from netwright.exchange.hgq import tables
from netwright.ir import Graph, Interpreter, real_values
from tests.exchange.hgq_files import DATA, KBI, KIF, in_sequence, input_layer, quantizer, write


def pair(tmp_path: Path, *, fractions: object = (2, 1), lack: str = "", **changes: object) -> Graph:
    """Two inputs and one output, nothing between but factors 1 and −0.5 and a tanh."""
    config = {"name": "pair", "n_out": 1, "n_hl": 1, "d_hl": 1, "subnn_activation": "tanh",
              "use_bias": False, "batch_norm": False, "enable_iq": True, "activation": "linear",
              "iq_conf": {"config": KIF}, "toq_conf": {"config": KBI}}  # fmt: skip
    layer = {"module": "hgq.layers.table.dense", "class_name": "QDenseT"}
    one = np.ones((1, 2, 1), dtype=int)
    path = "layers/q_dense_t"
    module = f"{path}/module/layers/einsum_dense"
    arrays = {
        f"{module}/vars/0": np.array([1, -0.5], np.float32).reshape(2, 1, 1, 1),
        f"{module}_1/vars/0": np.ones((2, 1, 1), np.float32),
        **quantizer(f"{path}/iq", KIF, one, one, np.reshape(fractions, (1, 2, 1))),
        **quantizer(f"{path}/toq", KBI, one, one, 4 * one),
    }
    arrays = {name: array for name, array in arrays.items() if not (lack and lack in name)}
    layer["config"] = config | changes  # type: ignore[assignment]
    return read_hgq(write(tmp_path / "m.keras", in_sequence(input_layer(2), layer), arrays))


def test_entries_are_what_the_pairs_compute(tmp_path: Path) -> None:
    graph = pair(tmp_path)
    rows = np.random.default_rng(1).uniform(-1.9, 1.7, (200, 2))
    taken = [np.floor(rows[:, i] * 2.0**f + 0.5) / 2.0**f for i, f in enumerate((2, 1))]
    reals = [np.tanh(taken[0]), np.tanh(-0.5 * taken[1])]
    terms = [np.floor(real * 16 + 0.5) / 16 for real in reals]
    output = graph.outputs[0]
    found = real_values(graph, output, Interpreter.of(graph).run(rows)[output])
    assert np.array_equal(found[:, 0], sum(terms))


def test_an_input_without_bits_is_a_constant(tmp_path: Path) -> None:
    graph = pair(tmp_path, fractions=(2, -2))
    rows = np.array([[0.5, 1.0], [0.5, -1.0]])
    codes = Interpreter.of(graph).run(rows)[graph.outputs[0]]
    assert codes[0] == codes[1]


def test_inputs_that_never_are_large_need_fewer_bits() -> None:
    path = DATA / "hgq_pairs.keras"
    wide, narrow = read_hgq(path), read_hgq(path, largest_input=0.9)
    rows = np.random.default_rng(2).uniform(-0.9, 0.9, (500, 4))
    found = [Interpreter.of(graph).run(rows)[graph.outputs[0]] for graph in (wide, narrow)]
    assert np.array_equal(*found)
    bits = [graph.types[graph.nodes[1].output].dtype.bits for graph in (wide, narrow)]
    assert bits[1] < bits[0]
    with pytest.raises(ConfigError, match="largest_input must be above 0, not 0"):
        read_hgq(path, largest_input=0)


def test_verilog_of_it_is_proven(tmp_path: Path) -> None:
    design = rtl(part="xcup").generate(pair(tmp_path), tmp_path / "out")
    assert all(proof.holds for proof in design.prove())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subnn_activation": "swish"}, 'operator "subnn_activation swish" is not supported'),
        ({"enable_iq": False}, "QDenseT of rows of shape"),
        ({"n_out": 0}, "n_out must be 1 positive integers, not 0"),
        ({"n_out": 2}, "do not fit|has arrays of the shape"),
        ({"n_hl": 2}, "its array .*einsum_dense_2/vars/0 is missing"),
        ({"lack": "einsum_dense/vars"}, "its array .*einsum_dense/vars/0 is missing"),
        ({"use_bias": True}, "its array .*einsum_dense/vars/1 is missing"),
        ({"batch_norm": True}, "its array .*bn_module/vars/0 is missing"),
        ({"iq_conf": {"config": KIF | {"round_mode": "RND_CONV"}}}, "tables of an input rounded"),
    ],
)
def test_layers_that_cannot_be_read(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(NetwrightError, match=message):
        pair(tmp_path, **changes)  # type: ignore[arg-type]


def test_tables_that_are_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ENTRIES", 31)
    with pytest.raises(NetwrightError, match="tables of 16 entries for each of 2 pairs"):
        pair(tmp_path)


def test_a_number_that_is_not_finite_matters_only_in_arrays(tmp_path: Path) -> None:
    arrays = {"layers/q_dense_t/iq/quantizer/vars/3": np.float32("inf")}
    config = in_sequence(input_layer(2))
    with pytest.raises(NetwrightError, match="the output of the model is an input"):
        read_hgq(write(tmp_path / "m.keras", config, arrays))
    arrays = {"a": np.full(2, np.inf, np.float32)}
    with pytest.raises(DataError, match='"a" holds NaN or infinity'):
        read_hgq(write(tmp_path / "m.keras", config, arrays))
