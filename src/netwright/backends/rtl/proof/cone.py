"""A layer's emitted text as instances, and the part of it that makes one wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from netwright.backends.rtl.adders.adder_graph import Interval, width
from netwright.backends.rtl.proof.adder_proof import DECLARATION, PIN, Form, linear_form, wires_of
from netwright.errors import BackendError

_INSTANCE = re.compile(r"^\s*(\w+) #\(([^)]*(?:\([^)]*\)[^)]*)*)\)\s*u_(\w+) \((.*)\);$", re.M)
_PACKED = re.compile(r"^\s*assign (\w+)_data = \{([^}]*)\};$", re.M)


_OPERANDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"shift_adder": {"low": "LOW", "high": "HIGH"}, "offset_adder": {"x": "X"}}
)
"""Ports of adders, with what their parameters begin with."""

Multiples = Mapping[tuple[str, int], tuple[tuple[str, int], ...]]
"""Wires that are a multiple of one wire plus a constant, and the constant, by wire and factor."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a library module.

    Attributes:
        module: Name of the module.
        parameters: Text of its parameters.
        pins: Wire by port.
    """

    module: str
    parameters: str
    pins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Cone:
    """Everything between some wires and one wire that is made from them, registers as wires.

    Attributes:
        inputs: Wires it begins with, and their widths.
        declarations: Verilog of the wires inside.
        instances: Verilog of the instances.
    """

    inputs: tuple[tuple[str, int], ...]
    declarations: tuple[str, ...]
    instances: tuple[str, ...]

    @property
    def wires(self) -> tuple[str, ...]:
        """Names of the wires inside."""
        return tuple(line.split()[2].rstrip(";") for line in self.declarations)


@dataclass(frozen=True)
class Netlist:
    """The instances of a layer.

    Attributes:
        name: Name of the layer.
        drivers: The instance that makes each wire.
        widths: Declared width of each wire.
        outputs: Wires that each output consists of, the lowest first.
    """

    name: str
    drivers: Mapping[str, Instance]
    widths: Mapping[str, int]
    outputs: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, name: str, text: str) -> Netlist:
        """Read the text of a layer back."""
        drivers = {
            wire: Instance(module, parameters, dict(PIN.findall(connections)))
            for module, parameters, wire, connections in _INSTANCE.findall(text)
        }
        widths = {wire: int(top) + 1 for top, wire in DECLARATION.findall(text)}
        outputs = {
            port: tuple(reversed([wire.strip() for wire in wires.split(",")]))
            for port, wires in _PACKED.findall(text)
        }
        return cls(name, drivers, widths, outputs)

    def packed(self, output: str) -> tuple[str, ...]:
        """The wires that an output consists of, the lowest first.

        Raises:
            BackendError: The text has no such output.
        """
        if output not in self.outputs:
            raise BackendError(f'the text of {self.name} does not make the output "{output}"')
        return self.outputs[output]

    def cone(self, wire: str, stops: frozenset[str]) -> Cone:
        """What makes a wire, back to the wires `stops` and to those made elsewhere.

        Raises:
            BackendError: The text lacks a wire.
        """
        order: dict[str, None] = {}
        inputs: dict[str, int] = {}
        waiting = [wire]
        while waiting:
            name = waiting.pop()
            if name in order or name in inputs:
                continue
            if name not in self.widths:
                raise BackendError(f'the text of {self.name} does not make the wire "{name}"')
            if name in stops or name not in self.drivers:
                inputs[name] = self.widths[name]
                continue
            order[name] = None
            pins = self.drivers[name].pins.values()
            waiting += [w for pin in pins for w in wires_of(pin) if w not in (name, "clk")]
        declarations = tuple(f"wire [{self.widths[name] - 1}:0] {name};" for name in order)
        instances = tuple(self._line(name) for name in order)
        return Cone(tuple(inputs.items()), declarations, instances)

    def upstream(self, wire: str) -> frozenset[str]:
        """Everything that a wire is made from, itself included."""
        seen: set[str] = set()
        waiting = [wire]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                pins = self.drivers[name].pins.values() if name in self.drivers else ()
                waiting += [wire for pin in pins for wire in wires_of(pin)]
        return frozenset(seen)

    def multiples(self, bases: Mapping[str, Interval]) -> Multiples:
        """Wires that adders make as a multiple of one wire plus a constant, proven from the text.

        A wire counts only if it, and every operand on its way, holds all its values.

        Args:
            bases: Interval of every wire that multiples may be of.

        Returns:
            The wires and their constants, by the wire they are a multiple of and the factor.
        """
        forms = {name: (name, np.array([1, 0], dtype=np.int64)) for name in bases}
        found: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for wire, driver in self.drivers.items():
            pins = driver.pins
            if driver.module == "register" and pins["d"] in forms:
                forms.setdefault(wire, forms[pins["d"]])
            operands = _OPERANDS.get(driver.module, {})
            known = {pins[pin]: forms[pins[pin]] for pin in operands if pins[pin] in forms}
            of = {base for base, _ in known.values()}
            if len(of) != 1 or len(known) < len({pins[pin] for pin in operands}):
                continue
            (base,) = of
            values = dict(PIN.findall(driver.parameters))
            own = {name: form for name, (_, form) in known.items()}
            made = linear_form(driver.module, {**values, **pins}, own)
            if made is None:
                continue
            ends = _ends(made, bases[base])
            result = "SUM" if driver.module == "shift_adder" else "Y"
            if self._holds(wire, ends, int(values[f"{result}_BITS"]), ends[0] < 0) and all(
                self._holds(
                    pins[pin],
                    _ends(forms[pins[pin]][1], bases[base]),
                    int(values[f"{key}_BITS"]),
                    values[f"{key}_SIGNED"] != "0",
                )
                for pin, key in operands.items()
            ):
                forms.setdefault(wire, (base, made))
                found.setdefault((base, int(made[0])), []).append((wire, int(made[1])))
        return {form: tuple(wires) for form, wires in found.items()}

    def _holds(self, wire: str, ends: Interval, bits: int, signed: bool) -> bool:
        """Whether a wire of a width holds every value of an interval."""
        needed = width(ends) + int(signed and ends[0] >= 0)
        return self.widths.get(wire) == bits and needed <= bits and (signed or ends[0] >= 0)

    def _line(self, wire: str) -> str:
        driver = self.drivers[wire]
        if driver.module == "register":
            return f"assign {driver.pins['q']} = {driver.pins['d']};"
        pins = ", ".join(f".{port}({name})" for port, name in driver.pins.items())
        return f"{driver.module} #({driver.parameters}) u_{wire} ({pins});"


def _ends(form: Form, interval: Interval) -> Interval:
    """Smallest and largest value of a multiple plus a constant."""
    low, high = sorted(int(form[0]) * end + int(form[1]) for end in interval)
    return low, high
