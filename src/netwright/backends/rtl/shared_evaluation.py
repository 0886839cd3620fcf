"""What an accelerator of a size takes and gives for a graph: one point of a design space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netwright.backends.base import CLOCK_MHZ
from netwright.backends.rtl.backend import rtl
from netwright.backends.rtl.options import PART
from netwright.backends.rtl.parts import find_part
from netwright.backends.rtl.shared.plan import Plan, planned
from netwright.backends.rtl.shared_options import SharedOptions
from netwright.ir import Graph, spec_of
from netwright.progress import Progress, silent
from netwright.quantities import Quantity

CARRY_LUTS = {"CCU2C": 2}
"""Lookup tables inside a carry cell that nothing else can use."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One point of the design space.

    Attributes:
        lanes: Multipliers of a unit.
        units: Units of an element.
        elements: Elements.
        cycles: Clocks of a run, from its start to the last result; simulations compare them.
        macs: Products of the graph.
        memory_bits: Bits of weights, table, descriptors and feature maps.
        lut: Lookup tables after mapping, those inside carry cells included; ``None`` if not mapped.
        ff: Registers.
        dsp: Multipliers of the part.
        block_memories: Memory blocks of the part.
        fmax: Highest clock frequency in MHz after place and route; ``None`` if not routed.
    """

    lanes: int
    units: int
    elements: int
    cycles: int
    macs: int
    memory_bits: int
    lut: Quantity | None = None
    ff: Quantity | None = None
    dsp: int | None = None
    block_memories: int | None = None
    fmax: Quantity | None = None

    @property
    def multipliers(self) -> int:
        """Multipliers of the accelerator."""
        return self.lanes * self.units * self.elements

    @property
    def utilization(self) -> float:
        """Share of the multipliers' clocks that a product of the graph fills."""
        return self.macs / (self.cycles * self.multipliers)

    @property
    def lut_per_multiplier(self) -> float | None:
        """Lookup tables of the whole design for each multiplier."""
        return None if self.lut is None else self.lut.value / self.multipliers

    @property
    def latency_us(self) -> float | None:
        """Microseconds of a run at the highest frequency."""
        return None if self.fmax is None else self.cycles / self.fmax.value


def evaluate(
    graph: Graph,
    lanes: int,
    units: int,
    elements: int,
    *,
    folder: str | Path | None = None,
    part: str = PART,
    dsp: bool = False,
    routed: bool = False,
    clock_mhz: float = CLOCK_MHZ,
    seed: int = 1,
    progress: Progress = silent,
) -> Figures:
    """What one accelerator takes and gives.

    Args:
        graph: A graph in the integer form.
        lanes: Multipliers of a unit.
        units: Units of an element.
        elements: Elements.
        folder: Where the design goes that is mapped to the part; without one nothing is mapped.
        part: The part.
        dsp: Leave products to the part's own multipliers.
        routed: Place and route it, too.
        clock_mhz: The frequency that place and route is asked for.
        seed: Of the placer.
        progress: Told what the programs do.

    Raises:
        ConfigError: A size or another option is out of range.
        GraphError: The graph cannot be computed by an accelerator.
        DoesNotFit: It needs more of a resource than there is.
        ToolFailed: A program ended with an error, or ran past its time.
        MissingExtra: pyosys or nextpnr is not installed.
    """
    options = SharedOptions(lanes, units, elements, dsp=dsp)
    plan = planned(graph, options)
    shapes = {name: kind.shape for name, kind in graph.types.items()}
    macs = sum(spec_of(n).macs(n, [shapes[i] for i in n.inputs]) for n in graph.nodes)
    known = Figures(lanes, units, elements, plan.cycles, macs, memory_bits(plan))
    if folder is None:
        return known
    design = rtl(shared=options, part=part, clock_mhz=clock_mhz).generate(graph, folder)
    found = design.measure(progress=progress)
    inside = sum(count * found.cells.get(cell, 0) for cell, count in CARRY_LUTS.items())
    lut = Quantity(found.lut.value + inside, "LUT", found.lut.source, found.lut.fidelity)
    fmax = design.route(seed=seed, progress=progress).fmax if routed else None
    family = find_part(part).family
    return Figures(
        lanes, units, elements, known.cycles, macs, known.memory_bits, lut, found.ff,
        sum(found.cells.get(cell, 0) for cell in family.multipliers),
        sum(found.cells.get(cell, 0) for cell in family.memories), fmax,
    )  # fmt: skip


def memory_bits(plan: Plan) -> int:
    """Bits of all memories that a plan asks for."""
    sizes = plan.sizes
    entry = sizes.multiplier_bits + sizes.offset_bits
    return (
        sizes.weight_rows * plan.options.multipliers * 8
        + sizes.table_rows * plan.options.elements * entry
        + sizes.layers * 512
        + sizes.feature_words * 16
    )
