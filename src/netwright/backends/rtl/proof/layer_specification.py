"""What an element of a layer must be, written from the graph and nothing else.

An element is specified in terms of the layer's inputs, of its products, which are proven by their
coefficients, and of the elements that pooling reads, each of which has a specification of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.cells.circuit import Element, Layer, LinearClaim, Settled, Wire
from netwright.backends.rtl.proof.cone import Multiples
from netwright.backends.rtl.proof.specification import Specification, Term
from netwright.backends.rtl.unrolled.windows import PADDING, window_elements
from netwright.errors import BackendError
from netwright.formats import holds_integers, reach
from netwright.ir import Graph, Node
from netwright.ir.ops.limit import intervals, wraps
from netwright.ir.ops.quant import rounding_of
from netwright.ir.ops.shape import chosen
from netwright.ir.ops.transposed import Correlation, correlation


@dataclass(frozen=True)
class LayerSpecification:
    """What the elements of a layer are, in terms of its inputs and of its products.

    Attributes:
        graph: The graph.
        layer: The layer.
        multiples: Wires known to be a multiple of another one.
    """

    graph: Graph
    layer: Layer
    multiples: Multiples

    def element(self, tensor: str, index: int, near: frozenset[str]) -> tuple[Specification, Term]:
        """The specification of one element, and what it says the element is.

        Args:
            tensor: The tensor.
            index: Number of the element in row-major order.
            near: Wires that the circuit makes the element from.

        Raises:
            BackendError: What the circuit says of its wires does not fit the graph.
        """
        made = Specification(self.multiples, near)
        return made, self._term(made, tensor, index)

    @cached_property
    def _entering(self) -> Mapping[tuple[str, int], Element]:
        """The elements that the layer reads, by tensor and number."""
        bundles = self.layer.inputs
        return {(b.tensor, i): element for b in bundles for i, element in enumerate(b.elements)}

    @cached_property
    def _bases(self) -> Mapping[tuple[str, int], int]:
        """What the elements are more than their wires, where it is not zero."""
        bundles = self.layer.inputs
        return {(b.tensor, i): base for b in bundles for i, base in enumerate(b.bases) if base}

    @cached_property
    def _settled(self) -> Mapping[tuple[str, int], Settled]:
        """What poolings and sums of tables read that the layer makes, by node and number."""
        return {(place.reader, place.index): place for place in self.layer.settled}

    @cached_property
    def _claims(self) -> Mapping[tuple[str, int], LinearClaim]:
        return {(claim.node, claim.index): claim for claim in self.layer.claims}

    def _term(self, made: Specification, tensor: str, index: int) -> Term:
        if tensor in self.graph.constants:
            return Term.constant(int(self.graph.constants[tensor].reshape(-1)[index]))
        element = self._entering.get((tensor, index))
        if element is not None:
            return _known(element).linear(1, self._bases.get((tensor, index), 0))
        node = self.graph.producers[tensor]
        term = RULES[node.op](self, made, node, index)
        dtype = self.graph.types[tensor].dtype
        if holds_integers(dtype) and dtype.wraps:
            low, high = reach(dtype)
            if term.interval[0] < low or high < term.interval[1]:
                term = made.wrapped(term, low, dtype.bits)
        return term

    def _shape(self, tensor: str) -> tuple[int, ...]:
        """Shape without the batch axis."""
        if tensor in self.graph.constants:
            return self.graph.constants[tensor].shape
        return self.graph.types[tensor].shape[1:]

    def _numbers(self, tensor: str) -> NDArray[np.int64]:
        """The numbers of the elements of a tensor, in its shape."""
        shape = self._shape(tensor)
        return np.arange(int(np.prod(shape))).reshape(shape)

    def _base(self, node: Node, index: int) -> int:
        """What an element of the first input of a product is more than its wire."""
        place = self._settled.get((node.name, index))
        return place.base if place else self._bases.get((node.inputs[0], index), 0)

    def _element(self, node: Node, index: int) -> Element:
        """An element of the first input of a product or a pooling: a wire, or a constant."""
        place = self._settled.get((node.name, index))
        element = place.element if place else self._entering.get((node.inputs[0], index))
        if element is None:
            raise BackendError(
                f'node "{node.name}": nothing is said to be element {index} it reads'
            )
        return element

    def _product(
        self, node: Node, index: int, numbers: Sequence[int], weights: Sequence[int], bias: int
    ) -> Term:
        """A weighted sum of elements of the node's first input, which the text is proven to make.

        Args:
            node: The node.
            index: Number of its output.
            numbers: Elements that are summed; :data:`PADDING` stands for zero.
            weights: One for each of them.
            bias: What is added.
        """
        wires, own, constant = [], [], bias
        for number, weight in zip(numbers, weights, strict=True):
            if weight == 0:
                continue
            element = 0 if number == PADDING else self._element(node, number)
            if isinstance(element, Wire):
                wires.append(element.name)
                own.append(weight)
                constant += self._base(node, number) * weight
            else:
                constant += element * weight
        claim = self._claims.get((node.name, index))
        if claim is None:
            if any(own):
                raise BackendError(f'node "{node.name}": no wire is said to be product {index}')
            return Term.constant(constant)
        factor = _factor(wires, own, claim)
        product = claim_wire(claim)
        return Term(product, product.interval).linear(factor, constant - factor * claim.offset)

    def _bias(self, node: Node, channel: int) -> int:
        if len(node.inputs) < 3:
            return 0
        return int(self.graph.constants[node.inputs[2]].reshape(-1)[channel])

    def _matmul(self, made: Specification, node: Node, index: int) -> Term:
        matrix = self.graph.constants[node.inputs[1]].astype(np.int64)
        row, column = divmod(index, matrix.shape[1])
        numbers = range(row * len(matrix), (row + 1) * len(matrix))
        weights = matrix[:, column].tolist()
        return self._product(node, index, numbers, weights, self._bias(node, column))

    def _conv(self, made: Specification, node: Node, index: int) -> Term:
        found = self._correlation(node)
        weights, channels = found.weights, found.weights.shape[1]
        windows = _numbered(
            self._shape(node.inputs[0]),
            found.kernel,
            strides=found.strides,
            pads=found.pads,
            dilations=found.dilations,
            steps=found.steps,
        )
        taps = windows.reshape(len(windows), -1, int(np.prod(found.kernel)))
        channel, place = divmod(index, taps.shape[1])
        first = channel // (len(weights) // found.group) * channels
        numbers = taps[first : first + channels, place].reshape(-1).tolist()
        own = weights[channel].reshape(-1).tolist()
        return self._product(node, index, numbers, own, self._bias(node, channel))

    def _correlation(self, node: Node) -> Correlation:
        if node.name not in self._correlations:
            weights = self.graph.constants[node.inputs[1]].astype(np.int64)
            self._correlations[node.name] = correlation(node, weights)
        return self._correlations[node.name]

    @cached_property
    def _correlations(self) -> dict[str, Correlation]:
        return {}

    def _pooled(self, node: Node, index: int) -> list[int]:
        """The elements of a window of a pooling."""
        kernel = node.integers("kernel")
        windows = _numbered(
            self._shape(node.inputs[0]),
            kernel,
            strides=node.integers("strides"),
            pads=node.integers("pads"),
            dilations=(1,) * len(kernel),
        )
        taps: list[int] = windows.reshape(-1, int(np.prod(kernel)))[index].tolist()
        return taps

    def _sum_pool(self, made: Specification, node: Node, index: int) -> Term:
        taps = self._pooled(node, index)
        return self._product(node, index, taps, [1] * len(taps), 0)

    def _max_pool(self, made: Specification, node: Node, index: int) -> Term:
        taps = [tap for tap in self._pooled(node, index) if tap != PADDING]
        return made.largest([_known(self._element(node, tap)) for tap in taps])

    def _resize(self, made: Specification, node: Node, index: int) -> Term:
        numbers = self._numbers(node.inputs[0])
        for axis, factor in enumerate(node.integers("factors"), start=1):
            numbers = np.repeat(numbers, factor, axis=axis)
        return self._term(made, node.inputs[0], int(numbers.flat[index]))

    def _slice(self, made: Specification, node: Node, index: int) -> Term:
        numbers = self._numbers(node.inputs[0])[chosen(node)[1:]]
        return self._term(made, node.inputs[0], int(numbers.flat[index]))

    def _requantize(self, made: Specification, node: Node, index: int) -> Term:
        term = self._term(made, node.inputs[0], index)
        shape = self._shape(node.inputs[0])
        factor = _channel(node, "multiplier", shape, index)
        term = term.linear(factor, _channel(node, "offset", shape, index))
        term = made.rounded(term, node.integer("shift"), rounding_of(node))
        term = made.limited(term, node.integer("low"), node.integer("high"))
        return term.linear(1, -node.integer("zero_point", 0))

    def _limit(self, made: Specification, node: Node, index: int) -> Term:
        term = self._term(made, node.inputs[0], index)
        found, shape = intervals(node), self._shape(node.inputs[0])
        low, high = found[_place(len(found), node.axis(), shape, index)]
        if not wraps(node):
            return made.limited(term, low, high)
        if low <= term.interval[0] and term.interval[1] <= high:
            return term
        if low == high:
            return Term.constant(low)
        return made.wrapped(term, low, (high - low).bit_length())

    def _lookup(self, made: Specification, node: Node, index: int) -> Term:
        tables = self.graph.constants[node.inputs[1]].astype(np.int64)
        element, function = divmod(index, tables.shape[1])
        term = self._term(made, node.inputs[0], element)
        entries = tables[element % len(tables), function].tolist()
        return made.entry(term, node.integer("first"), entries)

    def _relu(self, made: Specification, node: Node, index: int) -> Term:
        term = self._term(made, node.inputs[0], index)
        return made.limited(term, 0, max(term.interval[1], 0))

    def _sign(self, made: Specification, node: Node, index: int) -> Term:
        term = self._term(made, node.inputs[0], index)
        offset = _channel(node, "offset", self._shape(node.inputs[0]), index)
        return made.sign(term.linear(1, offset))

    def _add(self, made: Specification, node: Node, index: int) -> Term:
        shape = self._shape(node.output)
        numbers = []
        for tensor in node.inputs:
            own = self._numbers(tensor)
            if tensor in self.graph.constants and own.ndim > len(shape):
                own = own[0]
            numbers.append(int(np.broadcast_to(own, shape).flat[index]))
        terms = [self._term(made, t, i) for t, i in zip(node.inputs, numbers, strict=True)]
        return made.sum(terms[0], terms[1])

    def _reshape(self, made: Specification, node: Node, index: int) -> Term:
        return self._term(made, node.inputs[0], index)

    def _transpose(self, made: Specification, node: Node, index: int) -> Term:
        order = [axis - 1 for axis in node.integers("order")[1:]]
        number = int(self._numbers(node.inputs[0]).transpose(order).flat[index])
        return self._term(made, node.inputs[0], number)

    def _concat(self, made: Specification, node: Node, index: int) -> Term:
        axis = node.integer("axis") - 1
        numbers = [self._numbers(tensor) for tensor in node.inputs]
        sources = [np.full(own.shape, which) for which, own in enumerate(numbers)]
        which = int(np.concatenate(sources, axis=axis).flat[index])
        number = int(np.concatenate(numbers, axis=axis).flat[index])
        return self._term(made, node.inputs[which], number)


_Rule = Callable[[LayerSpecification, Specification, Node, int], Term]

RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "Add": LayerSpecification._add,
        "Concat": LayerSpecification._concat,
        "Conv": LayerSpecification._conv,
        "ConvTranspose": LayerSpecification._conv,
        "Limit": LayerSpecification._limit,
        "Lookup": LayerSpecification._lookup,
        "MatMul": LayerSpecification._matmul,
        "MaxPool": LayerSpecification._max_pool,
        "Relu": LayerSpecification._relu,
        "Requantize": LayerSpecification._requantize,
        "Reshape": LayerSpecification._reshape,
        "Resize": LayerSpecification._resize,
        "Sign": LayerSpecification._sign,
        "Slice": LayerSpecification._slice,
        "SumPool": LayerSpecification._sum_pool,
        "Transpose": LayerSpecification._transpose,
    }
)
"""What every operator is defined to be, one element at a time."""


def _known(element: Element) -> Term:
    """An element that is there as a wire or a constant."""
    if isinstance(element, Wire):
        return Term(element, element.interval)
    return Term.constant(element)


_numbered = lru_cache(maxsize=16)(window_elements)
"""Every window of a layer asks for the same numbers."""


def _factor(wires: Sequence[str], weights: Sequence[int], claim: LinearClaim) -> int:
    """The number that the weights of a claim must be multiplied with, to be those of the graph."""
    claimed = [(x.name, w) for x, w in zip(claim.inputs, claim.weights, strict=True) if w]
    factor = weights[0] // claimed[0][1] if weights and claimed else 0
    if [(name, factor * own) for name, own in claimed] != list(zip(wires, weights, strict=True)):
        raise BackendError(f'node "{claim.node}": what is said of {claim.wire} is not its product')
    return factor


def claim_wire(claim: LinearClaim) -> Wire:
    """The wire of a claim, with the interval that its weights and inputs give it."""

    def end(largest: bool) -> int:
        pairs = zip(claim.weights, claim.inputs, strict=True)
        return claim.offset + sum(w * x.interval[int((w > 0) == largest)] for w, x in pairs)

    return Wire(claim.wire, (end(False), end(True)))


def _channel(node: Node, name: str, shape: tuple[int, ...], index: int) -> int:
    """The attribute's value for an element."""
    values = node.integers(name)
    return int(values[_place(len(values), node.axis(), shape, index)])


def _place(count: int, axis: int | None, shape: tuple[int, ...], index: int) -> int:
    """Which of `count` values along `axis` an element has."""
    if axis is None or count == 1:
        return 0
    return int(np.unravel_index(index, shape)[axis - 1])
