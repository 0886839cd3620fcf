"""What a design is asked to be, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from numbers import Integral
from typing import Literal, get_args

from netwright.backends.base import CLOCK_MHZ, Target, clock_faults
from netwright.backends.rtl.cells.builder import TableSums
from netwright.backends.rtl.chip_options import ChipOptions
from netwright.backends.rtl.parts import find_part, multiplying_parts, part_names
from netwright.backends.rtl.reuse import ReuseFactor, reuse_faults
from netwright.backends.rtl.shared_options import SharedOptions
from netwright.backends.rtl.unrolled.unrolling import MAX_OPERATIONS
from netwright.errors import ConfigError

PART = "ecp5-85k"
"""The part unless another is asked for: the one that open tools place and route."""

ADDERS_PER_STAGE = 2
"""Adders in series between two registers unless another number is asked for."""

CHAIN_INPUTS = 6
"""Inputs of a lookup table in which a bit of an adder and a table of five bits fit together."""

MAX_LATENCY_CYCLES = 1000
"""Most clocks for which registers are placed by delays."""

MAX_STORED_BITS = 32
"""Bits that a weight or a bias may be given beyond those of the graph."""

Weights = Literal["fixed", "loadable"]
"""Whether weights are part of the hardware or written into it."""


def _is_whole(value: object, least: int, most: int | None = None) -> bool:
    """Whether an option is a whole number of a range; from Python anything may come."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        return False
    return least <= int(value) and (most is None or int(value) <= most)


@dataclass(frozen=True)
class RtlOptions:
    """How a graph becomes Verilog.

    Attributes:
        part: A name of the registry: ``"xcup"`` (Xilinx UltraScale+ family, mapping only),
            ``"ecp5-85k"``, or one that another package brings.
        clock_mhz: Clock frequency that the design is for, in MHz: what place and route is asked
            for, and its result says whether it was met. The pipeline does not depend on it.
        adders_per_stage: Adders in series between two pipeline registers; ``None`` for a design
            without registers.
        latency_cycles: Clocks from an input to its outputs: registers then lie where estimated
            delays of the part say that all stages take about the same time, whatever
            `adders_per_stage` says, and more clocks than make a stage shorter are refused;
            ``None`` to count adders.
        pack_inputs: Let inputs of one or two bits share lookup tables in unrolled products, where
            that takes fewer of them than adders.
        max_operations: Operations side by side that a design may have; a graph that needs more is
            refused.
        reuse_factor: ``None`` for the unrolled architecture; else the clocks in which every product
            uses its multipliers again, one number for all or one for each node by its name.
        weights: ``"fixed"``, or ``"loadable"``: with a reuse factor in memories that a port writes,
            without one on ports beside the data.
        weight_bits: Bits that loadable weights have, sign included; ``None`` for those of the
            graph, which are often just enough for the weights it has.
        bias_bits: The same for biases.
        chip: ``None``, or what surrounds an unrolled network with loadable weights: a normalizer
            in front, registers for the weights on an I2C bus, a packer behind.
        shared: ``None``, or the size of one accelerator that all layers use in turn.
        table_sums: How tables are summed: ``"tree"`` with the fewest adders in series, ``"chain"``
            with the fewest cells, one table after the other, or ``"auto"``: a chain on parts whose
            lookup tables have six inputs or more, a tree on others.

    Raises:
        ConfigError: Options are not accepted; the message lists every fault.
    """

    part: str = PART
    clock_mhz: float = CLOCK_MHZ
    adders_per_stage: int | None = ADDERS_PER_STAGE
    latency_cycles: int | None = None
    pack_inputs: bool = True
    max_operations: int = MAX_OPERATIONS
    reuse_factor: ReuseFactor | None = None
    weights: Weights = "fixed"
    weight_bits: int | None = None
    bias_bits: int | None = None
    chip: ChipOptions | None = None
    shared: SharedOptions | None = None
    table_sums: TableSums = "tree"

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise ConfigError(faults)

    def _faults(self) -> Iterator[str]:
        if self.part not in part_names():
            choices = " or ".join(f'"{part}"' for part in part_names())
            yield f"part must be {choices}, not {self.part!r}"
        yield from clock_faults(self.clock_mhz)
        adders = self.adders_per_stage
        if adders is not None and not _is_whole(adders, 1):
            yield f"adders_per_stage must be 1 or more, or None, not {adders!r}"
        if self.latency_cycles is not None:
            yield from self._latency_faults(self.latency_cycles)
        if self.pack_inputs not in (True, False):
            yield f"pack_inputs must be true or false, not {self.pack_inputs!r}"
        if not _is_whole(self.max_operations, 1):
            yield f"max_operations must be 1 or more, not {self.max_operations!r}"
        yield from reuse_faults(self.reuse_factor)
        if self.weights not in get_args(Weights):
            yield f'weights must be "fixed" or "loadable", not {self.weights!r}'
        for name, bits in (("weight_bits", self.weight_bits), ("bias_bits", self.bias_bits)):
            if bits is None:
                continue
            if not _is_whole(bits, 1, MAX_STORED_BITS):
                yield f"{name} must be from 1 to {MAX_STORED_BITS}, or None, not {bits!r}"
            elif self.weights == "fixed":
                yield f'{name} belongs to weights="loadable"'
        if self.table_sums not in get_args(TableSums):
            yield f'table_sums must be "tree", "chain" or "auto", not {self.table_sums!r}'
        if self.chip is not None and self.weights != "loadable":
            yield 'chip needs weights="loadable"'
        if self.chip is not None and self.reuse_factor is not None:
            yield "reuse_factor must be left out: a chip computes a row in every clock"
        if self.shared is not None:
            yield from self._shared_faults(self.shared)

    def _latency_faults(self, clocks: int) -> Iterator[str]:
        if not _is_whole(clocks, 0, MAX_LATENCY_CYCLES):
            yield f"latency_cycles must be from 0 to {MAX_LATENCY_CYCLES}, or None, not {clocks!r}"
        for name in ("reuse_factor", "chip", "shared"):
            if getattr(self, name) is not None:
                yield f"latency_cycles belongs to unrolled networks without {name}"
        if self.adders_per_stage != ADDERS_PER_STAGE:
            yield (
                f"adders_per_stage must be left out, not {self.adders_per_stage}: latency_cycles "
                "places the registers"
            )
        if self.part in part_names() and find_part(self.part).delays is None:
            known = " or ".join(f'"{n}"' for n in part_names() if find_part(n).delays is not None)
            yield f'latency_cycles needs a part with known delays, {known}, not "{self.part}"'

    def _shared_faults(self, shared: SharedOptions) -> Iterator[str]:
        for name in ("reuse_factor", "chip"):
            if getattr(self, name) is not None:
                yield f"{name} must be left out: a shared accelerator has none"
        if self.adders_per_stage != ADDERS_PER_STAGE:
            yield (
                f"adders_per_stage must be left out, not {self.adders_per_stage}: a shared "
                "accelerator has registers of its own"
            )
        if self.weights != "fixed":
            yield 'weights must be "fixed", not "loadable": a shared accelerator loads its own'
        if shared.dsp and self.part in part_names() and not find_part(self.part).family.multipliers:
            known = " or ".join(f'"{name}"' for name in multiplying_parts())
            yield (
                f"shared.dsp needs a part that is mapped with multipliers of its own, {known}, not "
                f'"{self.part}"'
            )

    @property
    def chains_tables(self) -> bool:
        """Whether tables are summed one after the other on this part, in an unrolled network."""
        if (self.reuse_factor, self.chip, self.shared) != (None, None, None):
            return False
        if self.table_sums == "auto":
            return find_part(self.part).table_inputs >= CHAIN_INPUTS
        return self.table_sums == "chain"

    @property
    def target(self) -> Target:
        """What the designs are made for."""
        return Target(self.part, self.clock_mhz)

    @property
    def record(self) -> dict[str, object]:
        """The options as plain values."""
        reuse = self.reuse_factor
        return {
            "part": self.part,
            "clock_mhz": self.clock_mhz,
            "adders_per_stage": self.adders_per_stage,
            "latency_cycles": self.latency_cycles,
            "pack_inputs": self.pack_inputs,
            "max_operations": self.max_operations,
            "reuse_factor": dict(reuse) if isinstance(reuse, Mapping) else reuse,
            "weights": self.weights,
            "weight_bits": self.weight_bits,
            "bias_bits": self.bias_bits,
            "chip": None if self.chip is None else asdict(self.chip),
            "shared": None if self.shared is None else asdict(self.shared),
        }
