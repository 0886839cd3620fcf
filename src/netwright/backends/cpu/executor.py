"""A graph made ready for this processor: integers exactly, real values in float32.

Each node becomes a step. Products with constant weights go through the one table of kernels,
:data:`netwright.kernels.products.PRODUCTS`, by the formats of their operands. Real operators run in
float32, within the tolerance that their operator states; quantizers decide in float64, so that
equal values get equal codes everywhere. All other steps on codes are the interpreter's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.formats import Format, Int, holds_integers
from netwright.ir import (
    Array,
    Bounds,
    Graph,
    Interpreter,
    Node,
    bounds,
    held_values,
    rows_together,
    spec_of,
)
from netwright.ir.interpret import Values
from netwright.ir.rounding import wrap
from netwright.ir.row_size import last_reads
from netwright.kernels import functions
from netwright.kernels.products import Arrays, Multiply, product_for

Step = Callable[[Sequence[Array]], Array]

CHUNK_ROWS = 256
"""Rows that go through the graph together, fewer where they are large."""

_FAST: Mapping[str, Callable[[Array], Array]] = {
    "gelu": functions.gelu,
    "sigmoid": functions.sigmoid,
    "silu": lambda x: x * functions.sigmoid(x),
}
"""Functions that are faster here than in the interpreter."""


def is_product(graph: Graph, node: Node) -> bool:
    """Whether a kernel of the table computes the node: a product with constant weights."""
    return node.op == "MatMul" and node.inputs[1] in graph.constants


@dataclass(frozen=True, slots=True)
class Window(Int):
    """Integers that lie in an interval, as codes with a zero point do once it is subtracted.

    Attributes:
        low: Smallest code.
        high: Largest code.
    """

    low: int = 0
    high: int = 0

    @property
    def min(self) -> int:
        """Smallest code."""
        return self.low

    @property
    def max(self) -> int:
        """Largest code."""
        return self.high


def formats_of(graph: Graph, node: Node, limits: Mapping[str, Bounds]) -> tuple[Format, Format]:
    """The formats of the weights and of the inputs of a product.

    Inputs that span no more than 256 codes are bytes for the kernels, wherever the codes begin.
    """
    weights, inputs = (graph.types[node.inputs[place]].format for place in (1, 0))
    found, number = limits.get(node.inputs[0]), inputs.number
    if found is None or not isinstance(number, Int) or number.bits <= 8:
        return weights, inputs
    if found.low < number.min or number.max < found.high:  # it wraps
        return weights, inputs
    window = Window(number.bits, number.signed, number.narrow, found.low, found.high)
    return weights, replace(inputs, number=window)


def packed_weights(graph: Graph) -> dict[str, NDArray[Any]]:
    """The weights of all products as their kernels keep them, by ``place of the node/array``."""
    found: dict[str, NDArray[Any]] = {}
    limits = bounds(graph, skip_real=True)
    for place, node in enumerate(graph.nodes):
        if is_product(graph, node):
            weights = graph.constants[node.inputs[1]]
            kinds = formats_of(graph, node, limits)
            kernel = product_for(*kinds, shape=weights.shape)
            packed = {} if kernel.pack is None else kernel.pack(weights, kinds[0])
            found |= {f"{place}/{name}": array for name, array in packed.items()}
    return found


@dataclass(frozen=True, slots=True)
class Executor:
    """A graph ready to run.

    Attributes:
        interpreter: Checks inputs, and knows the arithmetic in which codes are exact.
        steps: What makes the output of each node, by name of the node.
        constants: The constants that steps read.
        kernels: Name of the kernel of each product, by name of its node.
    """

    interpreter: Interpreter
    steps: Mapping[str, Step]
    constants: Mapping[str, Array]
    kernels: Mapping[str, str]

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self.interpreter.graph

    def run(self, inputs: Values, *, keep: Collection[str] = ()) -> dict[str, NDArray[Any]]:
        """Execute on a batch of real inputs; see :class:`netwright.ir.Executable`.

        Returns:
            int64 codes for integer tensors; float64 numbers that hold float32 values for real ones.

        Raises:
            DataError: An input is missing, has another shape, or holds NaN or infinity, or `keep`
                names a tensor that the graph does not have.
        """
        graph = self.graph
        arrays = self.interpreter.checked_inputs(inputs)
        wanted = tuple(dict.fromkeys((*graph.outputs, *keep)))
        for name in wanted:
            if name not in graph.types:
                raise DataError(f'graph "{graph.name}" has no tensor "{name}"')
        rows = len(next(iter(arrays.values())))
        size = rows_together(held_values(graph, keep), CHUNK_ROWS)
        finished = last_reads(graph, wanted)
        parts: dict[str, list[Array]] = {name: [] for name in wanted}
        for start in range(0, max(rows, 1), size):
            values = dict(self.constants)
            for name, array in arrays.items():
                values[name] = array[start : start + size].astype(_stored(graph, name))
            with np.errstate(all="ignore"):  # what leaves float32 becomes infinite, as in a kernel
                for node in graph.nodes:
                    values[node.output] = self.steps[node.name]([values[n] for n in node.inputs])
                    for name in finished[node.name]:
                        del values[name]
            for name in wanted:
                if name not in graph.constants:
                    parts[name].append(values[name])
        return {name: self._result(name, parts[name]) for name in wanted}

    def _result(self, name: str, parts: Sequence[Array]) -> Array:
        if name in self.graph.constants:
            return self.graph.constants[name]
        kind = np.int64 if self.graph.types[name].is_integer else np.float64
        return np.concatenate(parts).astype(kind)


def make_executor(
    graph: Graph, packed: Mapping[str, NDArray[Any]], *, threads: int = 1, isa: str | None = None
) -> Executor:
    """Make a graph ready.

    Args:
        graph: The graph.
        packed: What :func:`packed_weights` made of it; it is not trusted.
        threads: Threads of the kernels.
        isa: The path of the kernels; by default the fastest.

    Raises:
        GraphError: The graph breaks a rule.
        NumericsError: A value would need more than 64 bits.
        DataError: The packed weights are damaged.
        ConfigError: The path cannot be executed here.
    """
    interpreter = Interpreter.of(graph)
    limits = bounds(graph, skip_real=True)
    steps: dict[str, Step] = {}
    kernels: dict[str, str] = {}
    for node in graph.nodes:
        if is_product(graph, node):
            kinds, shape = formats_of(graph, node, limits), graph.types[node.inputs[1]].shape
            kernel = product_for(*kinds, shape=shape)
            arrays = _arrays_of(graph, node, packed, whole=kernel.pack is None)
            multiply = kernel.prepare(arrays, *kinds, isa)
            kernels[node.name] = kernel.name
            steps[node.name] = _product(interpreter, node, multiply, threads)
        elif graph.types[node.output].is_integer:
            steps[node.name] = _codes_step(interpreter, node)
        else:
            steps[node.name] = _real_step(graph, node)
    weights = {node.inputs[1] for node in graph.nodes if node.name in kernels}
    others = {
        name
        for node in graph.nodes
        for place, name in enumerate(node.inputs)
        if name in graph.constants and not (node.name in kernels and place == 1)
    }
    constants = {name: graph.constants[name].astype(_stored(graph, name)) for name in others}
    constants |= {name: np.zeros(0) for name in weights - others}  # the kernels have them
    return Executor(interpreter, steps, constants, kernels)


def _arrays_of(
    graph: Graph, node: Node, packed: Mapping[str, NDArray[Any]], *, whole: bool
) -> Arrays:
    """What is kept of the weights of a product."""
    if whole:
        return {"values": graph.constants[node.inputs[1]]}
    lead = f"{graph.nodes.index(node)}/"
    return {
        name.removeprefix(lead): array for name, array in packed.items() if name.startswith(lead)
    }


def _stored(graph: Graph, name: str) -> np.dtype[Any]:
    """The type in which a tensor is held: the smallest integers that hold its codes, or float32."""
    number = graph.types[name].dtype
    if not holds_integers(number):
        return np.dtype(np.float32)
    for kind in (np.int8, np.uint8, np.int16, np.int32):
        limits = np.iinfo(kind)
        if limits.min <= number.min and number.max <= limits.max:
            return np.dtype(kind)
    return np.dtype(np.int64)


def _product(interpreter: Interpreter, node: Node, multiply: Multiply, threads: int) -> Step:
    """A product of the values along the last axis; what it makes keeps the tokens side by side."""
    graph = interpreter.graph
    stored = _stored(graph, node.output)
    wide = graph.types[node.output].is_integer and len(node.inputs) > 2

    def step(values: Sequence[Array]) -> Array:
        source = values[0]
        lead = source.shape[:-1]
        side = np.moveaxis(source, -1, 0).reshape(source.shape[-1], -1)
        sums = multiply(side, num_threads=threads)
        if len(values) > 2:
            bias = values[2][:, None]
            sums = sums.astype(np.int64) + bias if wide else sums + bias
        sums = _wrapped(interpreter, node, sums).astype(stored, copy=False)
        return np.moveaxis(sums.reshape(len(sums), *lead), 0, -1)

    return step


def _wrapped(interpreter: Interpreter, node: Node, result: Array) -> Array:
    if node.output not in interpreter.wrapped:
        return result
    number = interpreter.graph.types[node.output].dtype
    assert holds_integers(number)
    return np.asarray(wrap(result, number.min, number.bits))


def _codes_step(interpreter: Interpreter, node: Node) -> Step:
    """The interpreter's own arithmetic on codes; quantizers read real values in float64."""
    execute, stored = spec_of(node).execute, _stored(interpreter.graph, node.output)
    graph, keeps = interpreter.graph, spec_of(node).keeps_values

    def step(values: Sequence[Array]) -> Array:
        if keeps:
            return np.asarray(execute(node, values)).astype(stored, copy=False)
        read = [
            value.astype(interpreter.carrier if graph.types[name].is_integer else np.float64)
            for name, value in zip(node.inputs, values, strict=True)
        ]
        return _wrapped(interpreter, node, execute(node, read)).astype(stored)

    return step


def _real_step(graph: Graph, node: Node) -> Step:
    """Float32; quantizers of the quantized form decide in float64."""
    spec = spec_of(node)
    fast = _FAST.get(node.text("name")) if node.op == "Function" else None
    if fast is not None:
        return lambda values: fast(values[0])
    exact = spec.category == "quantizer"

    def step(values: Sequence[Array]) -> Array:
        read = [value.astype(np.float64) for value in values] if exact else values
        return np.asarray(spec.execute(node, read)).astype(np.float32, copy=False)

    return step
