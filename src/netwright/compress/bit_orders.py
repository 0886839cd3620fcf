"""Which weight bits matter: orders of single bits, by curvature of the loss and by simpler rules.

A flipped bit moves a weight by a power of two of its step. Second order, the loss then grows by
``g·d + h·d²/2``, with the gradient and the diagonal of the Hessian at the trained weights; the
diagonal is estimated as the mean of ``v ∘ H v`` over random signs v (Bekas, Kokiopoulou and Saad
2007). FKeras (Weng et al. 2024) orders bits by the Hessian, too; here every weight has a curvature
of its own, in the exact integer graph, with rounding passed straight through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from netwright.errors import ConfigError, NumericsError, UnsupportedOp
from netwright.ir import Graph, Interpreter, Node
from netwright.ir.interpret import Values
from netwright.ir.ops.shape import chosen
from netwright.progress import Progress, silent
from netwright.verify.faults import flipped_code
from netwright.verify.weight_upsets import WeightBit, WeightUpsets, weight_bits

BitOrder = Literal["hessian", "second-order", "gradient", "magnitude", "position", "random"]
"""How bits are ordered, the one that matters most in front.

``hessian``: by ``|h·d²/2|``; ``second-order``: by ``|g·d + h·d²/2|``; ``gradient``: by ``|g·d|``;
``magnitude``: bits of the largest weights first, the highest of each in front; ``position``: all
highest bits first, in a random order among themselves; ``random``: no order at all.
"""

ORDERS: tuple[BitOrder, ...] = get_args(BitOrder)

RealLoss = Callable[[Tensor], Tensor]
"""From real outputs of the graph, (rows, *shape), to a scalar."""


@dataclass(frozen=True, slots=True)
class BitCurvature:
    """Gradient and curvature of a loss for every weight of a graph, in steps of its codes.

    Attributes:
        loss: The loss without an upset.
        gradient: First derivatives by constant.
        curvature: Diagonal of the Hessian by constant.
    """

    loss: float
    gradient: Mapping[str, NDArray[np.float64]]
    curvature: Mapping[str, NDArray[np.float64]]


def bit_curvature(
    graph: Graph,
    inputs: Values,
    loss: RealLoss,
    *,
    probes: int = 32,
    seed: int = 0,
    progress: Progress = silent,
) -> BitCurvature:
    """Gradient and diagonal of the Hessian of a loss at the weights of an integer graph.

    Args:
        graph: An integer graph with one output.
        inputs: Rows, as for :func:`netwright.ir.interpret`.
        loss: The loss of the real outputs; differentiable twice.
        probes: Random vectors for the diagonal.
        seed: Seed of the vectors.
        progress: Told of every vector.

    Raises:
        ConfigError: There is no probe, or the loss is no scalar.
        UnsupportedOp: The graph has an operator with no derivative here.
        NumericsError: A derivative is not finite.
    """
    if probes < 1:
        raise ConfigError(f"probes must be 1 or more, not {probes}")
    names = tuple(dict.fromkeys(bit.tensor for bit in weight_bits(graph)))
    weights = {
        name: torch.tensor(graph.constants[name], dtype=torch.float64, requires_grad=True)
        for name in names
    }
    value = loss(_outputs(graph, inputs, weights))
    if value.ndim:
        raise ConfigError(f"a loss must be a scalar, not of shape {tuple(value.shape)}")
    gradients = torch.autograd.grad(
        value, list(weights.values()), create_graph=True, materialize_grads=True
    )
    sums = [torch.zeros_like(weight) for weight in weights.values()]
    generator = torch.Generator().manual_seed(seed)
    for probe in range(probes):
        signs = [
            torch.randint(0, 2, w.shape, generator=generator, dtype=w.dtype) * 2 - 1
            for w in weights.values()
        ]
        product = sum((g * v).sum() for g, v in zip(gradients, signs, strict=True))
        assert isinstance(product, Tensor)
        if product.requires_grad:
            rows = torch.autograd.grad(
                product, list(weights.values()), retain_graph=True, materialize_grads=True
            )
            for total, row, vector in zip(sums, rows, signs, strict=True):
                total += row * vector
        progress(probe + 1, probes, "probes")
    found = BitCurvature(
        float(value.detach()),
        {n: g.detach().numpy().copy() for n, g in zip(names, gradients, strict=True)},
        {n: (total / probes).detach().numpy() for n, total in zip(names, sums, strict=True)},
    )
    if not all(np.isfinite(a).all() for m in (found.gradient, found.curvature) for a in m.values()):
        raise NumericsError("the loss has no finite second derivative")
    return found


def predicted_growth(
    graph: Graph, found: BitCurvature, bits: Sequence[WeightBit], order: BitOrder = "second-order"
) -> NDArray[np.float64]:
    """How much the loss is said to grow when each of some bits is flipped.

    Args:
        graph: The graph.
        found: Its derivatives.
        bits: The bits.
        order: ``"hessian"``, ``"second-order"`` or ``"gradient"``: the terms that count.

    Raises:
        ConfigError: It is another order.
    """
    steps = np.array([_step(graph, bit) for bit in bits])
    first = np.array([found.gradient[bit.tensor][bit.index] for bit in bits]) * steps
    second = np.array([found.curvature[bit.tensor][bit.index] for bit in bits]) * steps**2 / 2
    match order:
        case "hessian":
            return np.abs(second)  # where the loss is not convex, a large step changes it, too
        case "second-order":
            return np.abs(first + second)
        case "gradient":
            return np.abs(first)
        case _:
            raise ConfigError(f'"{order}" does not come from derivatives')


def output_growth(
    upsets: WeightUpsets, bits: Sequence[WeightBit], loss: RealLoss
) -> NDArray[np.float64]:
    """How much a loss is said to grow when each of some bits is flipped, from the outputs on.

    What a flip does to the outputs is computed exactly, limits and rounding included; the loss is
    taken to second order there, ``g·Δ + Δᵀ·H·Δ/2`` with the Hessian of every row. It knows what
    derivatives at the weights cannot: how far a large step really goes.

    Args:
        upsets: The graph and its rows.
        bits: The bits.
        loss: The loss of the real outputs: a mean or sum of what every row adds.

    Returns:
        Signed, (bits,).
    """
    graph = upsets.graph
    scale = graph.types[graph.outputs[0]].scale_array()
    outputs = torch.tensor(upsets.golden * scale, requires_grad=True)
    flat = outputs.reshape(len(outputs), -1)
    (gradient,) = torch.autograd.grad(loss(flat.reshape(outputs.shape)), flat, create_graph=True)
    columns = [
        torch.autograd.grad(gradient[:, i].sum(), flat, retain_graph=True, materialize_grads=True)[
            0
        ]
        for i in range(flat.shape[1])
    ]
    hessian, slope = torch.stack(columns, dim=1).numpy(), gradient.detach().numpy()
    found = np.empty(len(bits))
    for place, bit in enumerate(bits):
        moved = ((upsets.output(bit) - upsets.golden) * scale).reshape(slope.shape)
        found[place] = (moved * slope).sum() + np.einsum("rj,rjk,rk->", moved, hessian, moved) / 2
    return found


def ordered_bits(
    graph: Graph,
    order: BitOrder,
    *,
    found: BitCurvature | None = None,
    seed: int = 0,
    bits: Sequence[WeightBit] | None = None,
) -> tuple[WeightBit, ...]:
    """Weight bits in an order, the one that shall be protected first in front.

    Args:
        graph: The graph.
        order: One of :data:`ORDERS`.
        found: The derivatives, for the orders that need them.
        seed: Seed of what is random: ties, and the random order.
        bits: The bits; all unless given.

    Raises:
        ConfigError: There is no such order, or the derivatives are missing.
    """
    if order not in ORDERS:
        raise ConfigError(f'order must be one of {", ".join(ORDERS)}, not "{order}"')
    every = tuple(weight_bits(graph) if bits is None else bits)
    shuffled = [every[i] for i in np.random.default_rng(seed).permutation(len(every))]
    if order == "random":
        return tuple(shuffled)
    if order == "position":
        return tuple(sorted(shuffled, key=lambda bit: -bit.bit))
    if order == "magnitude":
        return tuple(sorted(shuffled, key=lambda bit: (-_real(graph, bit), -bit.bit)))
    if found is None:
        raise ConfigError(f'the order "{order}" needs derivatives; see bit_curvature()')
    return by_growth(shuffled, predicted_growth(graph, found, shuffled, order))


def by_growth(bits: Sequence[WeightBit], growth: NDArray[np.floating]) -> tuple[WeightBit, ...]:
    """Bits in the order of a growth of the loss, the largest in front; what is equal stays."""
    return tuple(bits[i] for i in np.argsort(-growth, kind="stable"))


def worst_unprotected(
    order: Sequence[WeightBit], harm: Mapping[WeightBit, float], golden: float
) -> NDArray[np.float64]:
    """The worst harm of one upset when the first k bits are protected, for k from 0 to all.

    Args:
        order: All bits, the first protected first.
        harm: What the score becomes when a bit is flipped; larger is worse.
        golden: The score without an upset.
    """
    values = np.array([harm[bit] for bit in order] + [golden])
    found: NDArray[np.float64] = np.maximum.accumulate(np.maximum(values, golden)[::-1])[::-1]
    return found


def bits_needed(front: NDArray[np.float64], limit: float) -> int:
    """The fewest protected bits of a front whose worst harm is no more than a limit.

    Raises:
        ConfigError: Not even all bits are enough.
    """
    enough = np.flatnonzero(front <= limit)
    if not len(enough):
        raise ConfigError(f"no number of protected bits keeps the harm at {limit}")
    return int(enough[0])


def _step(graph: Graph, bit: WeightBit) -> int:
    """By how much a flip moves a code."""
    code = int(graph.constants[bit.tensor][bit.index])
    return flipped_code(code, graph.types[bit.tensor].dtype, bit.bit) - code


def _real(graph: Graph, bit: WeightBit) -> float:
    """Magnitude of a weight, in real units."""
    tensor = graph.types[bit.tensor]
    scale = tensor.scale[0] if tensor.axis is None else tensor.scale[bit.index[tensor.axis]]
    return abs(float(graph.constants[bit.tensor][bit.index]) * scale)


def _outputs(graph: Graph, inputs: Values, weights: Mapping[str, Tensor]) -> Tensor:
    """Real outputs of a graph as a function of its weights, rounding passed straight through."""
    hosts = tuple(node.output for node in graph.nodes if node.op == "Quantize")
    start = Interpreter.of(graph).run(inputs, keep=hosts)
    values = {name: torch.tensor(start[name], dtype=torch.float64) for name in hosts}
    values |= {
        name: torch.tensor(array, dtype=torch.float64)
        for name, array in graph.constants.items()
        if name not in weights
    }
    values |= weights
    for node in graph.nodes:
        if node.output not in values:
            values[node.output] = _made(node, [values[name] for name in node.inputs])
    output = graph.outputs[0]
    return values[output] * torch.from_numpy(np.array(graph.types[output].scale_array()))


def _made(node: Node, inputs: list[Tensor]) -> Tensor:
    source = inputs[0]
    match node.op:
        case "MatMul":
            product = torch.matmul(source, inputs[1])
            return product + inputs[2] if len(inputs) == 3 else product
        case "Conv":
            return _convolved(node, inputs)
        case "Requantize":
            return _requantized(node, source)
        case "Relu":
            return torch.relu(source)
        case "Add":
            return inputs[0] + inputs[1]
        case "Reshape":
            return source.reshape(len(source), *node.integers("shape")[1:])
        case "Transpose":
            return source.permute(node.integers("order"))
        case "Slice":
            return source[chosen(node)]
        case "Concat":
            return torch.cat(inputs, dim=node.integer("axis"))
    raise UnsupportedOp(node.op, node=node.name, where="the derivatives for single weight bits")


def _convolved(node: Node, inputs: list[Tensor]) -> Tensor:
    source, weights = inputs[:2]
    rank = weights.ndim - 2
    pads = node.integers("pads")
    margins = [m for axis in reversed(range(rank)) for m in (pads[axis], pads[rank + axis])]
    convolve = functional.conv2d if rank == 2 else functional.conv1d
    return convolve(
        functional.pad(source, margins),
        weights,
        inputs[2] if len(inputs) == 3 else None,
        stride=node.integers("strides"),
        dilation=node.integers("dilations"),
        groups=node.integer("group"),
    )


def _requantized(node: Node, source: Tensor) -> Tensor:
    def along(name: str) -> Tensor:
        values = torch.tensor(node.integers(name), dtype=torch.float64)
        axis = node.axis()
        shape = [-1 if i == axis else 1 for i in range(source.ndim)]
        return values.reshape(()) if axis is None else values.reshape(shape)

    exact = (source * along("multiplier") + along("offset")) * 2.0 ** -node.integer("shift")
    nearest = exact + (torch.floor(exact + 0.5) - exact).detach()
    clipped = torch.clamp(nearest, node.integer("low"), node.integer("high"))
    return clipped - node.integer("zero_point", 0)
