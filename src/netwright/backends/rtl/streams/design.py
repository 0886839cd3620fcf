"""A generated design of streams: simulated with gaps and stalls, loaded with other weights."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.circuit import Circuit
from netwright.backends.rtl.design import BUILD_TIMEOUT_S, RtlDesign
from netwright.backends.rtl.netlist import RtlNetlist
from netwright.backends.rtl.simulation import compile_simulation
from netwright.backends.rtl.simulators import Codes
from netwright.backends.rtl.streams.harness import harness
from netwright.backends.rtl.streams.network import Network
from netwright.backends.rtl.streams.simulation import Stalls, simulate
from netwright.backends.rtl.streams.timing import Schedule
from netwright.backends.rtl.streams.weights import check_loadable, load_words
from netwright.backends.rtl.synthesis import Progress
from netwright.errors import BackendError, ConfigError
from netwright.ir import Graph


@dataclass(frozen=True)
class StreamDesign(RtlDesign):
    """Verilog on disk whose multipliers are used again, executed by simulation.

    Attributes:
        network: Its streams and units; `circuit` lists ports and layers only.
        schedule: When rows come out without gaps and stalls; a simulation checks it.
        stalls: Gaps and stalls that simulations draw.
    """

    network: Network = field(kw_only=True)
    schedule: Schedule = field(kw_only=True)
    stalls: Stalls = field(default=Stalls(), kw_only=True)

    @property
    def interval_cycles(self) -> int:
        """Clocks between rows, as predicted."""
        return self.schedule.interval_cycles

    def with_stalls(self, *, seed: int, gaps: float = 0.3, stalls: float = 0.3) -> StreamDesign:
        """The same design, simulated with random gaps before inputs and stalls of outputs.

        Args:
            seed: Of the draws.
            gaps: Chance that an input beat is held back, in every clock.
            stalls: Chance that an output beat is not taken, in every clock.

        Raises:
            ConfigError: A chance is not from 0 to 0.9.
        """
        return replace(self, stalls=Stalls(seed, gaps, stalls))

    def with_weights(self, graph: Graph) -> StreamDesign:
        """The same hardware with the weights and biases of another graph loaded.

        Args:
            graph: A graph that differs from this one in weights, biases and scales only.

        Raises:
            BackendError: The weights of this design are fixed.
            GraphError: The graph differs in more; the message lists every fault.
        """
        if not self.network.loadable:
            raise BackendError(
                f'the weights of "{self.graph.name}" are fixed', hint='use weights="loadable"'
            )
        check_loadable(self.graph, graph)
        return replace(self, graph=graph)

    def load_words(self) -> NDArray[np.int64]:
        """What to write through the load port first: (words, 2), address and value."""
        return load_words(self.network, self.graph)

    def netlist(
        self, *, timeout_s: float = BUILD_TIMEOUT_S, progress: Progress | None = None
    ) -> RtlNetlist:
        """Not available: mapped netlists are simulated one row a clock.

        Raises:
            BackendError: Always.
        """
        raise BackendError(
            f'"{self.graph.name}" is a design of streams, whose mapped netlist is not simulated',
            hint="leave reuse_factor out for an unrolled design",
        )

    def library(self, *, timeout_s: float = BUILD_TIMEOUT_S) -> Path:
        """The compiled simulation, made unless that was done before; see :class:`RtlDesign`.

        Raises:
            ConfigError: Another simulator than Verilator was chosen.
        """
        if self.simulator == "icarus":
            raise ConfigError('simulator must be "verilator" for a design of streams, not "icarus"')
        return compile_simulation(
            self.circuit,
            self.sources(),
            build=self.build_folder,
            key=self.digest()[:16],
            timeout_s=timeout_s,
            driver=harness(self.network),
        )

    def _simulate(self, codes: Codes) -> Codes:
        return simulate(
            self.library(),
            self.network,
            codes,
            loads=self.load_words(),
            stalls=self.stalls,
            expected=self.schedule,
        )


def summary(network: Network, schedule: Schedule) -> Circuit:
    """What a network has in common with an unrolled design: ports, layers, latency."""
    return Circuit(
        name=network.name,
        inputs=tuple(terminal.port for terminal in network.inputs),
        outputs=tuple(terminal.port for terminal in network.outputs),
        layers=tuple(unit.layer for unit in network.units if unit.layer is not None),
        latency_cycles=schedule.latency_cycles,
    )
