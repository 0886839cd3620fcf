"""Constants of graphs as packed weights."""

from __future__ import annotations

import re

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.formats import NM, Blocks, Int
from netwright.ir import Graph, Node, TensorType
from netwright.kernels import BlockSparse, NMWeights, nm_product, pack_constant, spmm


def graph_of(codes: np.ndarray, pattern: Blocks | NM | None) -> Graph:
    inputs, outputs = codes.shape
    byte = Int(8)
    return Graph(
        name="layer",
        inputs=("x",),
        outputs=("y",),
        nodes=(Node("dense", "MatMul", ("x", "w"), "y"),),
        types={
            "x": TensorType((1, inputs), byte),
            "w": TensorType((inputs, outputs), byte, pattern=pattern),
            "y": TensorType((1, outputs), Int(32)),
        },
        constants={"w": codes},
    )


def block_codes(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    kept = np.repeat(random.random((12, 2)) < 0.5, 4, axis=1)
    return random.integers(-128, 128, (12, 8)) * kept


def test_packed_constant_multiplies_like_the_graph() -> None:
    codes = block_codes()
    packed = pack_constant(graph_of(codes, Blocks(4, axis=1, density=0.9)), "w")
    assert isinstance(packed, BlockSparse)
    tokens = np.random.default_rng(1).integers(0, 256, (5, 12), dtype=np.uint8)
    np.testing.assert_array_equal(spmm(packed, tokens.T.copy()), (tokens @ codes).T)


def test_constant_of_n_of_m_multiplies_like_the_graph() -> None:
    codes = np.random.default_rng(2).integers(-128, 128, (12, 8))
    codes[::2] = 0
    packed = pack_constant(graph_of(codes, NM(2, 4, axis=0)), "w")
    assert isinstance(packed, NMWeights)
    tokens = np.random.default_rng(1).integers(0, 256, (5, 12), dtype=np.uint8)
    np.testing.assert_array_equal(nm_product(packed, tokens.T.copy()), (tokens @ codes).T)


def test_constant_that_cannot_be_packed_is_refused() -> None:
    codes = block_codes()
    few = Blocks(4, axis=1, density=0.01)
    for graph, name, message in (
        (graph_of(codes, None), "w", 'constant "w" has no pattern'),
        (graph_of(codes, few), "w", f'constant "w": {few.fault(codes)}'),
        (graph_of(codes, few), "x", '"x" is not a constant of graph "layer"'),
        (graph_of(codes, Blocks(2, axis=1)), "w", "block_rows must be 4 or 8, not 2"),
    ):
        with pytest.raises(DataError, match=f"^{re.escape(message)}"):
            pack_constant(graph, name)
