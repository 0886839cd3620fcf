"""What a number must be, as Verilog: multiples, sums, roundings, limits, signs and wraps.

Rounding is stated, not computed: the rounded quotient is a free variable, and what the mode
demands of its remainder is assumed. Every mode determines it uniquely, so a circuit that equals it
in every case rounds as the mode is defined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from netwright.backends.rtl.adders.adder_graph import Interval
from netwright.backends.rtl.cells.circuit import Wire
from netwright.backends.rtl.proof.cone import Multiples
from netwright.formats import Rounding

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

    def largest(self, terms: Sequence[Term]) -> Term:
        """The largest of some numbers."""
        first, *others = terms
        for other in others:
            low, high = (max(ends) for ends in zip(first.interval, other.interval, strict=True))
            one, two = self._wire(self.text(first)), self._wire(self.text(other))
            first = Term(self._wire(f"({one} > {two}) ? {one} : {two}"), (low, high))
        return first

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
