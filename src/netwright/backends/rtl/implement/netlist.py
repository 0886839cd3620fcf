"""The mapped netlist as something to execute, so that synthesis itself is checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.implement.synthesis import mapped_files
from netwright.backends.rtl.parts import find_part
from netwright.backends.rtl.simulate.simulators import Codes, Model, execute
from netwright.errors import CorruptOutput
from netwright.files import sha256
from netwright.ir import Graph
from netwright.ir.interpret import Values


@dataclass(frozen=True)
class RtlNetlist:
    """What synthesis made of a design: LUTs, carry cells and registers, simulated as cells.

    Attributes:
        graph: The graph of the design it was made from.
        circuit: The ports and the latency of that design.
        verilog: The mapped netlist.
        cells: Models of the cells, by the makers of the synthesizer.
        simulation: Runs codes by tensor through Verilog, as that design is simulated.
    """

    graph: Graph
    circuit: Circuit
    verilog: Path
    cells: Path
    simulation: Callable[[Model, Codes], Codes]

    @property
    def latency_cycles(self) -> int:
        """Clocks from an input to its outputs, as predicted; a simulation checks it."""
        return self.circuit.latency_cycles

    def run(
        self, inputs: Values, *, keep: Collection[str] = ()
    ) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Simulate the netlist on a batch of real inputs, as :meth:`RtlDesign.run` does.

        Args:
            inputs: Real values by input name, each (batch, *shape); or one array when there is one
                input.
            keep: Tensors of the graph to return beside the outputs, as far as they enter the
                design.

        Returns:
            Codes (int64) of the outputs and the kept tensors, each (batch, *shape).

        Raises:
            DataError: An input cannot be used, or `keep` names a tensor the graph does not have.
            BackendError: The latency is not the predicted one, or a bit is undefined.
            CorruptOutput: The netlist is missing.
            ToolMissing: No simulator is installed.
            ToolFailed: A program ended with an error, or ran past its time.
        """
        return execute(
            self.graph,
            self.circuit,
            inputs,
            keep,
            lambda codes: self.simulation(self.model(), codes),
        )

    def model(self) -> Model:
        """The netlist as Verilog that can be simulated.

        Raises:
            CorruptOutput: It is missing.
        """
        if not self.verilog.exists():
            raise CorruptOutput(str(self.verilog), hint="call netlist() of the design again")
        digests = sha256(self.verilog), sha256(self.cells)
        return Model(
            self.circuit,
            (self.verilog,),
            key=hashlib.sha256(repr(digests).encode()).hexdigest()[:16],
            build=self.verilog.parent,
            name="netlist",
            cells=(self.cells,),
        )


def netlist_files(folder: Path, part: str) -> tuple[Path, Path]:
    """The mapped netlist of a design that was measured, and the models of its cells.

    Args:
        folder: The design's build folder.
        part: What it was mapped to.
    """
    found = find_spec("pyosys")
    places = found.submodule_search_locations if found else None
    cells = Path(places[0] if places else "pyosys") / "share" / find_part(part).family.models
    return mapped_files(folder, part)[1], cells
