"""Proof that the emitted adders compute the matrix: no test vectors, every input at once.

The text of a layer is read back. Every adder is a linear function of the layer's inputs, so its
coefficients and its constant follow from those of its operands; a width that holds the exact
interval of the value excludes overflow. Both together prove a product for every input there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import Interval, lift
from netwright.backends.rtl.cells.circuit import Layer, LinearClaim, Wire
from netwright.errors import BackendError

_INSTANCE = re.compile(r"^\s*(\w+) #\(([^)]*(?:\([^)]*\)[^)]*)*)\)\s*u_\w+ \((.*)\);$", re.M)
PIN = re.compile(r"\.(\w+)\(([^()]*)\)")
DECLARATION = re.compile(r"^\s*wire \[(\d+):0\] (\w+)", re.M)

Form = NDArray[np.int64]
"""Coefficients of one value, one for each input of the layer, and its constant at the end."""


@dataclass(frozen=True, slots=True)
class CounterExample:
    """An input for which an emitted wire is wrong.

    Attributes:
        node: Node of the graph.
        wire: The wire.
        inputs: Value of every input wire.
        expected: What the matrix says.
        got: What the emitted adders compute, or an interval's end that does not fit the wire.
    """

    node: str
    wire: str
    inputs: Mapping[str, int]
    expected: int
    got: int

    def __str__(self) -> str:
        values = ", ".join(f"{name} = {value}" for name, value in self.inputs.items() if value)
        return (
            f'node "{self.node}": {self.wire} must be {self.expected}, not {self.got}, for '
            f"{values or 'zeros'} (others 0)"
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven of a layer.

    Attributes:
        layer: Name of the module.
        products: Products proven equal to the matrix for every input.
        adders: Adders whose width holds every value.
        counter_examples: Where a proof failed; empty when all hold.
    """

    layer: str
    products: int
    adders: int
    counter_examples: tuple[CounterExample, ...]

    @property
    def holds(self) -> bool:
        """Whether there is a product, and every one was proven."""
        return self.products > 0 and not self.counter_examples


def prove(layer: Layer, text: str) -> Proof:
    """Prove the products of a layer from its emitted text.

    Args:
        layer: What the layer shall compute, and the intervals of its inputs.
        text: The Verilog of the layer.

    Raises:
        BackendError: The layer has no product, or the text lacks something that is needed.
    """
    if not layer.claims:
        raise BackendError(f"{layer.name} has no product, so there is nothing to prove of it")
    try:
        return _proof(layer, text)
    except (KeyError, ValueError) as error:
        raise BackendError(f"the text of {layer.name} cannot be read ({error})") from error


def _proof(layer: Layer, text: str) -> Proof:
    names = list(dict.fromkeys(wire.name for claim in layer.claims for wire in claim.inputs))
    sources = {wire.name: wire for claim in layer.claims for wire in claim.inputs}
    inputs = [sources[name] for name in names]
    rows = np.eye(len(names), len(names) + 1, dtype=np.int64)
    forms: dict[str, Form] = dict(zip(names, rows, strict=True))
    declared = {name: int(top) + 1 for top, name in DECLARATION.findall(text)}
    failures: list[CounterExample] = []
    adders = 0
    for module, pins in _instances(text):
        if module == "register" and pins["d"] in forms:
            forms[pins["q"]] = forms[pins["d"]]
        if module == "lookup" and set(wires_of(pins["x"])) <= forms.keys():
            failures += _set_table(layer.nodes[0], pins, forms, inputs, declared)
            adders += 1
            continue
        form = linear_form(module, pins, forms)
        if form is None:
            continue
        forms[pins["sum" if module == "shift_adder" else "y"]] = form
        adders += 1
        failures += _overflows(layer.nodes[0], pins, forms, inputs, declared)
    proven = 0
    for claim in layer.claims:
        if claim.wire not in forms:
            raise BackendError(f'the text of {layer.name} does not make the wire "{claim.wire}"')
        wrong = _difference(claim, forms, inputs)
        failures += [wrong] if wrong else []
        proven += wrong is None
    return Proof(layer.name, proven, adders, tuple(failures))


def _instances(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Module, and parameters and connections by name, of every instance."""
    for module, parameters, connections in _INSTANCE.findall(text):
        yield module, dict(PIN.findall(parameters)) | dict(PIN.findall(connections))


def linear_form(module: str, pins: Mapping[str, str], forms: Mapping[str, Form]) -> Form | None:
    """What an instance makes of its operands, ``None`` where that is not linear or not known."""
    if module == "shift_adder" and {pins["low"], pins["high"]} <= forms.keys():
        high, shift = forms[pins["high"]], int(pins["SHIFT"])
        if int(pins.get("SUBTRACT", "0")):
            bits = int(pins["LOW_BITS"]), int(pins["HIGH_BITS"])
            return forms[pins["low"]] - (high << shift) + _constant(lift(*bits, shift), high)
        return forms[pins["low"]] + (high << shift)
    if module == "offset_adder" and pins["x"] in forms:
        value, offset = (
            forms[pins["x"]] << int(pins["SHIFT"]),
            int(pins["OFFSET"].replace("64'sd", "")),
        )
        skip, shift = int(pins["SKIP"]), int(pins["SHIFT"])
        if int(pins["NEGATE"]):
            return None if skip else _constant(offset, value) - value
        skipped = ((1 << skip) - 1) << shift  # these bits of the offset are not added
        return _constant(offset & ~skipped, value) + value
    return None


def wires_of(text: str) -> tuple[str, ...]:
    """The wires on a pin, the lowest bits first."""
    return tuple(reversed([name.strip() for name in text.strip("{}").split(",")]))


def _set_table(
    node: str,
    pins: Mapping[str, str],
    forms: dict[str, Form],
    inputs: Sequence[Wire],
    declared: Mapping[str, int],
) -> Iterator[CounterExample]:
    """The linear form of a table whose inputs are known, and where its entries differ from it."""
    names, output = wires_of(pins["x"]), pins["y"]
    widths = [declared[name] for name in names]
    bits, number = int(pins["Y_BITS"]), int(pins["TABLE"].split("'h")[1], 16)
    if sum(widths) != int(pins["X_BITS"]) or bits != declared[output]:
        raise ValueError(f"the widths around {output} do not fit")
    places = [sum(widths[:place]) for place in range(len(widths))]

    def entry(values: Sequence[int]) -> int:
        code = sum(value << place for value, place in zip(values, places, strict=True))
        return number >> (code * bits) & ((1 << bits) - 1)

    ends = [
        tuple(_value(forms[name], inputs, largest=largest) for largest in (False, True))
        for name in names
    ]
    lows = [low for low, _ in ends]
    weights = []
    for place, (low, high) in enumerate(ends):
        if not 0 <= low < high < 1 << widths[place]:
            raise ValueError(f"{names[place]} takes {low} to {high} in {widths[place]} bits")
        more = [*lows[:place], low + 1, *lows[place + 1 :]]
        weights.append(entry(more) - entry(lows))
    constant = entry(lows) - sum(w * low for w, low in zip(weights, lows, strict=True))
    form = _constant(constant, forms[names[0]])
    for name, weight in zip(names, weights, strict=True):
        form = form + weight * forms[name]
    forms[output] = form
    for values in product(*(range(low, high + 1) for low, high in ends)):
        expected = constant + sum(w * v for w, v in zip(weights, values, strict=True))
        if entry(values) != expected:
            row = dict(zip(names, values, strict=True))
            yield CounterExample(node, output, row, expected, entry(values))
            return


def _constant(value: int, like: Form) -> Form:
    """A form that is constant."""
    form = np.zeros_like(like)
    form[-1] = value
    return form


def _overflows(
    node: str,
    pins: Mapping[str, str],
    forms: Mapping[str, Form],
    inputs: Sequence[Wire],
    declared: Mapping[str, int],
) -> Iterator[CounterExample]:
    """Where an operand or the sum is not what the adder or its wire carries."""
    subtracts = int(pins.get("SUBTRACT", "0")) != 0
    for port in ("low", "high", "sum") if "sum" in pins else ("x", "y"):
        name, form = pins[port], forms[pins[port]]
        bits, wire_bits = int(pins[f"{port.upper()}_BITS"]), declared[name]
        made = port in ("sum", "y")
        for largest in (True, False):
            value = _value(form, inputs, largest=largest)
            if made:  # who reads it takes a negative wire for two's complement
                signed = _value(form, inputs, largest=False) < 0
                got = _wrapped(value % (1 << bits), wire_bits, signed)
            else:
                signed = pins[f"{port.upper()}_SIGNED"] == "1"
                got = _wrapped(value % (1 << wire_bits), bits, signed)
                got = value % (1 << bits) if subtracts else got
            if got != value:
                rows = _extreme(form, inputs, largest=largest)
                yield CounterExample(node, name, rows, value, got)
                break


def _difference(
    claim: LinearClaim, forms: Mapping[str, Form], inputs: Sequence[Wire]
) -> CounterExample | None:
    form = forms[claim.wire]
    expected = _constant(claim.offset, form)
    for wire, weight in zip(claim.inputs, claim.weights, strict=True):
        expected = expected + weight * forms[wire.name]
    if np.array_equal(expected, form):
        return None
    wrong = form - expected
    low, high = _interval(wrong, inputs)
    values = _extreme(wrong, inputs, largest=abs(high) >= abs(low))
    row = np.array([*values.values(), 1], dtype=np.int64)
    return CounterExample(claim.node, claim.wire, values, int(expected @ row), int(form @ row))


def _interval(form: Form, inputs: Sequence[Wire]) -> Interval:
    ends = [_value(form, inputs, largest=largest) for largest in (False, True)]
    return ends[0], ends[1]


def _value(form: Form, inputs: Sequence[Wire], *, largest: bool) -> int:
    row = list(_extreme(form, inputs, largest=largest).values())
    return int(form @ np.array([*row, 1], dtype=np.int64))


def _extreme(form: Form, inputs: Sequence[Wire], *, largest: bool) -> dict[str, int]:
    """The inputs that make a form as large or as small as it can be."""
    return {
        wire.name: wire.interval[int((weight > 0) == largest)] if weight else 0
        for wire, weight in zip(inputs, form[:-1].tolist(), strict=True)
    }


def _wrapped(value: int, bits: int, signed: bool) -> int:
    rest = value & ((1 << bits) - 1)
    return rest - (1 << bits) if signed and rest >> (bits - 1) else rest
