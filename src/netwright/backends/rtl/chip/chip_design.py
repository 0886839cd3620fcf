"""A generated chip: loaded over its bus and simulated word by word, or its network alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.chip.bank import Bank
from netwright.backends.rtl.chip.image import WeightImage
from netwright.backends.rtl.chip.reference import ChipReference, WordComparison, compare_words
from netwright.backends.rtl.chip.simulation import (
    SimulatedChip,
    Taken,
    chip_circuit,
    chip_driver,
)
from netwright.backends.rtl.chip.structure import Structure
from netwright.backends.rtl.design import BUILD_TIMEOUT_S, RtlDesign
from netwright.backends.rtl.loading import check_loadable
from netwright.backends.rtl.simulate.simulators import Codes, Model, chosen, execute
from netwright.backends.rtl.simulate.verilator import compile_simulation
from netwright.ir import Graph
from netwright.ir.interpret import Values


@dataclass(frozen=True)
class ChipDesign(RtlDesign):
    """Verilog of a chip on disk.

    :meth:`run` and what is built on it (``netwright.verify.bit_exact``) simulate the network alone,
    with the weights of `graph` on its ports; :meth:`simulated` is the whole chip with its bus.

    Attributes:
        structure: What the chip consists of.
    """

    structure: Structure = field(kw_only=True)

    @property
    def bank(self) -> Bank:
        """The bank of its weights."""
        return self.structure.bank

    @property
    def reference(self) -> ChipReference:
        """What the chip computes with the weights of `graph`, in exact integers."""
        return ChipReference(self.structure, self.graph)

    def image(self, graph: Graph | None = None, *, mode: int = 0) -> WeightImage:
        """What to load so that the chip computes a graph.

        Args:
            graph: One that differs from this chip's in weights and biases only; its own if
                ``None``.
            mode: Number of the bits that leave the chip.

        Raises:
            GraphError: The graph differs in more; the message lists every fault.
            DataError: There is no such mode.
        """
        if graph is not None:
            check_loadable(self.graph, graph)
        return WeightImage.of(self.bank, graph or self.graph, mode=mode)

    @property
    def is_loadable(self) -> bool:
        """Always: weights are written into registers."""
        return True

    def run(
        self, inputs: Values, *, keep: Collection[str] = ()
    ) -> dict[str, NDArray[np.int64] | NDArray[np.float64]]:
        """Simulate the network alone; see :meth:`RtlDesign.run`."""
        return execute(self.graph, self.structure.network, inputs, keep, self._simulate)

    def compare(self, taken: Taken, images: Mapping[int, WeightImage]) -> WordComparison:
        """Compare what left the chip with the reference; see :func:`compare_words`."""
        return compare_words(self.reference, taken, images)

    def simulated(self, *, timeout_s: float = BUILD_TIMEOUT_S) -> SimulatedChip:
        """The chip in simulation by Verilator, just after its reset; nothing is loaded yet.

        Args:
            timeout_s: Wall-clock seconds each program gets.

        Raises:
            CorruptOutput: A generated file is missing.
            ToolMissing: Verilator or g++ is not installed.
            ToolFailed: One ended with an error, or ran past its time.
        """
        library = compile_simulation(
            chip_circuit(self.structure),
            self.sources(),
            build=self.build_folder,
            key=self.digest()[:16],
            timeout_s=timeout_s,
            name="chip",
            driver=chip_driver(self.structure),
        )
        return SimulatedChip(library, self.structure)

    def library(self, *, timeout_s: float = BUILD_TIMEOUT_S) -> Path:
        """The compiled simulation of the network alone; see :meth:`RtlDesign.library`."""
        return self._network().compile(chosen(self.simulator), timeout_s=timeout_s)

    def _simulate(self, codes: Codes) -> Codes:
        return self._network().simulate(chosen(self.simulator), codes, timeout_s=BUILD_TIMEOUT_S)

    def _network(self) -> Model:
        return Model(
            self.structure.network,
            tuple(self.sources()),
            key=self.digest()[:16],
            build=self.build_folder,
            name="network",
        )
