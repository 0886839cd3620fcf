"""The backend: options, and the step from a graph to Verilog on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from netwright.backends.base import CLOCK_MHZ, Target, clock_faults, publish
from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.cells.verilog import sources
from netwright.backends.rtl.design import RtlDesign
from netwright.backends.rtl.streams.dataflow import lower_to_streams
from netwright.backends.rtl.streams.network_text import sources as stream_sources
from netwright.backends.rtl.streams.reuse import ReuseFactor, reuse_faults
from netwright.backends.rtl.streams.stream_design import StreamDesign, summary
from netwright.backends.rtl.streams.timing import schedule
from netwright.backends.rtl.unrolled.layers import lower
from netwright.backends.rtl.unrolled.unrolling import MAX_OPERATIONS
from netwright.errors import ConfigError
from netwright.files import write_text
from netwright.ir import Graph

KIND = "rtl"

PART = "ecp5-85k"
"""The part unless another is asked for: the one that open tools place and route."""

ADDERS_PER_STAGE = 2
"""Adders in series between two registers unless another number is asked for."""

PARTS = ("xcup", PART)
"""What designs can be mapped to: the Xilinx UltraScale+ family, and one Lattice ECP5 device."""

Weights = Literal["fixed", "loadable"]
"""Whether weights are part of the hardware or written into it."""


@dataclass(frozen=True)
class RtlBackend:
    """Makes Verilog: unrolled into adders, one row a clock, or streams with used-again multipliers.

    Attributes:
        part: ``"xcup"`` (Xilinx UltraScale+ family, mapping only) or ``"ecp5-85k"``.
        clock_mhz: Clock frequency that the design is for, in MHz: what place and route is asked
            for, and its result says whether it was met. The pipeline does not depend on it.
        adders_per_stage: Adders in series between two pipeline registers; ``None`` for a design
            without registers.
        max_operations: Operations side by side that a design may have; a graph that needs more is
            refused.
        reuse_factor: ``None`` for the unrolled architecture; else the clocks in which every product
            uses its multipliers again, one number for all or one for each node by its name.
        weights: ``"fixed"``, or ``"loadable"`` through a port; only with a reuse factor.

    Raises:
        ConfigError: Options are not accepted; the message lists every fault.
    """

    part: str = PART
    clock_mhz: float = CLOCK_MHZ
    adders_per_stage: int | None = ADDERS_PER_STAGE
    max_operations: int = MAX_OPERATIONS
    reuse_factor: ReuseFactor | None = None
    weights: Weights = "fixed"

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise ConfigError("; ".join(faults))

    def _faults(self) -> Iterator[str]:
        if self.part not in PARTS:
            choices = " or ".join(f'"{part}"' for part in PARTS)
            yield f"part must be {choices}, not {self.part!r}"
        yield from clock_faults(self.clock_mhz)
        adders = self.adders_per_stage
        if adders is not None and (isinstance(adders, bool) or adders < 1):
            yield f"adders_per_stage must be 1 or more, or None, not {adders!r}"
        if isinstance(self.max_operations, bool) or self.max_operations < 1:
            yield f"max_operations must be 1 or more, not {self.max_operations!r}"
        yield from reuse_faults(self.reuse_factor)
        if self.weights not in get_args(Weights):
            yield f'weights must be "fixed" or "loadable", not {self.weights!r}'
        elif self.weights == "loadable" and self.reuse_factor is None:
            yield 'weights="loadable" needs a reuse_factor of 1 or more, not None'

    @property
    def target(self) -> Target:
        """What the designs are made for."""
        return Target(self.part, self.clock_mhz)

    def generate(self, graph: Graph, out: str | Path) -> RtlDesign:
        """Write the Verilog for `graph` to the folder `out`, whole or not at all.

        Args:
            graph: A graph in the integer form. The top module is named after it.
            out: A folder that does not exist, is empty, or holds an older design of this kind.

        Raises:
            GraphError: The graph breaks a rule, is not in the integer form, or needs too many
                operations.
            ConfigError: A reuse factor does not fit its node.
            UnsupportedOp: A node has no hardware here; nothing is written.
            NumericsError: A value would need more than 64 bits.
            RunError: `out` holds something else, or cannot be written.
        """
        if self.reuse_factor is not None:
            return self._streams(graph, Path(out), self.reuse_factor)
        circuit = lower(graph, self.adders_per_stage, max_operations=self.max_operations)
        files = self._publish(graph, Path(out), circuit, sources(circuit))
        return RtlDesign(Path(out), graph, self, files, circuit)

    def _streams(self, graph: Graph, out: Path, reuse_factor: ReuseFactor) -> StreamDesign:
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
        files = self._publish(graph, out, circuit, stream_sources(network, about))
        return StreamDesign(out, graph, self, files, circuit, network=network, schedule=timing)

    def _publish(
        self, graph: Graph, out: Path, circuit: Circuit, texts: Mapping[str, str]
    ) -> Mapping[str, str]:
        reuse = self.reuse_factor
        about = {
            "graph": {"name": graph.name, "digest": graph.digest},
            "options": {
                "part": self.part,
                "clock_mhz": self.clock_mhz,
                "adders_per_stage": self.adders_per_stage,
                "max_operations": self.max_operations,
                "reuse_factor": dict(reuse) if isinstance(reuse, Mapping) else reuse,
                "weights": self.weights,
            },
            "latency_cycles": circuit.latency_cycles,
        }
        files = publish(out, kind=KIND, about=about, write=lambda folder: _write(texts, folder))
        return MappingProxyType(files)


def _write(texts: Mapping[str, str], folder: Path) -> None:
    for name, text in texts.items():
        write_text(folder / name, text)


def rtl(
    *,
    part: str = PART,
    clock_mhz: float = CLOCK_MHZ,
    adders_per_stage: int | None = ADDERS_PER_STAGE,
    max_operations: int = MAX_OPERATIONS,
    reuse_factor: ReuseFactor | None = None,
    weights: Weights = "fixed",
) -> RtlBackend:
    """The RTL backend with these options; see :class:`RtlBackend`.

    >>> rtl(part="ecp5-85k", clock_mhz=100.0).adders_per_stage
    2
    """
    return RtlBackend(part, clock_mhz, adders_per_stage, max_operations, reuse_factor, weights)
