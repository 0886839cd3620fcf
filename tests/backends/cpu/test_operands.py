from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.backends import cpu, open_design
from netwright.compress.quantize import quantizer
from netwright.formats import Format
from netwright.ir import Graph, Node, TensorType, interpret
from netwright.passes import code_products
from netwright.verify import agree

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.standard_t(3, (9, 3, 64)) * np.exp(RANDOM.normal(size=(9, 3, 1)))


def two_products() -> Graph:
    types = {"x": (1, 3, 64), "w": (64, 32), "b": (32,), "a": (1, 3, 32), "v": (32, 5),
             "y": (1, 3, 5)}  # fmt: skip
    constants = {name: RANDOM.normal(size=types[name]) for name in ("w", "b", "v")}
    nodes = (
        Node("first", "MatMul", ("x", "w", "b"), "a"),
        Node("second", "MatMul", ("a", "v"), "y"),
    )
    return Graph(
        "g", ("x",), ("y",), nodes, {n: TensorType(s) for n, s in types.items()}, constants
    )


def coded(weights: str, inputs: str, bits: tuple[int, int]) -> Graph:
    graph = two_products()
    held, read = quantizer(weights, bits[0]), quantizer(inputs, bits[1])
    chosen: dict[str, Format] = {
        node.name: held.fit(graph.constants[node.inputs[1]], channel_axis=1, group_axis=0)
        for node in graph.nodes
    }
    seen = read.fit(ROWS.reshape(-1, 64), channel_axis=None, group_axis=-1)
    given = dict.fromkeys(chosen, Format(seen.number, seen.scale, group_axis=2))
    return code_products(graph, weights=chosen, inputs=given)


@pytest.mark.parametrize(("name", "bits"), [("mx", 4), ("mx(element=int8)", 8), ("nvfp4", 4)])
def test_groups_with_shared_scales_are_multiplied_by_their_kernel(
    name: str, bits: int, tmp_path: Path
) -> None:
    graph = coded(name, name, (bits, bits))
    cpu().generate(graph, tmp_path / "made")
    design = open_design(tmp_path / "made")
    assert dict(design.kernels) == {"first": "scaled groups", "second": "scaled groups"}
    assert agree(graph, design, ROWS).holds
    wanted, found = interpret(graph, ROWS)["y"], design.run(ROWS)["y"]
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()
    kept = [node.output for node in graph.nodes]
    whole = design.run(ROWS, keep=kept)
    np.testing.assert_array_equal(whole["y"], found)
    for node in graph.nodes:
        if node.op == "FormatQuant" and node.inputs[0] in graph.constants:
            np.testing.assert_allclose(
                whole[node.output], interpret(graph, ROWS, keep=[node.output])[node.output], 1e-6
            )


def test_weights_are_rounded_once_where_no_kernel_takes_both_formats(tmp_path: Path) -> None:
    graph = coded("mx", "half", (8, 16))
    design = cpu().generate(graph, tmp_path / "made")
    assert not design.kernels
    rounded = [n.output for n in graph.nodes if n.op == "FormatQuant" and n.inputs[0] in ("w", "v")]
    assert set(rounded) <= set(design.executor.constants)
    assert agree(graph, design, ROWS).holds
