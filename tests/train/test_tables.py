from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.ir import Node
from netwright.train import QuantModel, trace
from netwright.train.grid import Grid
from netwright.train.tables import FUNCTIONS, Table
from tests.train.stepwise import SHAPE, network, quantizer, require_alike, rows


def table(name: str, *, bits: int = 6) -> Table:
    node = Node("f", "Function", ("x",), "y", {"name": name, "parameter": (0.25,)})
    return Table(quantizer(0.125, bits), node)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(5,), SHAPE, (2, 3, 4)])
def test_codes_are_what_is_simulated(name: str, shape: tuple[int, ...]) -> None:
    require_alike(network(table(name), shape=shape), rows(shape))


def test_a_table_has_an_entry_for_every_code_that_comes_in() -> None:
    source = Grid(torch.tensor(0.25, dtype=torch.float64), None, -4, 3)
    assert table("leaky_relu").entries(source).tolist() == [-2, -2, -1, 0, 0, 2, 4, 6]


def test_tensors_of_several_axes_have_one_table() -> None:
    model: QuantModel = network(table("tanh"))
    graph = trace(model)
    assert [node.op for node in graph.nodes] == ["Quantize", "Reshape", "Lookup", "Reshape"]
    assert graph.constants["op0_table"].shape == (1, 1, 256)
    flat = trace(network(table("tanh"), shape=(5,)))
    assert [node.op for node in flat.nodes] == ["Quantize", "Lookup"]
    np.testing.assert_array_equal(
        flat.constants["op0_table"], np.tile(graph.constants["op0_table"], (5, 1, 1))
    )
