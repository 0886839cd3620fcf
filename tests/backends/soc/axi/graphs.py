"""The network that the bench wraps."""

import numpy as np

from netwright.ir import Graph, Interpreter
from netwright.verify import random
from tests.backends.hls.graphs import Build

ROWS = 12


def network() -> Graph:
    """A convolution of two channels and a sum with another input, so that beats differ."""
    build = Build("beam")
    one, other = build.quantize((2, 6), bits=6), build.quantize((3, 6), bits=9)
    made = build.requantize(build.conv(one, 3, (3,), pads=1), bits=7, signed=True, shift=3)
    return build.graph(build.add("Add", (made, other)))


def rows() -> tuple[list[str], dict[str, np.ndarray]]:
    """The tensors of the inputs, and the integers of all rows."""
    graph = network()
    hosts = [node.output for node in graph.nodes if node.op == "Quantize"]
    return hosts, Interpreter.of(graph).run(random(graph, rows=ROWS).inputs, keep=hosts)
