"""A flipped weight bit by way of one channel, and by the interpreter on a changed graph."""

from collections.abc import Callable

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.formats import Int
from netwright.ir import Graph, Interpreter
from netwright.verify import flip_weight_bit
from netwright.verify.faults import register_format
from netwright.verify.weight_upsets import WeightBit, WeightUpsets, weight_bits
from tests.backends.hls.graphs import Build, stimuli


def encoder(shape: tuple[int, int, int] = (1, 4, 4), strides: int = 2) -> Graph:
    """Convolution, requantizer, dense product, requantizer: the network of a chip."""
    build = Build("encoder", 3)
    source = build.quantize(shape, bits=6, signed=False)
    hidden = build.conv(source, 3, (3, 3), bits=4, strides=strides, pads=1)
    hidden = build.requantize(hidden, bits=6, shift=4, multiplier=(3, 1, 2), axis=1)
    sums = build.dense(build.flatten(hidden), 4, bits=4)
    return build.graph(build.requantize(sums, bits=7, shift=4, offset=(1, 2, 3, 4), axis=1))


def dense() -> Graph:
    build = Build("dense", 1)
    hidden = build.requantize(build.dense(build.quantize((5,)), 4, bits=3), shift=3)
    relu = build.add("Relu", (build.dense(hidden, 3, bits=4),))
    return build.graph(relu)


def residual() -> Graph:
    """A channel that is read twice, a pooling, groups, and a sum that wraps."""
    build = Build("residual", 2)
    source = build.quantize((2, 5, 5), bits=4)
    first = build.requantize(build.conv(source, 4, (3, 3), bits=3, pads=1, group=2), bits=4)
    second = build.conv(first, 4, (3, 3), bits=3, pads=1)
    second = build.declare(second, Int(8))
    both = build.add("Add", (build.requantize(second, bits=4, shift=3), first))
    pooled = build.pool("MaxPool", both, (2, 2), (2, 2))
    return build.graph(build.declare(build.dense(build.flatten(pooled), 3, bits=3), Int(7)))


def reference(graph: Graph, inputs: dict[str, np.ndarray], bit: WeightBit) -> np.ndarray:
    """The interpreter on a graph with another constant, its sums as wide as they must be."""
    changed = flip_weight_bit(graph, bit.tensor, bit.index, bit=bit.bit)
    wide = Interpreter(changed, np.dtype(np.int64), Interpreter.of(graph).wrapped)
    return wide.run(inputs)[graph.outputs[0]]


@pytest.mark.parametrize("make", [encoder, dense, residual])
def test_every_bit_as_the_interpreter_says(make: Callable[[], Graph]) -> None:
    graph = make()
    inputs = stimuli(graph, 12)
    upsets = WeightUpsets(graph, inputs)
    bits = weight_bits(graph)
    assert len(bits) == sum(
        graph.constants[name].size * register_format(graph.types[name].dtype).bits
        for name in graph.constants
    )
    seen = 0
    for bit in bits:
        found = upsets.output(bit)
        assert np.array_equal(found, reference(graph, inputs, bit)), bit
        seen += not np.array_equal(found, upsets.golden)
    assert seen > len(bits) / 6


def test_several_bits_at_once() -> None:
    graph = encoder()
    inputs = stimuli(graph, 8)
    one, other = weight_bits(graph)[5], weight_bits(graph)[-3]
    changed = flip_weight_bit(graph, one.tensor, one.index, bit=one.bit)
    upsets = WeightUpsets(graph, inputs)
    assert np.array_equal(upsets.output(one, other), reference(changed, inputs, other))
    assert np.array_equal(upsets.output(one, one), upsets.golden)
    assert np.array_equal(upsets.output(), upsets.golden)


@pytest.mark.parametrize(
    "bit",
    [
        WeightBit("nothing", (0,), 0), WeightBit("c0", (0,), 0), WeightBit("c0", (5, 0, 0, 0), 0),
        WeightBit("c0", (0, 0, 0, -1), 0), WeightBit("c0", (0, 0, 0, 0), 4),
    ],
)  # fmt: skip
def test_bits_that_there_are_not(bit: WeightBit) -> None:
    graph = encoder()
    with pytest.raises(ConfigError):
        WeightUpsets(graph, stimuli(graph, 3)).output(bit)
    with pytest.raises(ConfigError, match='no constant "nothing"'):
        weight_bits(graph, ["nothing"])
