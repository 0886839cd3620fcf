"""A generated design: simulated and synthesized on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netwright.backends.base import BUILD_FOLDER, file_digests
from netwright.backends.rtl.circuit import Circuit
from netwright.backends.rtl.proof import Proof, prove
from netwright.backends.rtl.simulation import compile_simulation, simulate
from netwright.backends.rtl.synthesis import Measurement, synthesize
from netwright.errors import CorruptOutput, DataError
from netwright.ir import Graph, Interpreter
from netwright.ir.interpret import Values

if TYPE_CHECKING:
    from netwright.backends.rtl.backend import RtlBackend

BUILD_TIMEOUT_S = 1800.0
"""Time every program gets unless told otherwise."""


@dataclass(frozen=True)
class RtlDesign:
    """Verilog on disk, executed by simulation, one row a clock.

    Attributes:
        root: Folder of the design.
        graph: The integer graph it was made from.
        options: The backend that made it.
        files: SHA-256 of every generated file, by its path inside `root`.
        circuit: Its modules, wires and cells.
    """

    root: Path
    graph: Graph
    options: RtlBackend
    files: Mapping[str, str]
    circuit: Circuit

    @property
    def latency_cycles(self) -> int:
        """Clocks from an input to its outputs, as predicted; a simulation checks it."""
        return self.circuit.latency_cycles

    def build(self, *, timeout_s: float = BUILD_TIMEOUT_S) -> RtlDesign:
        """Compile the simulation, unless that was done before with the files as they are now.

        Args:
            timeout_s: Wall-clock seconds each program gets.

        Raises:
            CorruptOutput: A generated file is missing.
            ToolMissing: Verilator or g++ is not installed.
            ToolFailed: One ended with an error, or ran past its time; the log is in ``build``.
        """
        self._library(timeout_s)
        return self

    def run(
        self, inputs: Values, *, keep: Collection[str] = ()
    ) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Simulate the design on a batch of real inputs; builds it first if need be.

        The inputs are quantized on the host, by the interpreter's rules; the design gets codes.

        Args:
            inputs: Real values by input name, each (batch, *shape); or one array when there is one
                input.
            keep: Tensors of the graph to return beside the outputs. Only what enters the design
                can be seen; values inside it are left out.

        Returns:
            Codes (int64) of the outputs and the kept tensors, each (batch, *shape).

        Raises:
            DataError: An input is missing, has another shape, holds NaN or infinity, or `keep`
                names a tensor that the graph does not have.
            BackendError: The latency is not the predicted one.
            CorruptOutput: A generated file is missing.
            ToolMissing: Verilator or g++ is not installed.
            ToolFailed: One ended with an error, or ran past its time.
        """
        for name in keep:
            if name not in self.graph.types:
                raise DataError(f'graph "{self.graph.name}" has no tensor "{name}"')
        known = self._quantized(inputs)
        rows = len(next(iter(known.values())))
        codes = {
            name: value.astype(np.int64).reshape(rows, int(np.prod(value.shape[1:])))
            for name, value in known.items()
        }
        outputs = self._simulate(self._library(BUILD_TIMEOUT_S), codes)
        for name, value in outputs.items():
            known[name] = value.reshape(rows, *self.graph.types[name].shape[1:])
        wanted = dict.fromkeys((*self.graph.outputs, *keep))
        known |= {n: self.graph.constants[n] for n in wanted if n in self.graph.constants}
        return {name: known[name] for name in wanted if name in known}

    def measure(self, *, timeout_s: float = BUILD_TIMEOUT_S) -> Measurement:
        """Map the design to the cells of its part; nothing is placed or routed.

        Args:
            timeout_s: Wall-clock seconds the synthesizer gets.

        Raises:
            CorruptOutput: A generated file is missing.
            MissingExtra: pyosys is not installed.
            ToolFailed: Yosys ended with an error, or ran past its time; the log is in ``build``.
            BackendError: Its report cannot be read.
        """
        return synthesize(
            self.circuit.name,
            self.sources(),
            part=self.options.part,
            folder=self.root / BUILD_FOLDER,
            timeout_s=timeout_s,
        )

    def prove(self) -> tuple[Proof, ...]:
        """Prove every product from the files on disk, for all inputs at once; one proof a layer.

        Raises:
            CorruptOutput: A generated file is missing.
            BackendError: A file lacks a wire that is needed.
        """
        self.sources()
        layers = (layer for layer in self.circuit.layers if layer.claims)
        return tuple(
            prove(layer, (self.root / f"{layer.name}.v").read_text(encoding="utf-8"))
            for layer in layers
        )

    def _quantized(self, inputs: Values) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        host = tuple(port.tensor for port in self.circuit.inputs)
        nodes = tuple(node for node in self.graph.nodes if node.output in host)
        return Interpreter.of(replace(self.graph, nodes=nodes, outputs=host)).run(inputs)

    def sources(self) -> list[Path]:
        """The Verilog files.

        Raises:
            CorruptOutput: One is missing.
        """
        paths = [self.root / name for name in self.files if name.endswith(".v")]
        for path in paths:
            if not path.exists():
                raise CorruptOutput(str(path), hint="generate the design again")
        return paths

    def digest(self) -> str:
        """SHA-256 of the files as they are now."""
        current = sorted(file_digests(self.root).items())
        return hashlib.sha256(repr(current).encode()).hexdigest()

    def _simulate(
        self, library: Path, codes: Mapping[str, NDArray[np.int64]]
    ) -> dict[str, NDArray[np.int64]]:
        return simulate(library, self.circuit, codes)

    def _library(self, timeout_s: float) -> Path:
        return compile_simulation(
            self.circuit,
            self.sources(),
            build=self.root / BUILD_FOLDER,
            key=self.digest()[:16],
            timeout_s=timeout_s,
        )
