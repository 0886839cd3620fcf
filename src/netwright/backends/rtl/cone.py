"""A layer's emitted text as instances, and the part of it that makes one wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from netwright.backends.rtl.adder_graph import Interval, width
from netwright.errors import BackendError

_INSTANCE = re.compile(r"^\s*(\w+) #\(([^)]*(?:\([^)]*\)[^)]*)*)\)\s*u_(\w+) \((.*)\);$", re.M)
_PIN = re.compile(r"\.(\w+)\(([^()]*)\)")
_DECLARATION = re.compile(r"^\s*wire \[(\d+):0\] (\w+)", re.M)
_PACKED = re.compile(r"^\s*assign (\w+)_data = \{([^}]*)\};$", re.M)


Multiples = Mapping[tuple[str, int], tuple[str, ...]]
"""Wires that are a multiple of one wire, by the name of that wire and the factor."""


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
            wire: Instance(module, parameters, dict(_PIN.findall(connections)))
            for module, parameters, wire, connections in _INSTANCE.findall(text)
        }
        widths = {wire: int(top) + 1 for top, wire in _DECLARATION.findall(text)}
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
            waiting += [w for w in self.drivers[name].pins.values() if w not in (name, "clk")]
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
                waiting += self.drivers[name].pins.values() if name in self.drivers else ()
        return frozenset(seen)

    def multiples(self, bases: Mapping[str, Interval]) -> Multiples:
        """Wires that adders make as a multiple of one wire, proven from their coefficients.

        A wire counts only if it, and every operand on its way, holds all its values.

        Args:
            bases: Interval of every wire that multiples may be of.

        Returns:
            The wires, by the wire they are a multiple of and the factor.
        """
        forms = {name: (name, 1) for name in bases}
        found: dict[tuple[str, int], list[str]] = {}
        for wire, driver in self.drivers.items():
            pins = driver.pins
            if driver.module == "register" and pins["d"] in forms:
                forms.setdefault(wire, forms[pins["d"]])
            if driver.module != "shift_adder" or not {pins["low"], pins["high"]} <= forms.keys():
                continue
            values = {key: int(value) for key, value in _PIN.findall(driver.parameters)}
            (base, low), (other, high) = forms[pins["low"]], forms[pins["high"]]
            high <<= values["SHIFT"]
            total = low - high if values["SUBTRACT"] else low + high
            operands = (("LOW", "low"), ("HIGH", "high"))
            fits = base == other and all(
                self._holds(pins[pin], forms, bases, values[f"{key}_BITS"], values[f"{key}_SIGNED"])
                for key, pin in operands
            )
            forms_with = {**forms, wire: (base, total)}
            signed = int(min(total * end for end in bases[base]) < 0)
            if fits and self._holds(wire, forms_with, bases, values["SUM_BITS"], signed):
                forms.setdefault(wire, (base, total))
                found.setdefault((base, total), []).append(wire)
        return {form: tuple(wires) for form, wires in found.items()}

    def _holds(
        self,
        wire: str,
        forms: Mapping[str, tuple[str, int]],
        bases: Mapping[str, Interval],
        bits: int,
        signed: int,
    ) -> bool:
        """Whether a wire of a width holds every value of its form."""
        base, factor = forms[wire]
        ends = sorted(factor * end for end in bases[base])
        needed = width((ends[0], ends[1])) + int(bool(signed) and ends[0] >= 0)
        return self.widths.get(wire) == bits and needed <= bits and (signed == 1 or ends[0] >= 0)

    def _line(self, wire: str) -> str:
        driver = self.drivers[wire]
        if driver.module == "register":
            return f"assign {driver.pins['q']} = {driver.pins['d']};"
        pins = ", ".join(f".{port}({name})" for port, name in driver.pins.items())
        return f"{driver.module} #({driver.parameters}) u_{wire} ({pins});"
