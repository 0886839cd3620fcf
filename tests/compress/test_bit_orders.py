"""Derivatives of a loss for single weights, and orders of weight bits."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from netwright.compress.bit_orders import (
    ORDERS,
    BitOrder,
    bit_curvature,
    bits_needed,
    by_growth,
    ordered_bits,
    output_growth,
    predicted_growth,
    worst_unprotected,
)
from netwright.errors import ConfigError, UnsupportedOp
from netwright.ir import Graph
from netwright.verify.weight_upsets import WeightBit, WeightUpsets, weight_bits
from tests.backends.hls.graphs import Build, stimuli

torch.set_num_threads(1)  # tensors this small only wait for a second thread


def linear() -> Graph:
    build = Build("linear", 1)
    return build.graph(build.dense(build.quantize((5,)), 3, bits=4, bias_bits=6))


def encoder(*, clips: bool = True) -> Graph:
    build = Build("encoder", 2)
    source = build.quantize((1, 4, 4), bits=6, signed=False)
    hidden = build.conv(source, 3, (3, 3), bits=4, strides=2, pads=1)
    if clips:
        hidden = build.requantize(hidden, bits=8, shift=5, multiplier=(3, 1, 2), axis=1)
    return build.graph(build.dense(build.flatten(hidden), 4, bits=4))


def squared(graph: Graph, inputs: dict[str, np.ndarray]) -> object:
    """Mean squared distance from what the graph gives by itself: no gradient, all curvature."""
    scale = graph.types[graph.outputs[0]].scale_array()
    golden = torch.from_numpy(WeightUpsets(graph, inputs).golden * scale)
    return lambda outputs: ((outputs - golden - 0.1) ** 2).mean()


def test_of_a_linear_map_the_growth_is_exact() -> None:
    """The squared error of a linear map has no third derivative."""
    graph = linear()
    inputs = stimuli(graph, 40)
    loss = squared(graph, inputs)
    found = bit_curvature(graph, inputs, loss, probes=300)  # type: ignore[arg-type]
    bits = weight_bits(graph)
    upsets = WeightUpsets(graph, inputs)
    scale = graph.types[graph.outputs[0]].scale_array()
    base = found.loss
    grown = [float(loss(torch.from_numpy(upsets.output(bit) * scale))) - base for bit in bits]  # type: ignore[operator]
    predicted = predicted_growth(graph, found, bits)
    assert np.corrcoef(np.abs(grown), predicted)[0, 1] > 0.99
    assert np.allclose(np.abs(grown), predicted, rtol=0.4, atol=0.02 * max(grown))


@pytest.mark.parametrize(("clips", "least"), [(False, 0.9), (True, 0.5)])
def test_the_order_is_close_to_the_true_one(clips: bool, least: float) -> None:
    """What is clipped has no derivative: there the order is no more than related to the truth."""
    graph = encoder(clips=clips)
    inputs = stimuli(graph, 40)
    loss = squared(graph, inputs)
    found = bit_curvature(graph, inputs, loss, probes=300)  # type: ignore[arg-type]
    bits = weight_bits(graph)
    upsets, scale = WeightUpsets(graph, inputs), graph.types[graph.outputs[0]].scale_array()
    grown = [float(loss(torch.from_numpy(upsets.output(bit) * scale))) for bit in bits]  # type: ignore[operator]
    grown = [abs(value - found.loss) for value in grown]
    predicted = predicted_growth(graph, found, bits)
    ranks = [np.argsort(np.argsort(values)) for values in (grown, predicted)]
    assert np.corrcoef(*ranks)[0, 1] > least


@pytest.mark.parametrize("graph", [linear(), encoder()], ids=["linear", "clipped"])
def test_from_the_outputs_on_the_growth_of_a_squared_error_is_exact(graph: Graph) -> None:
    """Whatever rounds and clips on the way: the loss has no third derivative in the outputs."""
    inputs = stimuli(graph, 20)
    loss = squared(graph, inputs)
    bits, upsets = weight_bits(graph), WeightUpsets(graph, inputs)
    scale = graph.types[graph.outputs[0]].scale_array()
    base = float(loss(torch.from_numpy(upsets.golden * scale)))  # type: ignore[operator]
    grown = [float(loss(torch.from_numpy(upsets.output(bit) * scale))) - base for bit in bits]  # type: ignore[operator]
    found = output_growth(upsets, bits, loss)  # type: ignore[arg-type]
    assert np.allclose(found, grown, rtol=1e-9, atol=1e-9)
    first = by_growth(bits, found)[0]
    assert found[bits.index(first)] == max(found)


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_has_every_bit_once(order: BitOrder) -> None:
    graph = encoder()
    inputs = stimuli(graph, 5)
    found = bit_curvature(graph, inputs, lambda outputs: (outputs**2).mean(), probes=2)
    bits = ordered_bits(graph, order, found=found, seed=3)
    assert sorted(bits, key=str) == sorted(weight_bits(graph), key=str)
    assert bits == ordered_bits(graph, order, found=found, seed=3)


def test_simple_orders() -> None:
    graph = linear()
    places = [bit.bit for bit in ordered_bits(graph, "position")]
    assert places == sorted(places, reverse=True)
    first = ordered_bits(graph, "magnitude")[0]
    scales = {n: graph.types[n].scale[0] for n in graph.constants}
    largest = max(abs(v).max() * scales[n] for n, v in graph.constants.items())
    assert abs(graph.constants[first.tensor][first.index]) * scales[first.tensor] == largest
    assert ordered_bits(graph, "random", seed=1) != ordered_bits(graph, "random", seed=2)


def test_a_front_by_hand() -> None:
    bits: Sequence[WeightBit] = [WeightBit("w", (i,), 0) for i in range(4)]
    harm = dict(zip(bits, (5.0, 1.0, 3.0, 0.5), strict=True))
    front = worst_unprotected(bits, harm, 1.0)
    assert front.tolist() == [5.0, 3.0, 3.0, 1.0, 1.0]
    assert [bits_needed(front, limit) for limit in (5.0, 3.5, 1.0)] == [0, 1, 3]
    with pytest.raises(ConfigError):
        bits_needed(front, 0.9)


def test_what_cannot_be_ordered() -> None:
    graph = linear()
    with pytest.raises(ConfigError, match=r'order must be one of .*, not "best"'):
        ordered_bits(graph, "best")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="needs derivatives"):
        ordered_bits(graph, "hessian")
    with pytest.raises(ConfigError, match=r"a scalar, not of shape \(5, 3\)"):
        bit_curvature(graph, stimuli(graph, 5), lambda outputs: outputs)
    build = Build("sign")
    signs = build.add("Sign", (build.quantize((4,)),), {"offset": (0,)})
    other = build.graph(build.dense(signs, 2))
    with pytest.raises(UnsupportedOp, match="Sign"):
        bit_curvature(other, stimuli(other, 5), lambda outputs: outputs.mean())
