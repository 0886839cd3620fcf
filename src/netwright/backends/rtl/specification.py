"""What an element of a layer must be, as Verilog written from the graph and nothing else.

Rounding is stated, not computed: the rounded quotient is a free variable, and what the mode
demands of its remainder is assumed. Every mode determines it uniquely, so a circuit that equals it
in every case rounds as the mode is defined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adder_graph import Interval
from netwright.backends.rtl.circuit import Layer, LinearClaim, Wire
from netwright.backends.rtl.cone import Multiples
from netwright.dtypes import Int, Rounding
from netwright.errors import BackendError
from netwright.ir import Graph, Node
from netwright.ir.ops.quant import rounding_of

REMAINDERS: Mapping[Rounding, str] = MappingProxyType(
    {
        Rounding.FLOOR: "(0 <= {r}) && ({r} < {one})",
        Rounding.CEIL: "(-{one} < {r}) && ({r} <= 0)",
        Rounding.TOWARD_ZERO: "({v} >= 0) ? (0 <= {r}) && ({r} < {one})"
        " : (-{one} < {r}) && ({r} <= 0)",
        Rounding.AWAY_FROM_ZERO: "({v} >= 0) ? (-{one} < {r}) && ({r} <= 0)"
        " : (0 <= {r}) && ({r} < {one})",
        Rounding.HALF_EVEN: "(-{half} <= {r}) && ({r} <= {half})"
        " && !({q}[0] && ({r} == {half} || {r} == -{half}))",
        Rounding.HALF_UP: "(-{half} <= {r}) && ({r} < {half})",
        Rounding.HALF_DOWN: "(-{half} < {r}) && ({r} <= {half})",
        Rounding.HALF_AWAY: "({v} >= 0) ? (-{half} <= {r}) && ({r} < {half})"
        " : (-{half} < {r}) && ({r} <= {half})",
        Rounding.HALF_TOWARD_ZERO: "({v} >= 0) ? (-{half} < {r}) && ({r} <= {half})"
        " : (-{half} <= {r}) && ({r} < {half})",
    }
)
"""What every mode says of ``r = v - q * one``: value v, rounded q, step one, half a step half."""


@dataclass(frozen=True, slots=True)
class Term:
    """A number in the specification: ``factor * source + offset``.

    Attributes:
        source: A wire of the circuit, or the Verilog of a number: a name, or a constant between two
            ``@`` whose width is not known yet.
        interval: Smallest and largest value of the number.
        factor: What the source is multiplied with.
        offset: What is added then.
    """

    source: Wire | str
    interval: Interval
    factor: int = 1
    offset: int = 0

    @classmethod
    def constant(cls, value: int) -> Term:
        """A number that is the same for all inputs."""
        return cls(f"@{value}@", (value, value))

    def linear(self, factor: int, offset: int) -> Term:
        """``factor * self + offset``."""
        ends = sorted(factor * end + offset for end in self.interval)
        moved = factor * self.offset + offset
        return Term(self.source, (ends[0], ends[1]), factor * self.factor, moved)


@dataclass
class Specification:
    """The specification of one element in the making.

    Attributes:
        multiples: Wires of the circuit known to be a multiple of another one plus a constant.
        near: Wires that the element is made from; only these can stand for a multiple.
        variables: Wires of the circuit that it speaks of, by name.
        quotients: Names of the free variables.
        lines: Verilog of its wires.
        assumptions: What holds of the variables and the quotients.
        peak: Largest magnitude of any number in it.
    """

    multiples: Multiples
    near: frozenset[str]
    variables: dict[str, Wire] = field(default_factory=dict)
    quotients: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)
    peak: int = 1

    @property
    def bits(self) -> int:
        """A width that holds every number in it."""
        return self.peak.bit_length() + 2

    def reach(self, *numbers: int) -> None:
        """Make room for some numbers."""
        self.peak = max(self.peak, *map(abs, numbers))

    def text(self, term: Term) -> str:
        """The Verilog of a number: a name or a constant."""
        self.reach(*term.interval)
        if isinstance(term.source, Wire):
            term = self._from_multiple(term, term.source)
        source = self._value(term.source) if isinstance(term.source, Wire) else term.source
        if (term.factor, term.offset) == (1, 0):
            return source
        self.reach(term.factor, term.offset, *(end - term.offset for end in term.interval))
        return self._wire(f"({source}) * @{term.factor}@ + @{term.offset}@")

    def _from_multiple(self, term: Term, wire: Wire) -> Term:
        """The number from the wire of the circuit that needs the smallest factor."""
        for shift in range(abs(term.factor).bit_length()):
            for sign in (1, -1):
                rest = sign << shift
                coefficient = term.factor // rest
                found = self.multiples.get((wire.name, coefficient), ())
                made = next((made for made in found if made[0] in self.near), None)
                saves = abs(coefficient) > 1 and term.factor % rest == 0
                if made is not None and saves:
                    name, constant = made
                    ends = sorted(coefficient * end + constant for end in wire.interval)
                    multiple = Wire(name, (ends[0], ends[1]))
                    return Term(multiple, term.interval, rest, term.offset - rest * constant)
        return term

    def _value(self, wire: Wire) -> str:
        """A wire of the circuit; its interval is assumed."""
        value = f"$signed({wire.name})" if wire.is_signed else f"$signed({{1'b0, {wire.name}}})"
        if wire.name not in self.variables:
            low, high = wire.interval
            self.variables[wire.name] = wire
            self.assumptions.append(f"(@{low}@ <= {value}) && ({value} <= @{high}@)")
            self.reach(low, high)
        return value

    def _wire(self, text: str) -> str:
        name = f"s{len(self.lines)}"
        self.lines.append(f"wire signed [BITS-1:0] {name} = {text};")
        return name

    def sum(self, one: Term, other: Term) -> Term:
        """The sum of two numbers."""
        low, high = (a + b for a, b in zip(one.interval, other.interval, strict=True))
        return Term(self._wire(f"({self.text(one)}) + ({self.text(other)})"), (low, high))

    def rounded(self, term: Term, shift: int, rounding: Rounding) -> Term:
        """The number divided by ``2**shift`` and rounded."""
        if shift == 0:
            return term
        one = 1 << shift
        low, high = term.interval[0] // one, -(-term.interval[1] // one)
        value = self._wire(self.text(term))
        quotient = f"q{len(self.quotients)}"
        self.quotients.append(quotient)
        rest = self._wire(f"{value} - {quotient} * @{one}@")
        span = max(map(abs, term.interval)) + max(abs(low), abs(high)) * one
        self.reach(2 * one, span)
        self.assumptions.append(f"(@{low}@ <= {quotient}) && ({quotient} <= @{high}@)")
        relation = REMAINDERS[rounding]
        said = relation.format(r=rest, v=value, q=quotient, one=f"@{one}@", half=f"@{one // 2}@")
        self.assumptions.append(said)
        return Term(quotient, (low, high))

    def limited(self, term: Term, low: int, high: int) -> Term:
        """The nearest number from `low` to `high`."""
        ends = tuple(min(max(end, low), high) for end in term.interval)
        self.reach(low, high)
        value = self._wire(self.text(term))
        text = f"({value} < @{low}@) ? @{low}@ : ({value} > @{high}@) ? @{high}@ : {value}"
        return Term(self._wire(text), (ends[0], ends[1]))

    def entry(self, term: Term, first: int, entries: Sequence[int]) -> Term:
        """The entry of a table that the number names; entry 0 belongs to `first`."""
        value = self._wire(self.text(term))
        self.reach(first, first + len(entries), *entries)
        chosen = f"@{entries[-1]}@"
        for place, entry in reversed(list(enumerate(entries[:-1]))):
            chosen = f"({value} == @{first + place}@) ? @{entry}@ : {chosen}"
        return Term(self._wire(chosen), (min(entries), max(entries)))

    def sign(self, term: Term) -> Term:
        """1 where a number is zero or more, else -1."""
        return Term(self._wire(f"(({self.text(term)}) >= 0) ? 1 : -1"), (-1, 1))

    def wrapped(self, term: Term, start: int, bits: int) -> Term:
        """The number modulo ``2**bits`` that is `start` or more."""
        size = 1 << bits
        self.reach(start, size)
        moved = self._wire(self.text(term.linear(1, -start)))
        self.lines.append(f"wire [{bits - 1}:0] {moved}_low = {moved}[{bits - 1}:0];")
        text = self._wire(f"$signed({{1'b0, {moved}_low}})")
        return Term(text, (0, size - 1)).linear(1, start)


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

    def covers(self, tensor: str) -> bool:
        """Whether every operator between the layer's inputs and a tensor has a specification."""
        if tensor in self.graph.constants or any(b.tensor == tensor for b in self.layer.inputs):
            return True
        node = self.graph.producers[tensor]
        return node.op in _RULES and all(self.covers(name) for name in node.inputs)

    def element(self, tensor: str, index: int, near: frozenset[str]) -> tuple[Specification, Term]:
        """The specification of one element, and what it says the element is.

        Args:
            tensor: The tensor.
            index: Number of the element in row-major order.
            near: Wires that the circuit makes the element from.

        Raises:
            BackendError: An operator has no specification.
        """
        made = Specification(self.multiples, near)
        return made, self._term(made, tensor, index)

    def _term(self, made: Specification, tensor: str, index: int) -> Term:
        if tensor in self.graph.constants:
            return Term.constant(int(self.graph.constants[tensor].reshape(-1)[index]))
        for bundle in self.layer.inputs:
            if bundle.tensor == tensor:
                element = bundle.elements[index]
                if isinstance(element, Wire):
                    return Term(element, element.interval)
                return Term.constant(element)
        node = self.graph.producers[tensor]
        if node.op not in _RULES:
            raise BackendError(f'node "{node.name}": operator "{node.op}" has no specification')
        term = _RULES[node.op](self, made, node, index)
        dtype = self.graph.types[tensor].dtype
        if isinstance(dtype, Int):
            low, high = dtype.min, dtype.min + (1 << dtype.bits) - 1
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

    def _matmul(self, made: Specification, node: Node, index: int) -> Term:
        matrix = self.graph.constants[node.inputs[1]].astype(np.int64)
        row, column = divmod(index, matrix.shape[1])
        bundle = next(b for b in self.layer.inputs if b.tensor == node.inputs[0])
        elements = bundle.elements[row * len(matrix) : (row + 1) * len(matrix)]
        weights = matrix[:, column].tolist()
        pairs = list(zip(elements, weights, strict=True))
        constant = sum(e * w for e, w in pairs if isinstance(e, int))
        if len(node.inputs) == 3:
            constant += int(self.graph.constants[node.inputs[2]].reshape(-1)[column])
        claims = (c for c in self.layer.claims if (c.node, c.index) == (node.name, index))
        claim = next(claims, None)
        wires = [w for e, w in pairs if isinstance(e, Wire)]
        if claim is None:
            if any(wires):
                raise BackendError(f'node "{node.name}": no wire is said to be product {index}')
            return Term.constant(constant)
        factor = _factor(wires, claim)
        product = claim_wire(claim)
        return Term(product, product.interval).linear(factor, constant - factor * claim.offset)

    def _requantize(self, made: Specification, node: Node, index: int) -> Term:
        term = self._term(made, node.inputs[0], index)
        shape = self._shape(node.inputs[0])
        factor = _channel(node, "multiplier", shape, index)
        term = term.linear(factor, _channel(node, "offset", shape, index))
        term = made.rounded(term, node.integer("shift"), rounding_of(node))
        term = made.limited(term, node.integer("low"), node.integer("high"))
        return term.linear(1, -node.integer("zero_point", 0))

    def _lookup(self, made: Specification, node: Node, index: int) -> Term:
        tables = self.graph.constants[node.inputs[1]].astype(np.int64)
        element, function = divmod(index, tables.shape[1])
        term = self._term(made, node.inputs[0], element)
        return made.entry(
            term, node.integer("first"), tables[element % len(tables), function].tolist()
        )

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

_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "Add": LayerSpecification._add,
        "Concat": LayerSpecification._concat,
        "Lookup": LayerSpecification._lookup,
        "MatMul": LayerSpecification._matmul,
        "Relu": LayerSpecification._relu,
        "Requantize": LayerSpecification._requantize,
        "Reshape": LayerSpecification._reshape,
        "Sign": LayerSpecification._sign,
        "Transpose": LayerSpecification._transpose,
    }
)


def _factor(weights: list[int], claim: LinearClaim) -> int:
    """The number that the weights of a claim must be multiplied with, to be those of the graph."""
    pairs = zip(weights, claim.weights, strict=True)
    factor = next((w // own for w, own in pairs if own), 0)
    if [factor * own for own in claim.weights] != weights:
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
    values, axis = node.integers(name), node.axis()
    if axis is None or len(values) == 1:
        return int(values[0])
    return int(values[np.unravel_index(index, shape)[axis - 1]])
