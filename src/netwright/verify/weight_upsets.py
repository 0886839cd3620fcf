"""Upsets of weight bits in the exact integer graph: only what a flipped bit reaches is computed.

A flipped bit of a weight moves one channel of one product by a known amount. Where element-by-
element operators and one more product follow, only that channel goes through the first and only its
change through the second; everything else is taken from a run without upset. Sums are as wide as
they must be, as in hardware whose weights are loaded; what wraps in the graph, wraps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError
from netwright.formats import holds_integers
from netwright.ir import Array, Graph, Interpreter, Node
from netwright.ir.check import spec_of
from netwright.ir.interpret import Values
from netwright.ir.ops.conv import windows
from netwright.ir.rounding import wrap
from netwright.verify.faults import flipped_code, register_format

CHANNELWISE = ("Requantize", "Relu", "Limit", "Sign")
"""Operators that treat every channel alone, and can be asked for one of them."""


@dataclass(frozen=True, slots=True)
class WeightBit:
    """One bit of one weight or bias: what :func:`netwright.verify.flip_weight_bit` flips.

    Attributes:
        tensor: Constant of the graph.
        index: Place of the value.
        bit: Number of the bit, 0 for the lowest; the last is the sign of signed formats.
    """

    tensor: str
    index: tuple[int, ...]
    bit: int


def weight_bits(graph: Graph, tensors: Iterable[str] | None = None) -> tuple[WeightBit, ...]:
    """Every bit of the weights and biases of all products, or of some constants.

    Raises:
        ConfigError: There is no such constant, or none at all.
    """
    chosen = tuple(_loaded(graph) if tensors is None else tensors)
    unknown = [name for name in chosen if name not in graph.constants]
    if unknown or not chosen:
        raise ConfigError(
            f'"{graph.name}" has no constant "{unknown[0]}"'
            if unknown
            else f'"{graph.name}" has no weights'
        )
    return tuple(
        WeightBit(name, index, bit)
        for name in chosen
        for index in np.ndindex(graph.constants[name].shape)
        for bit in range(register_format(graph.types[name].dtype).bits)
    )


def _loaded(graph: Graph) -> Iterator[str]:
    products = (node for node in graph.nodes if spec_of(node).category == "product")
    names = (name for node in products for name in node.inputs[1:] if name in graph.constants)
    yield from dict.fromkeys(names)


class WeightUpsets:
    """A graph with the values of some rows, ready for flips of weight bits.

    Args:
        graph: An integer graph with one output.
        inputs: Rows, as for :func:`netwright.ir.interpret`.

    Attributes:
        golden: Codes of the output without an upset, (rows, *shape).

    Raises:
        ConfigError: The graph is not an integer graph with one output.
        DataError: The inputs cannot be used.
    """

    def __init__(self, graph: Graph, inputs: Values) -> None:
        if not graph.is_integer or len(graph.outputs) != 1:
            raise ConfigError(f'"{graph.name}" must be an integer graph with one output')
        self.graph = graph
        self._wrapped = Interpreter.of(graph).wrapped
        carrier = Interpreter.of(_extreme(graph)).carrier  # exact for the sums of any weights
        interpreter = Interpreter(graph, carrier, self._wrapped)
        base = interpreter.run(inputs, keep=tuple(graph.producers))
        values: dict[str, Array] = {**graph.constants, **base}
        self._values = {
            name: value.astype(carrier if graph.types[name].is_integer else np.float64)
            for name, value in values.items()
        } | interpreter.checked_inputs(inputs)
        self.golden: NDArray[np.int64] = self._values[graph.outputs[0]].astype(np.int64)
        self._sliced: dict[tuple[str, int], Node] = {}

    def output(self, *bits: WeightBit) -> NDArray[np.int64]:
        """Codes of the output, (rows, *shape), while some bits are flipped at the same time.

        Raises:
            ConfigError: There is no such bit.
        """
        for bit in bits:
            self._check(bit)
        found = self._quick(bits[0]) if len(bits) == 1 else None
        if found is None:
            found = self._anew(bits)
        return found.astype(np.int64)

    def _check(self, bit: WeightBit) -> None:
        constant = self.graph.constants.get(bit.tensor)
        shape = () if constant is None else constant.shape
        inside = len(bit.index) == len(shape) and all(
            0 <= place < extent for place, extent in zip(bit.index, shape, strict=True)
        )
        if constant is None or not inside:
            raise ConfigError(f'"{bit.tensor}" is not a constant with an index {bit.index}')
        bits = register_format(self.graph.types[bit.tensor].dtype).bits
        if not 0 <= bit.bit < bits:
            raise ConfigError(f'"{bit.tensor}" has bits 0 to {bits - 1}, not {bit.bit}')

    def _anew(self, bits: Iterable[WeightBit]) -> Array:
        """All nodes behind some constants, computed again."""
        changed: dict[str, Array] = {}
        for bit in bits:
            dtype = self.graph.types[bit.tensor].dtype
            values = changed.setdefault(bit.tensor, self._values[bit.tensor].copy())
            values[bit.index] = flipped_code(int(values[bit.index]), dtype, bit.bit)
        return self._behind(changed)

    def _behind(self, changed: dict[str, Array]) -> Array:
        """The output, with some tensors changed."""
        for node in self.graph.nodes:
            if node.output not in changed and not changed.keys().isdisjoint(node.inputs):
                inputs = [changed.get(name, self._values[name]) for name in node.inputs]
                changed[node.output] = self._execute(node, inputs)
        output = self.graph.outputs[0]
        return changed.get(output, self._values[output])

    def _execute(self, node: Node, inputs: list[Array]) -> Array:
        return self._wrap(node.output, spec_of(node).execute(node, inputs))

    def _wrap(self, tensor: str, values: Array) -> Array:
        if tensor not in self._wrapped:
            return values
        dtype = self.graph.types[tensor].dtype
        assert holds_integers(dtype)
        return wrap(values, dtype.min, dtype.bits)

    def _quick(self, bit: WeightBit) -> Array | None:
        """The output by way of one channel, ``None`` where the graph has no such way."""
        readers = self.graph.consumers[bit.tensor]
        if len(readers) != 1 or readers[0].op not in ("Conv", "MatMul"):
            return None
        (node,) = readers
        if list(node.inputs).count(bit.tensor) != 1 or node.inputs[0] == bit.tensor:
            return None
        code = int(self._values[bit.tensor][bit.index])
        change = flipped_code(code, self.graph.types[bit.tensor].dtype, bit.bit) - code
        axis = 1 if node.op == "Conv" else len(self.graph.types[node.output].shape) - 1
        is_bias = node.inputs.index(bit.tensor) == 2
        channel = bit.index[0] if is_bias or node.op == "Conv" else bit.index[1]
        place = (slice(None),) * axis + (slice(channel, channel + 1),)
        part = self._values[node.output][place]
        moved = part + change if is_bias else part + change * self._read(node, bit.index)
        return self._follow(node.output, place, axis, channel, self._wrap(node.output, moved))

    def _read(self, node: Node, index: tuple[int, ...]) -> Array:
        """What one weight of a product is multiplied with, shaped as one channel."""
        source = self._values[node.inputs[0]]
        if node.op == "MatMul":
            return source[..., index[0], None]
        weights = self._values[node.inputs[1]]
        view = windows(
            source,
            weights.shape[2:],
            strides=node.integers("strides"),
            pads=node.integers("pads"),
            dilations=node.integers("dilations"),
        )
        group = index[0] // (weights.shape[0] // node.integer("group"))
        channel = group * weights.shape[1] + index[1]
        rank = weights.ndim - 2
        every = slice(None)
        taps: tuple[slice | int, ...] = (every, slice(channel, channel + 1), *(every,) * rank)
        return view[(*taps, *index[2:])]

    def _follow(
        self, tensor: str, place: tuple[slice, ...], axis: int, channel: int, part: Array
    ) -> Array:
        """The output, when one channel of a tensor is changed."""
        readers = self.graph.consumers[tensor]
        alone = len(readers) == 1 and tensor not in self.graph.outputs
        while alone and readers[0].op in CHANNELWISE:
            node = self._one_channel(readers[0], axis, channel)
            if node is None:
                break
            tensor = node.output
            part = self._execute(node, [part])
            readers = self.graph.consumers[tensor]
            alone = len(readers) == 1 and tensor not in self.graph.outputs
        size = self._values[tensor].shape
        if alone and readers[0].op == "Reshape" and len(readers[0].integers("shape")) == 2:
            flat = np.arange(int(np.prod(size[1:]))).reshape(1, *size[1:])[place].reshape(-1)
            tensor = readers[0].output
            readers = self.graph.consumers[tensor]
            alone = len(readers) == 1 and tensor not in self.graph.outputs
            if alone and readers[0].op == "MatMul" and readers[0].inputs[0] == tensor:
                return self._through(readers[0], flat, part.reshape(len(part), -1))
            whole = self._values[tensor].copy()
            whole[:, flat] = part.reshape(len(part), -1)
        else:
            if alone and len(size) == 2 and readers[0].op == "MatMul":
                return self._through(readers[0], np.array([channel]), part)
            whole = self._values[tensor].copy()
            whole[place] = part
        return self._behind({tensor: whole})

    def _through(self, node: Node, columns: NDArray[np.intp], part: Array) -> Array:
        """The output, when some columns of what a matrix product reads are changed."""
        source, matrix = self._values[node.inputs[0]], self._values[node.inputs[1]]
        sums = self._values[node.output]
        if node.output in self._wrapped:  # what wrapped cannot be moved on
            whole = source.copy()
            whole[:, columns] = part
            return self._behind({node.inputs[0]: whole})
        change = np.matmul(part - source[:, columns], matrix[columns])
        return self._behind({node.output: sums + change})

    def _one_channel(self, node: Node, axis: int, channel: int) -> Node | None:
        """A channelwise node for one channel only; ``None`` if its channels lie on another axis."""
        key = (node.name, channel)
        if key not in self._sliced:
            if node.axis() not in (None, axis):
                return None
            attrs = {
                name: (value[channel],)
                if node.axis() == axis and isinstance(value, tuple) and len(value) > 1
                else value
                for name, value in node.attrs.items()
            }
            self._sliced[key] = replace(node, attrs=attrs)
        return self._sliced[key]


def _extreme(graph: Graph) -> Graph:
    """The graph with the largest weights that registers hold, and sums that hold theirs."""
    for name in _loaded(graph):
        full = register_format(graph.types[name].dtype)
        graph = graph.with_type(name, graph.types[name].with_number(full))
        graph = graph.with_constant(
            name, np.full(graph.constants[name].shape, full.min or full.max)
        )
    return graph
