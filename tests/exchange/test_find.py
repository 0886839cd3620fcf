from __future__ import annotations

from pathlib import Path

import pytest

from netwright.errors import ConfigError, GraphError
from netwright.exchange.find import find_graph, find_workload
from tests.exchange.onnx_files import GRID, model, node, quant, saved


def test_batch_multiplies_work_and_leaves_weights():
    one, four = find_workload("alexnet"), find_workload("alexnet", batch=4)
    assert four.num_macs == 4 * one.num_macs
    assert four.num_parameters == one.num_parameters
    assert find_workload("alexnet", batch=1) == one


def test_width_reaches_every_tensor_and_is_told():
    narrow = find_workload("alexnet", bits="3")
    assert {tensor.bits for tensor in narrow.tensors} == {3}
    assert "3 bits an element" in narrow.assumptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shapes": ["x=1,3"]}, "--shape: alexnet has shapes of its own"),
        ({"shapes": ["1,3"]}, '--shape: must be a name and extents above 0, not "1,3"'),
        ({"shapes": ["x=0,3"]}, '--shape: must be a name and extents above 0, not "x=0,3"'),
        ({"shapes": ["x=a"]}, "--shape: must be a name and extents above 0"),
    ],
)
def test_shapes_that_cannot_be_given_are_refused(options, message):
    with pytest.raises(ConfigError) as caught:
        find_workload("alexnet", **options)
    assert caught.value.message == message or caught.value.message.startswith(message)


def test_quantized_attention_counts(tmp_path: Path):
    pytest.importorskip("qonnx")
    nodes = [
        quant("x s z b", "q"), node("Transpose", "q", "k", perm=[0, 2, 1]),
        node("MatMul", "q k", "p"), node("Softmax", "p", "a", axis=-1), quant("a s z b", "c"),
        node("MatMul", "c q", "r"), quant("r s z b"),
    ]  # fmt: skip
    found = find_workload(str(saved(model(nodes, GRID, shape=(1, 6, 8)), tmp_path)))
    assert found.num_macs == 2 * 6 * 6 * 8
    assert {t.bits for t in found.tensors if t.name in "qk"} == {4}


def test_what_nothing_reads_is_refused_for_what_hardware_lacks(tmp_path: Path):
    pytest.importorskip("qonnx")
    nodes = [quant("x s z b", "q"), node("Conv", "q q")]
    path = saved(model(nodes, GRID, shape=(1, 2, 4, 4)), tmp_path)
    with pytest.raises(GraphError, match="the weights must be a constant"):
        find_workload(str(path))


def test_a_name_that_is_too_long_names_no_file():
    with pytest.raises(ConfigError, match="does not exist"):
        find_graph("x" * 300 + ".npz")
