"""One interface to the simulators: Verilator, or Icarus Verilog where that is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.simulate.icarus import compile_bench, simulate_bench
from netwright.backends.rtl.simulate.verilator import compile_simulation, simulate
from netwright.backends.tools import GXX, IVERILOG, VERILATOR, VVP, Tool, find
from netwright.errors import ConfigError, DataError, ToolMissing
from netwright.ir import Graph, Interpreter
from netwright.ir.interpret import Values

Simulator = Literal["verilator", "icarus"]
"""A simulator: Verilator compiles the design (fast), Icarus Verilog interprets it (slow)."""

SIMULATORS: tuple[Simulator, ...] = ("verilator", "icarus")
"""All of them, the one that is tried first in front."""

_NEEDS: Mapping[Simulator, tuple[Tool, ...]] = {
    "verilator": (VERILATOR, GXX),
    "icarus": (IVERILOG, VVP),
}

Codes = Mapping[str, NDArray[np.int64]]
"""Codes by tensor, each (rows, elements)."""


def chosen(simulator: Simulator | None) -> Simulator:
    """The simulator that is used: the one asked for, or the first that is installed.

    Raises:
        ConfigError: There is no simulator of that name.
        ToolMissing: It is not installed, or none is.
    """
    if simulator is not None and simulator not in SIMULATORS:
        choices = " or ".join(f'"{name}"' for name in SIMULATORS)
        raise ConfigError(f"simulator must be {choices}, not {simulator!r}")
    first: ToolMissing | None = None
    for name in SIMULATORS if simulator is None else (simulator,):
        try:
            for tool in _NEEDS[name]:
                find(tool)
        except ToolMissing as error:
            first = first or error
        else:
            return name
    assert first is not None
    raise first


@dataclass(frozen=True, slots=True)
class Model:
    """Verilog that can be simulated.

    Attributes:
        circuit: Its ports and its latency.
        sources: Its files.
        key: Digest of the files.
        build: Folder for what is compiled.
        name: What the results of compiling are named after.
        cells: Verilog files of cells that the sources use.
    """

    circuit: Circuit
    sources: tuple[Path, ...]
    key: str
    build: Path
    name: str = "simulation"
    cells: tuple[Path, ...] = ()

    def compile(self, simulator: Simulator, *, timeout_s: float) -> Path:
        """Compile it, unless that was done before; the path of the result.

        Raises:
            ToolMissing: The simulator is not installed.
            ToolFailed: It ended with an error, or ran past its time.
        """
        make = compile_simulation if simulator == "verilator" else compile_bench
        return make(
            self.circuit,
            self.sources,
            build=self.build,
            key=self.key,
            timeout_s=timeout_s,
            name=self.name,
            models=self.cells,
        )

    def simulate(self, simulator: Simulator, codes: Codes, *, timeout_s: float) -> Codes:
        """Run a batch of codes, one row a clock; compiles first if need be.

        Raises:
            BackendError: A row did not come out as predicted, or has undefined bits.
            ToolMissing: The simulator is not installed.
            ToolFailed: It ended with an error, or ran past its time.
        """
        made = self.compile(simulator, timeout_s=timeout_s)
        if simulator == "verilator":
            return simulate(made, self.circuit, codes)
        return simulate_bench(made, self.circuit, codes, timeout_s=timeout_s)


def execute(
    graph: Graph,
    circuit: Circuit,
    inputs: Values,
    keep: Collection[str],
    simulation: Callable[[Codes], Codes],
) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
    """Execute a graph whose integer part is simulated; weights that are ports are its constants.

    Args:
        graph: The graph.
        circuit: The ports of what is simulated.
        inputs: Real values by input name, quantized here by the interpreter's rules.
        keep: Tensors to return beside the outputs, as far as they enter the design.
        simulation: Runs codes through the design.

    Returns:
        Codes of the outputs and the kept tensors, each (batch, *shape).

    Raises:
        DataError: An input cannot be used, or `keep` names a tensor that the graph does not have.
    """
    for name in keep:
        if name not in graph.types:
            raise DataError(f'graph "{graph.name}" has no tensor "{name}"')
    ports = tuple(port.tensor for port in circuit.inputs)
    host = tuple(name for name in ports if name not in graph.constants)
    nodes = tuple(node for node in graph.nodes if node.output in host)
    known = Interpreter.of(replace(graph, nodes=nodes, outputs=host)).run(inputs)
    rows = len(next(iter(known.values())))
    sizes = {name: prod(graph.types[name].shape[1:]) for name in host}
    codes = {name: known[name].astype(np.int64).reshape(rows, size) for name, size in sizes.items()}
    codes |= {name: graph.constants[name].reshape(1, -1) for name in ports if name not in host}
    for name, value in simulation(codes).items():
        known[name] = value.reshape(rows, *graph.types[name].shape[1:])
    wanted = dict.fromkeys((*graph.outputs, *keep))
    known |= {n: graph.constants[n] for n in wanted if n in graph.constants}
    return {name: known[name] for name in wanted if name in known}
