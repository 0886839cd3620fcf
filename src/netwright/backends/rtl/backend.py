"""The backend: options, and the step from a graph to Verilog on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from netwright.backends.base import CLOCK_MHZ, publish
from netwright.backends.opened import Opened
from netwright.backends.rtl.cells.builder import TableSums
from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.cells.verilog import sources
from netwright.backends.rtl.chip.chip_design import ChipDesign
from netwright.backends.rtl.chip.simulation import chip_circuit
from netwright.backends.rtl.chip.structure import Structure
from netwright.backends.rtl.chip.verilog import chip_sources
from netwright.backends.rtl.chip_options import ChipOptions
from netwright.backends.rtl.design import RtlDesign
from netwright.backends.rtl.loading import with_stored_bits
from netwright.backends.rtl.options import ADDERS_PER_STAGE, PART, RtlOptions, Weights
from netwright.backends.rtl.parts import find_part
from netwright.backends.rtl.reuse import ReuseFactor
from netwright.backends.rtl.shared.descriptors import image
from netwright.backends.rtl.shared.plan import planned
from netwright.backends.rtl.shared.shared_design import SharedDesign
from netwright.backends.rtl.shared.shared_streams import network_of, schedule_of
from netwright.backends.rtl.shared.shared_text import sources as shared_sources
from netwright.backends.rtl.shared_options import SharedOptions
from netwright.backends.rtl.streams.dataflow import lower_to_streams
from netwright.backends.rtl.streams.network_text import sources as stream_sources
from netwright.backends.rtl.streams.stream_design import StreamDesign, summary
from netwright.backends.rtl.streams.stream_size import advice
from netwright.backends.rtl.streams.timing import schedule
from netwright.backends.rtl.unrolled.balancing import Balance
from netwright.backends.rtl.unrolled.layers import lower
from netwright.backends.rtl.unrolled.operators import OPERATORS
from netwright.backends.rtl.unrolled.unrolling import MAX_OPERATIONS
from netwright.backends.tools import SIMULATED_WITH
from netwright.errors import ConfigError
from netwright.files import write_text
from netwright.ir import Graph

KIND = "rtl"


@dataclass(frozen=True)
class RtlBackend(RtlOptions):
    """Makes Verilog: unrolled into adders, one row a clock, or streams with used-again multipliers.

    The options are those of :class:`RtlOptions`.
    """

    requires: ClassVar[tuple[str, ...]] = ("rtl", SIMULATED_WITH)

    @property
    def operators(self) -> frozenset[str]:
        """Operators that it makes in any network; a chip is for networks of one kind."""
        return frozenset({"Quantize", *OPERATORS}) if self.chip is None else frozenset()

    @classmethod
    def of(cls, options: RtlOptions) -> RtlBackend:
        """The backend that makes designs with these options."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(RtlOptions)})

    def generate(self, graph: Graph, out: str | Path) -> RtlDesign:
        """Write the Verilog for `graph` to the folder `out`, whole or not at all.

        Args:
            graph: A graph in the integer form. The top module is named after it.
            out: A folder that does not exist, is empty, or holds an older design of this kind.

        Raises:
            GraphError: The graph breaks a rule, is not in the integer form, needs too many
                operations, or does not fit the bits of loadable weights.
            ConfigError: A reuse factor does not fit its node, or the network has no use for so many
                clocks of `latency_cycles`.
            UnsupportedOp: A node has no hardware here; nothing is written.
            NumericsError: A value would need more than 64 bits.
            RunError: `out` holds something else, or cannot be written.
        """
        graph = with_stored_bits(graph, weight_bits=self.weight_bits, bias_bits=self.bias_bits)
        return self._design(graph, Path(out), None)

    def open(self, folder: str | Path) -> RtlDesign:
        """The design that an RTL backend wrote to `folder`, with the options that it had.

        Raises:
            RunError: The folder holds no such design.
            DataError: Its manifest or its graph is damaged.
        """
        found = Opened.of(folder, kind=KIND)
        backend = RtlBackend.of(found.options_as(RtlOptions))
        return backend._design(found.graph, found.root, found.files)

    def _design(self, graph: Graph, out: Path, written: Mapping[str, str] | None) -> RtlDesign:
        """The design of a graph; its files are written unless they were before."""
        if self.reuse_factor is not None:
            return self._streams(graph, out, self.reuse_factor, written)
        if self.chip is not None:
            return self._chip(graph, out, self.chip, written)
        if self.shared is not None:
            return self._shared(graph, out, self.shared, written)
        circuit = lower(
            graph,
            self.adders_per_stage,
            max_operations=self.max_operations,
            advice=lambda: advice(graph, self.max_operations),
            loadable=self.weights == "loadable",
            balance=self._balance(),
            table_inputs=find_part(self.part).table_inputs if self.pack_inputs else None,
            chain=self.chains_tables,
        )
        if written is None:
            self._refuse_idle_clocks(circuit)
        files = written or self._publish(graph, out, circuit, sources(circuit))
        return RtlDesign(out, graph, self, files, circuit)

    def _refuse_idle_clocks(self, circuit: Circuit) -> None:
        """Refuse clocks that would make no stage shorter: the design would take fewer."""
        asked, taken = self.latency_cycles, circuit.latency_cycles
        if asked is not None and taken < asked:
            raise ConfigError(
                f"latency_cycles={asked} is more than {circuit.name} has use for: with {taken} "
                "clocks its longest stage is as short",
                hint=f"ask for {taken}, or for more clocks behind it in the design around it",
            )

    def _balance(self) -> Balance | None:
        """How registers are placed by delays, if they are."""
        if self.latency_cycles is None:
            return None
        delays = find_part(self.part).delays
        assert delays is not None  # checked by the options
        return Balance(self.latency_cycles, delays)

    def _chip(
        self, graph: Graph, out: Path, options: ChipOptions, written: Mapping[str, str] | None
    ) -> ChipDesign:
        structure = Structure.of(graph, options, max_operations=self.max_operations)
        circuit = chip_circuit(structure)
        files = written or self._publish(graph, out, circuit, chip_sources(structure))
        return ChipDesign(out, graph, self, files, circuit, structure=structure)

    def _streams(
        self,
        graph: Graph,
        out: Path,
        reuse_factor: ReuseFactor,
        written: Mapping[str, str] | None,
    ) -> StreamDesign:
        network = lower_to_streams(
            graph,
            reuse_factor,
            loadable=self.weights == "loadable",
            adders_per_stage=self.adders_per_stage,
            max_operations=self.max_operations,
        )
        timing = schedule(network)
        circuit = summary(network, timing)
        about = f"Latency: {timing.latency_cycles} clocks; a row every {timing.interval_cycles}."
        files = written or self._publish(graph, out, circuit, stream_sources(network, about))
        return StreamDesign(out, graph, self, files, circuit, network=network, schedule=timing)

    def _shared(
        self, graph: Graph, out: Path, options: SharedOptions, written: Mapping[str, str] | None
    ) -> SharedDesign:
        plan = planned(graph, options)
        words = image(plan)
        network = network_of(plan, graph)
        timing = schedule_of(plan, network, words)
        circuit = summary(network, timing)
        about = f"A run takes {plan.cycles} clocks; a row every {timing.interval_cycles}."
        files = written or self._publish(
            graph, out, circuit, shared_sources(plan, network, words, about)
        )
        return SharedDesign(
            out, graph, self, files, circuit, network=network, schedule=timing, plan=plan
        )

    def _publish(
        self, graph: Graph, out: Path, circuit: Circuit, texts: Mapping[str, str]
    ) -> Mapping[str, str]:
        about = {"options": self.record, "latency_cycles": circuit.latency_cycles}
        files = publish(
            out, graph, kind=KIND, about=about, write=lambda folder: _write(texts, folder)
        )
        return MappingProxyType(files)


def _write(texts: Mapping[str, str], folder: Path) -> None:
    for name, text in texts.items():
        write_text(folder / name, text)


def rtl(
    *,
    part: str = PART,
    clock_mhz: float = CLOCK_MHZ,
    adders_per_stage: int | None = ADDERS_PER_STAGE,
    latency_cycles: int | None = None,
    pack_inputs: bool = True,
    max_operations: int = MAX_OPERATIONS,
    reuse_factor: ReuseFactor | None = None,
    weights: Weights = "fixed",
    weight_bits: int | None = None,
    bias_bits: int | None = None,
    chip: ChipOptions | None = None,
    shared: SharedOptions | None = None,
    table_sums: TableSums = "tree",
) -> RtlBackend:
    """The RTL backend with these options; see :class:`RtlBackend`.

    >>> rtl(part="ecp5-85k", clock_mhz=100.0).adders_per_stage
    2
    """
    return RtlBackend(
        part=part,
        clock_mhz=clock_mhz,
        adders_per_stage=adders_per_stage,
        latency_cycles=latency_cycles,
        pack_inputs=pack_inputs,
        max_operations=max_operations,
        reuse_factor=reuse_factor,
        weights=weights,
        weight_bits=weight_bits,
        bias_bits=bias_bits,
        chip=chip,
        shared=shared,
        table_sums=table_sums,
    )


CHIP_CLOCK_MHZ = 40.0
"""Clock of a chip unless another is asked for: a crossing every 25 ns."""


def chip(
    *,
    charge_bits: int = ChipOptions.charge_bits,
    arrangement: tuple[int, ...] | None = None,
    latent_bits: tuple[int, ...] = ChipOptions.latent_bits,
    address: int = ChipOptions.address,
    latency_cycles: int = ChipOptions.latency_cycles,
    weight_bits: int | None = None,
    bias_bits: int | None = None,
    clock_mhz: float = CHIP_CLOCK_MHZ,
    part: str = PART,
    max_operations: int = MAX_OPERATIONS,
) -> RtlBackend:
    """The RTL backend for a chip whose weights are loaded.

    The options are those of :class:`ChipOptions` and of :class:`RtlOptions`.

    >>> chip(address=0x20).chip.address
    32
    """
    options = ChipOptions(
        charge_bits=charge_bits,
        arrangement=arrangement,
        latent_bits=latent_bits,
        address=address,
        latency_cycles=latency_cycles,
    )
    return rtl(
        part=part,
        clock_mhz=clock_mhz,
        max_operations=max_operations,
        weights="loadable",
        weight_bits=weight_bits,
        bias_bits=bias_bits,
        chip=options,
    )
