from __future__ import annotations

import pytest

from netwright.exchange import read_workload
from netwright.mapping.banks import matrix_of
from netwright.mapping.caches import growth_of, num_new
from netwright.mapping.layout import product_of
from netwright.workload.builder import Builder
from tests.exchange.lowered import file_of, random
from tests.exchange.onnx_files import node


def grown(workload):
    found = {}
    for einsum in workload.einsums:
        wanted = matrix_of(workload, einsum)
        if wanted is None:
            continue
        tensor, growth = wanted.tensors[wanted.of("weight")], growth_of(workload, wanted)
        product = product_of(wanted)
        found[einsum.name] = growth, num_new(workload, tensor.name, product, growth)
    return found


@pytest.mark.parametrize("tokens", [1, 2, 64, 300])
def test_keys_get_vectors_and_values_grow_longer(tokens):
    b = Builder("attends", bits=16)
    workload = b.finish(b.attention(b.input((1, 1, 128)), 2, cached=tokens))
    found = grown(workload)
    assert {name: own for name, own in found.items() if own[0]} == {
        next(n for n in found if n.endswith(".scores")): ("outputs", 1),
        next(n for n in found if n.startswith("attention") and "." not in n): ("length", 1),
    }


@pytest.mark.parametrize("heads", [2, 4])
def test_caches_of_files_grow_alike(tmp_path, heads):
    inputs = {
        "q": random(1, 4, 1, 8), "k": random(1, heads, 1, 8), "v": random(1, heads, 1, 8),
        "pk": random(1, heads, 7, 8), "pv": random(1, heads, 7, 8),
    }  # fmt: skip
    nodes = [node("Attention", "q k v  pk pv", "y nk nv")]
    path = file_of(nodes, tmp_path, inputs, outputs=("y", "nk", "nv"), opset=23)
    workload = read_workload(path)
    assert {t.name: t.part_of for t in workload.tensors if t.part_of} == {
        "nk.new": "nk", "nv.new": "nv",
    }  # fmt: skip
    assert sorted(grown(workload).values()) == [("length", 1), ("outputs", 1)]


def test_values_without_new_rows_are_known_by_the_softmax(tmp_path):
    inputs = {"q": random(1, 2, 1, 8), "k": random(1, 2, 7, 8), "v": random(1, 2, 7, 8)}
    path = file_of([node("Attention", "q k v", "y")], tmp_path, inputs, opset=23)
    assert sorted(grown(read_workload(path)).values()) == [("length", 0), ("outputs", 0)]
