from __future__ import annotations

import numpy as np
import torch

from netwright.formats import Int
from netwright.train.emission import Emission
from netwright.train.grid import Grid


def grid(low: int, high: int, scale: float = 1.0) -> Grid:
    return Grid(torch.tensor(scale, dtype=torch.float64), None, low, high)


def started() -> Emission:
    """An emission behind the quantizer of its input."""
    at = Emission("net")
    at.input("x", (3,))
    at.step, at.inputs, at.output, at.grid = "q", ("x",), "q_out", grid(-8, 7, 0.5)
    at.node("Quantize", {"scale": (0.5,), "rounding": "half-even", "low": -8, "high": 7})
    at.step, at.inputs, at.output, at.sources = "next", ("q_out",), "y", (grid(-8, 7, 0.5),)
    return at


def test_formats_are_the_narrowest() -> None:
    at = started()
    at.grid = grid(0, 7, 0.5)
    at.node("Relu", {})
    graph = at.finish(["x"], ["y"], head="softmax")
    assert (str(graph.types["q_out"]), str(graph.types["y"])) == ("int4[1x3]", "uint3[1x3]")
    assert (graph.types["y"].scale, graph.head) == ((0.5,), "softmax")


def test_other_values_of_the_same_codes_need_no_node_for_a_single_reader() -> None:
    at = started()
    at.readers.update(["q_out", "y"])
    at.grid = grid(-8, 7, 0.25)
    at.rescale()
    assert at.same == {"y": "q_out"}
    assert at.types["q_out"].scale == (0.25,)


def test_other_values_of_codes_that_others_read_get_a_node() -> None:
    at = started()
    at.readers.update(["q_out", "q_out", "y"])
    at.grid = grid(-8, 7, 0.25)
    at.rescale()
    graph = at.finish(["x"], ["q_out", "y"], head="")
    assert [node.op for node in graph.nodes] == ["Quantize", "Requantize"]
    assert (graph.types["q_out"].scale, graph.types["y"].scale) == ((0.5,), (0.25,))


def test_constants_have_the_narrowest_format() -> None:
    at = started()
    name = at.constant("bias", np.array([0, 9]), grid(-99, 99), 0)
    assert (name, at.types[name].dtype) == ("next_bias", Int(4, signed=False))
