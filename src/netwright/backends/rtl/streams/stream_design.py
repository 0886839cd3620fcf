"""A generated design of streams: simulated with gaps and stalls, loaded with other weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.design import BUILD_TIMEOUT_S, RtlDesign
from netwright.backends.rtl.proof.adder_proof import Proof
from netwright.backends.rtl.proof.formal import Check, checks
from netwright.backends.rtl.simulate.simulators import Codes, Model
from netwright.backends.rtl.simulate.verilator import compile_simulation
from netwright.backends.rtl.streams.beat_proof import one_beat
from netwright.backends.rtl.streams.network import Network, Product
from netwright.backends.rtl.streams.network_text import computes
from netwright.backends.rtl.streams.product_proof import prove_product
from netwright.backends.rtl.streams.stalls import Stalls, simulate
from netwright.backends.rtl.streams.stream_driver import harness
from netwright.backends.rtl.streams.timing import Schedule
from netwright.backends.rtl.streams.weights import load_words
from netwright.errors import ConfigError


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

    @property
    def is_loadable(self) -> bool:
        """Whether weights are written into memories; else they are part of the hardware."""
        return self.network.loadable

    def load_words(self) -> NDArray[np.int64]:
        """What to write through the load port first: (words, 2), address and value."""
        return load_words(self.network, self.graph)

    @property
    def num_products(self) -> int:
        """Products that :meth:`prove` proves; it raises where there are none."""
        spread = sum(
            front.tiling.groups * front.tiling.outputs for front in self.network.products.values()
        )
        return spread + super().num_products

    def prove(self) -> tuple[Proof, ...]:
        """Prove every product from the files on disk; see :meth:`RtlDesign.prove`.

        A product that is spread over clocks is proven by the weights of every clock.

        Raises:
            CorruptOutput: A generated file is missing.
            BackendError: There is no product, the weights are loaded through a port, or a file
                lacks something that is needed.
        """
        self.refuse_loaded()
        self.sources()
        proofs = []
        for unit in self.network.units:
            if isinstance(unit.front, Product):
                source = self.network.streams[unit.inputs[0]]
                proofs.append(prove_product(unit, source, self.graph, self._text(unit.name)))
        return (*proofs, *(super().prove() if super().num_products else ()))

    @property
    def proves_elements(self) -> bool:
        """Whether a unit computes something behind its front, whatever weights are loaded."""
        return any(computes(unit) for unit in self.network.units)

    def element_questions(self) -> Iterator[Check]:
        """The elements of one beat of every unit; see :mod:`.beat_proof`."""
        for unit in self.network.units:
            if computes(unit):
                graph, layer = one_beat(unit, self.network, self.graph)
                text = (self.root / f"{layer.name}.v").read_text(encoding="utf-8")
                yield from checks(graph, layer, text)

    def _text(self, unit: str) -> str:
        return (self.root / f"{self.network.name}_{unit}.v").read_text(encoding="utf-8")

    def library(self, *, timeout_s: float = BUILD_TIMEOUT_S) -> Path:
        """The compiled simulation, made unless that was done before; see :class:`RtlDesign`.

        Raises:
            ConfigError: Another simulator than Verilator was chosen.
        """
        return self._compiled(self._model(), timeout_s)

    def simulate_model(self, model: Model, codes: Codes, *, timeout_s: float) -> Codes:
        """Simulate this design, or what was made from it, with its gaps and stalls."""
        return simulate(
            self._compiled(model, timeout_s),
            self.network,
            codes,
            loads=self.load_words(),
            stalls=self.stalls,
            expected=self.schedule,
        )

    def _compiled(self, model: Model, timeout_s: float) -> Path:
        if self.simulator == "icarus":
            raise ConfigError('simulator must be "verilator" for a design of streams, not "icarus"')
        return compile_simulation(
            self.circuit,
            model.sources,
            build=model.build,
            key=model.key,
            timeout_s=timeout_s,
            name=model.name,
            models=model.cells,
            driver=harness(self.network),
        )


def summary(network: Network, schedule: Schedule) -> Circuit:
    """What a network has in common with an unrolled design: ports, layers, latency."""
    return Circuit(
        name=network.name,
        inputs=tuple(terminal.port for terminal in network.inputs),
        outputs=tuple(terminal.port for terminal in network.outputs),
        layers=tuple(
            unit.layer for unit in network.units if unit.layer is not None and computes(unit)
        ),
        latency_cycles=schedule.latency_cycles,
    )
