from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from netwright.backends.cpu import cpu
from netwright.backends.cpu.encoders import build_engine, encoder_graph, engine_of, float_logits
from netwright.errors import DataError, GraphError
from netwright.ir import load, save
from netwright.verify import agree
from tests.backends.cpu.encoders import random_sentences, random_weights
from tests.backends.cpu.transformers import block

TOKENS = 20


@pytest.fixture(scope="module")
def weights():
    return random_weights(sparsity=0.5)


@pytest.fixture(scope="module")
def graph(weights):
    return encoder_graph(weights, TOKENS)


def padded(sentences):
    ids, mask = np.zeros((2, len(sentences), TOKENS))
    for row, sentence in enumerate(sentences):
        ids[row, : len(sentence)] = sentence
        mask[row, : len(sentence)] = 1
    return {"ids": ids, "mask": mask}


def test_the_engine_of_the_graph_is_the_engine(weights, graph, tmp_path) -> None:
    sentences = random_sentences((5, 1, 20, 13))
    wanted = build_engine(weights, way="sparse")(sentences)
    np.testing.assert_array_equal(engine_of(graph, way="sparse")(sentences), wanted)
    again = load(save(graph, tmp_path / "g.npz"))
    np.testing.assert_array_equal(engine_of(again, way="sparse")(sentences), wanted)


def test_names_do_not_matter(graph) -> None:
    def other(name: str) -> str:
        return "t" + re.sub(r"\W", "_", name)

    nodes = tuple(
        replace(n, name=other(n.name), inputs=tuple(map(other, n.inputs)), output=other(n.output))
        for n in graph.nodes
    )
    renamed = replace(
        graph, inputs=tuple(map(other, graph.inputs)), outputs=tuple(map(other, graph.outputs)),
        nodes=nodes, types={other(k): v for k, v in graph.types.items()},
        constants={other(k): v for k, v in graph.constants.items()},
    )  # fmt: skip
    sentences = random_sentences((5, 7))
    found, wanted = (engine_of(g, way="sparse")(sentences) for g in (renamed, graph))
    np.testing.assert_array_equal(found, wanted)


def test_the_graph_runs_on_the_backend_and_is_what_the_engine_approximates(
    weights, graph, tmp_path
) -> None:
    sentences = random_sentences((5, 1, 20, 13))
    rows = padded(sentences)
    design = cpu().generate(graph, tmp_path / "d")
    found = agree(graph, design, rows).require()
    assert (found.exact_nodes, found.hidden_nodes) == (2 * (8 + 6), 0)
    assert set(design.kernels.values()) == {"int8", "float32"}
    (made,) = design.run(rows).values()
    engine = build_engine(weights, way="sparse")(sentences)
    exact = np.stack([float_logits(weights, sentence) for sentence in sentences])
    scale = np.abs(exact).max()
    assert np.abs(made - engine).max() < 0.03 * scale
    assert np.abs(made - exact).max() < 0.1 * scale


def test_another_pattern_is_refused_with_the_node(graph) -> None:
    with pytest.raises(GraphError, match="has not the pattern of an encoder"):
        engine_of(block())
    attend = graph.node("layer1.attend")
    causal = replace(attend, attrs={**attend.attrs, "causal": 1})
    with pytest.raises(GraphError, match=r'"layer1.attend": an encoder has Attention here'):
        engine_of(graph.with_node(causal))
    name = "encoder.layer.0.output.dense.weight.step"
    with pytest.raises(GraphError, match="is none of an encoder"):
        engine_of(graph.with_constant(name, graph.constants[name] * 2))


def test_missing_ranges_and_long_sentences_are_refused(weights) -> None:
    with pytest.raises(DataError, match="no ranges of activations"):
        encoder_graph(replace(weights, ranges={}), TOKENS)
    with pytest.raises(DataError, match="tokens must be from 1 to 70, not 71"):
        encoder_graph(weights, 71)
