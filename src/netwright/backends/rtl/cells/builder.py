"""Builds one layer: instances are added, timed and pipelined as they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
from netwright.ir import Node

Time = tuple[int, float]
"""Stage, and what was passed since its registers: adders, or nanoseconds."""

Delay = Callable[[str, Mapping[str, int], int], float]
"""What a cell takes of a stage, by its module, its parameters and its adders."""

TableSums = Literal["tree", "chain", "auto"]
"""How tables are summed: the fewest adders in series, the fewest cells, or what fits the part."""

ProductKey = tuple[tuple[int, ...], bytes, tuple[Interval, ...]]
"""Shape and values of a matrix, and the intervals of what it is multiplied with."""

SearchedGraphs = dict[ProductKey, AdderGraph]
"""Adder graphs of products, each searched once."""


class LayerBuilder:
    """A layer in the making.

    A cell that would exceed what a stage holds goes into the next one; values that are needed in a
    later stage pass registers, shared by all readers.

    Args:
        name: Name of the module.
        stage_holds: What lies between two registers at most, adders unless there is a `delay`;
            ``None`` for no registers.
        delay: What a cell takes of a stage; its adders if not given.
        searched: Adder graphs that are known already, and that others find here again.
        table_inputs: Inputs of a lookup table that narrow inputs of products may share; ``None``
            for adders alone.
    """

    def __init__(
        self,
        name: str,
        stage_holds: float | None,
        *,
        delay: Delay | None = None,
        searched: SearchedGraphs | None = None,
        table_inputs: int | None = None,
    ) -> None:
        self.name = name
        self.stage_holds = stage_holds
        self.delay = delay
        self.table_inputs = table_inputs
        self.cells: list[Cell] = []
        self.inputs: list[Bundle] = []
        self.claims: list[LinearClaim] = []
        self.settled: list[Settled] = []
        self.times: dict[str, Time] = {}
        self.adder_graphs: SearchedGraphs = {} if searched is None else searched
        self.unsigned: dict[str, Wire] = {}
        self.lifts: dict[str, NDArray[np.int64]] = {}
        self._delayed: dict[tuple[str, int], Wire] = {}

    def read(self, name: str, made: Bundle, times: Sequence[Time]) -> tuple[Element, ...]:
        """The elements of a tensor made elsewhere, as wires of this layer; their bases left out."""
        local: list[Element] = []
        for number, (element, time) in enumerate(zip(made.elements, times, strict=True)):
            if isinstance(element, Wire):
                element = Wire(self._unique(f"{name}_{number}"), element.interval)
                self.times[element.name] = time
            local.append(element)
        self.inputs.append(replace(made, name=name, elements=tuple(local)))
        return tuple(local)

    def note_settled(
        self, node: Node, elements: Sequence[Element], bases: Sequence[int] | None = None
    ) -> None:
        """Note, for the proof, what a node reads that is made inside the layer.

        Args:
            node: The node; its first input is meant.
            elements: The elements of that input, as wires of this layer.
            bases: What each is more than its wire.
        """
        tensor = node.inputs[0]
        if all(bundle.tensor != tensor for bundle in self.inputs):
            self.settled += [
                Settled(node.name, tensor, number, element, bases[number] if bases else 0)
                for number, element in enumerate(elements)
            ]

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
            adders: Its adders in series.
        """
        read = [wires if isinstance(wires, tuple) else (wires,) for wires in inputs.values()]
        stage, depth = self.time_of(
            [wire for wires in read for wire in wires], self.taken(module, parameters, adders)
        )
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

    @property
    def holds_one_adder(self) -> bool:
        """Whether a register lies behind every adder and everything that counts as one."""
        return self.delay is None and self.stage_holds == 1

    def taken(self, module: str, parameters: Mapping[str, int], adders: int) -> float:
        """What a cell takes of a stage."""
        return self.delay(module, parameters, adders) if self.delay else adders

    def time_of(self, inputs: Sequence[Wire], taken: float) -> Time:
        """When a cell is done that reads these wires and takes so much of a stage."""
        times = [self.times[wire.name] for wire in inputs]
        stage = max(time[0] for time in times)
        depth = taken + max(depth for other, depth in times if other == stage)
        if self.stage_holds is not None and taken and depth > self.stage_holds:
            return stage + 1, taken
        return stage, depth

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

    def aligned(
        self, tensor: str, name: str, elements: Sequence[Element], bases: tuple[int, ...] = ()
    ) -> Bundle:
        """The elements of a tensor that others read, all in the same stage."""
        stages = [self.times[e.name][0] for e in elements if isinstance(e, Wire)]
        stage = max(stages, default=0)
        moved = [self.at_stage(e, stage) if isinstance(e, Wire) else e for e in elements]
        return Bundle(tensor, name, tuple(moved), stage, bases)

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
