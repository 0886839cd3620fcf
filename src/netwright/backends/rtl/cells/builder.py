"""Builds one layer: instances are added, timed and pipelined as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netwright.backends.rtl.adders.adder_graph import AdderGraph, Interval
from netwright.backends.rtl.cells.circuit import (
    Bundle,
    Cell,
    Element,
    Layer,
    LinearClaim,
    Settled,
    Wire,
)

Time = tuple[int, int]
"""Stage, and adders passed since its registers."""

ProductKey = tuple[tuple[int, ...], bytes, tuple[Interval, ...]]
"""Shape and values of a matrix, and the intervals of what it is multiplied with."""


class LayerBuilder:
    """A layer in the making.

    A cell that would exceed the allowed adders of a stage goes into the next one; values that are
    needed in a later stage pass registers, shared by all readers.
    """

    def __init__(self, name: str, adders_per_stage: int | None) -> None:
        self.name = name
        self.adders_per_stage = adders_per_stage
        self.cells: list[Cell] = []
        self.inputs: list[Bundle] = []
        self.claims: list[LinearClaim] = []
        self.settled: list[Settled] = []
        self.times: dict[str, Time] = {}
        self.adder_graphs: dict[ProductKey, AdderGraph] = {}
        self.unsigned: dict[str, Wire] = {}
        self._delayed: dict[tuple[str, int], Wire] = {}

    def read(
        self, tensor: str, name: str, elements: Sequence[Element], times: Sequence[Time], stage: int
    ) -> tuple[Element, ...]:
        """The elements of a tensor made elsewhere, as wires of this layer."""
        local: list[Element] = []
        for number, (element, time) in enumerate(zip(elements, times, strict=True)):
            if isinstance(element, Wire):
                element = Wire(self._unique(f"{name}_{number}"), element.interval)
                self.times[element.name] = time
            local.append(element)
        self.inputs.append(Bundle(tensor, name, tuple(local), stage))
        return tuple(local)

    def add(
        self,
        module: str,
        name: str,
        interval: Interval,
        inputs: Mapping[str, Wire | tuple[Wire, ...]],
        parameters: Mapping[str, int],
        *,
        port: str = "y",
        adders: int = 1,
    ) -> Wire:
        """An instance of a combinational module.

        Args:
            module: Name of the module.
            name: Name of the output wire.
            interval: Exact interval of the output.
            inputs: Wires by port, one or several side by side; registers are inserted where they
                come from earlier stages.
            parameters: Parameters of the module.
            port: Name of the output port.
            adders: How much of a stage it takes.
        """
        read = [wires if isinstance(wires, tuple) else (wires,) for wires in inputs.values()]
        times = [self.times[wire.name] for wires in read for wire in wires]
        stage = max(time[0] for time in times)
        depth = adders + max(depth for other, depth in times if other == stage)
        if self.adders_per_stage is not None and adders and depth > self.adders_per_stage:
            stage, depth = stage + 1, adders
        output = Wire(self._unique(name), interval)
        aligned = {
            key: tuple(self.at_stage(wire, stage) for wire in wires)
            if isinstance(wires, tuple)
            else self.at_stage(wires, stage)
            for key, wires in inputs.items()
        }
        self.cells.append(Cell(module, dict(parameters), aligned, port, output))
        self.times[output.name] = (stage, depth)
        return output

    def _unique(self, name: str) -> str:
        unique, number = name, 2
        while unique in self.times:
            unique, number = f"{name}_v{number}", number + 1
        return unique

    def at_stage(self, wire: Wire, stage: int) -> Wire:
        """The wire, delayed by registers until `stage`."""
        for now in range(self.times[wire.name][0], stage):
            key = (wire.name, now + 1)
            if key not in self._delayed:
                base = wire.name.split("__")[0]
                output = Wire(f"{base}__{now + 1}", wire.interval)
                register = Cell(
                    "register", {"BITS": wire.bits}, {"d": wire}, "q", output, clocked=True
                )
                self.cells.append(register)
                self.times[output.name] = (now + 1, 0)
                self._delayed[key] = output
            wire = self._delayed[key]
        return wire

    def aligned(self, tensor: str, name: str, elements: Sequence[Element]) -> Bundle:
        """The elements of a tensor that others read, all in the same stage."""
        stages = [self.times[e.name][0] for e in elements if isinstance(e, Wire)]
        stage = max(stages, default=0)
        moved = [self.at_stage(e, stage) if isinstance(e, Wire) else e for e in elements]
        return Bundle(tensor, name, tuple(moved), stage)

    def layer(self, nodes: Sequence[str], outputs: Sequence[Bundle]) -> Layer:
        """The finished layer."""
        return Layer(
            self.name,
            tuple(nodes),
            tuple(self.inputs),
            tuple(outputs),
            tuple(self.cells),
            tuple(self.claims),
            tuple(self.settled),
        )
