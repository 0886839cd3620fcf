"""The mapped netlist as something to execute, so that synthesis itself is checked."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.implement.synthesis import FAMILIES, mapped_files
from netwright.backends.rtl.simulate.simulators import Codes, Model, chosen, execute
from netwright.errors import CorruptOutput
from netwright.files import sha256
from netwright.ir.interpret import Values

if TYPE_CHECKING:
    from netwright.backends.rtl.design import RtlDesign


@dataclass(frozen=True)
class RtlNetlist:
    """What synthesis made of a design: LUTs, carry cells and registers, simulated as cells.

    Attributes:
        design: The design it was made from.
        verilog: The mapped netlist.
        cells: Models of the cells, by the makers of the synthesizer.
        timeout_s: Wall-clock seconds each program gets.
    """

    design: RtlDesign
    verilog: Path
    cells: Path
    timeout_s: float

    @property
    def latency_cycles(self) -> int:
        """Clocks from an input to its outputs, as predicted; a simulation checks it."""
        return self.design.latency_cycles

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
        return execute(self.design.graph, self.design.circuit, inputs, keep, self.simulate)

    def simulate(self, codes: Codes) -> Codes:
        """Simulate the netlist on codes by tensor; see :meth:`run`."""
        model = self.model()
        return model.simulate(chosen(self.design.simulator), codes, timeout_s=self.timeout_s)

    def model(self) -> Model:
        """The netlist as Verilog that can be simulated.

        Raises:
            CorruptOutput: It is missing.
        """
        if not self.verilog.exists():
            raise CorruptOutput(str(self.verilog), hint="call netlist() of the design again")
        digests = sha256(self.verilog), sha256(self.cells)
        return Model(
            self.design.circuit,
            (self.verilog,),
            key=hashlib.sha256(repr(digests).encode()).hexdigest()[:16],
            build=self.verilog.parent,
            name="netlist",
            cells=(self.cells,),
        )


def netlist_files(design: RtlDesign) -> tuple[Path, Path]:
    """The mapped netlist of a design that was measured, and the models of its cells."""
    part = design.options.part
    found = find_spec("pyosys")
    places = found.submodule_search_locations if found else None
    cells = Path(places[0] if places else "pyosys") / "share" / FAMILIES[part].models
    return mapped_files(design.build_folder, part)[1], cells
