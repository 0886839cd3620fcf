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

from netwright.backends.cpu.operands import Operands, operands_of
from netwright.errors import DataError
from netwright.formats import holds_integers
from netwright.ir import (
    Array,
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

PIECE = 1 << 14
"""Values that are quantized together."""

_FAST: Mapping[str, Callable[[Array], Array]] = {
    "gelu": functions.gelu,
    "sigmoid": functions.sigmoid,
    "silu": lambda x: x * functions.sigmoid(x),
}
"""Functions that are faster here than in the interpreter."""


def packed_weights(graph: Graph) -> dict[str, NDArray[Any]]:
    """The weights of all products as their kernels keep them, by ``place of the node/array``."""
    found: dict[str, NDArray[Any]] = {}
    limits = bounds(graph, skip_real=True)
    for place, node in enumerate(graph.nodes):
        operands = operands_of(graph, node, limits)
        if operands is not None:
            weights = operands.weights(graph)
            kernel = product_for(*operands.kinds, shape=weights.shape)
            packed = {} if kernel.pack is None else kernel.pack(weights, operands.kinds[0])
            found |= {f"{place}/{name}": array for name, array in packed.items()}
    return found


@dataclass(frozen=True, slots=True)
class Executor:
    """A graph ready to run.

    Attributes:
        interpreter: Checks inputs, and knows the arithmetic in which codes are exact.
        nodes: The nodes with the tensors that their steps read.
        steps: What makes the output of each node, by name of the node.
        constants: The constants that steps read, and what follows from constants alone.
        kernels: Name of the kernel of each product, by name of its node.
    """

    interpreter: Interpreter
    nodes: tuple[Node, ...]
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
        nodes = self._needed(wanted)
        finished = last_reads(replace(graph, nodes=nodes), wanted)
        parts: dict[str, list[Array]] = {name: [] for name in wanted}
        for start in range(0, max(rows, 1), size):
            values = dict(self.constants)
            for name, array in arrays.items():
                values[name] = array[start : start + size].astype(_taken(graph, name))
            with np.errstate(all="ignore"):  # what leaves float32 becomes infinite, as in a kernel
                for node in nodes:
                    values[node.output] = self.steps[node.name]([values[n] for n in node.inputs])
                    for name in finished[node.name]:
                        values.pop(name, None)
            for name in wanted:
                if name not in graph.constants:
                    parts[name].append(values[name])
        return {name: self._result(name, parts[name]) for name in wanted}

    def _needed(self, wanted: Collection[str]) -> tuple[Node, ...]:
        """The nodes that make what is wanted, in order; what is made already is not made again."""
        needed, found = set(wanted), list[Node]()
        for node in reversed(self.nodes):
            if node.output in needed and node.output not in self.constants:
                found.append(node)
                needed.update(node.inputs)
        return tuple(reversed(found))

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
    nodes: list[Node] = []
    packs: set[str] = set()
    for node in graph.nodes:
        operands = operands_of(graph, node, limits)
        if operands is not None:
            shape = graph.types[operands.constant].shape
            kernel = product_for(*operands.kinds, shape=shape)
            whole = kernel.pack is None
            arrays = _arrays_of(graph, node, operands, packed, whole=whole)
            multiply = kernel.prepare(arrays, *operands.kinds, isa)
            kernels[node.name] = kernel.name
            packs.add(operands.constant)
            steps[node.name] = _product(interpreter, node, operands, multiply, threads)
            node = replace(node, inputs=(operands.source, operands.constant, *node.inputs[2:]))
        elif graph.types[node.output].is_integer:
            steps[node.name] = _codes_step(interpreter, node)
        else:
            steps[node.name] = _real_step(graph, node)
        nodes.append(node)
    others = {
        name
        for node in nodes
        for place, name in enumerate(node.inputs)
        if name in graph.constants and not (node.name in kernels and place == 1)
    }
    constants = {name: graph.constants[name].astype(_stored(graph, name)) for name in others}
    constants |= {name: np.zeros(0) for name in packs - others}  # the kernels have them
    made = Executor(interpreter, tuple(nodes), steps, constants, kernels)
    return replace(made, constants={**constants, **_settled(graph, made)})


def _settled(graph: Graph, executor: Executor) -> dict[str, Array]:
    """What the outputs need and follows from constants alone, such as rounded weights."""
    found: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        for node in executor._needed(graph.outputs):
            values = [found.get(name, graph.constants.get(name)) for name in node.inputs]
            known = [value for value in values if value is not None]
            if node.name not in executor.kernels and len(known) == len(values):
                found[node.output] = executor.steps[node.name](known)
    return found


def _arrays_of(
    graph: Graph, node: Node, operands: Operands, packed: Mapping[str, NDArray[Any]], *, whole: bool
) -> Arrays:
    """What is kept of the weights of a product."""
    if whole:
        return {"values": operands.weights(graph)}
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


def _taken(graph: Graph, name: str) -> np.dtype[Any]:
    """The type in which an input is held: float64 if quantizers alone read it, moved or not.

    They round it to float32 themselves where that is what it means.
    """
    stored, waiting, seen = _stored(graph, name), [name], {name}
    while waiting and stored == np.float32:
        for node in graph.consumers[waiting.pop()]:
            if graph.types[node.output].is_integer or node.output in seen:
                continue
            if not spec_of(node).keeps_values:
                return stored
            seen.add(node.output)
            waiting.append(node.output)
    return np.dtype(np.float64) if stored == np.float32 else stored


def _product(
    interpreter: Interpreter, node: Node, operands: Operands, multiply: Multiply, threads: int
) -> Step:
    """A product of the values along the last axis; what it makes keeps the tokens side by side."""
    graph = interpreter.graph
    stored = _stored(graph, node.output)
    wide = graph.types[node.output].is_integer and len(node.inputs) > 2
    factors, unit = operands.factors, operands.step

    def step(values: Sequence[Array]) -> Array:
        source = values[0]
        lead = source.shape[:-1]
        side = np.moveaxis(source, -1, 0).reshape(source.shape[-1], -1)
        if factors is None:
            sums = multiply(side, num_threads=threads)
        else:
            sums = multiply(side.astype(np.float64) / unit, num_threads=threads) * factors
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
    if node.op == "Quantize" and node.axis() is None and "steps" not in node.attrs:
        kind = graph.types[node.output].dtype
        if kind.min <= node.integer("low") and node.integer("high") <= kind.max:  # none wraps
            return _in_pieces(execute, node, stored)

    def step(values: Sequence[Array]) -> Array:
        if keeps:
            return np.asarray(execute(node, values)).astype(stored, copy=False)
        read = [
            value.astype(interpreter.carrier if graph.types[name].is_integer else np.float64)
            for name, value in zip(node.inputs, values, strict=True)
        ]
        return _wrapped(interpreter, node, execute(node, read)).astype(stored)

    return step


def _in_pieces(execute: Callable[..., Array], node: Node, stored: np.dtype[Any]) -> Step:
    """A quantizer of real values, a piece that stays in a cache after the other."""

    def step(values: Sequence[Array]) -> Array:
        source = np.ascontiguousarray(values[0]).reshape(-1)
        codes = np.empty(source.shape, stored)
        for start in range(0, source.size, PIECE):
            part = slice(start, start + PIECE)
            codes[part] = execute(node, [source[part].astype(np.float64)])
        return codes.reshape(values[0].shape)

    return step


def _real_step(graph: Graph, node: Node) -> Step:
    """Float32; quantizers of the quantized form decide in float64."""
    spec = spec_of(node)
    fast = _FAST.get(node.text("name")) if node.op == "Function" else None
    if fast is not None:
        return lambda values: fast(values[0])
    exact = spec.category == "quantizer"

    def step(values: Sequence[Array]) -> Array:
        if spec.keeps_values:
            return np.asarray(spec.execute(node, values))
        read = [value.astype(np.float64) for value in values] if exact else values
        return np.asarray(spec.execute(node, read)).astype(np.float32, copy=False)

    return step
