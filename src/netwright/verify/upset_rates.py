"""Upsets a second by three routes that must say the same: integer graph, compiled, interpreted.

Every route flips weight bits of the same chip, lets the same wafers enter and gives the words that
leave. What is counted is upsets times wafers in a second; the time to compile and to load the chip
is left out for all three.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netwright.backends.rtl import ChipDesign
from netwright.backends.rtl.chip.words import Integers
from netwright.backends.rtl.radiation import NOTHING
from netwright.backends.rtl.radiation.flips import Site, flips_of
from netwright.backends.rtl.radiation.interpreted import interpreted_upsets
from netwright.errors import ConfigError, VerificationError
from netwright.verify.chip_upsets import (
    crossing_rows,
    hardened_chip,
    links_of,
    loaded_moment,
    register_of,
    words_after,
)
from netwright.verify.weight_upsets import WeightBit, WeightUpsets


@dataclass(frozen=True, slots=True)
class UpsetRates:
    """Upsets times wafers in a second, by route; all words were identical.

    Attributes:
        upsets: Weight bits that were flipped.
        wafers: Wafers that followed each.
        graph: In the integer graph.
        compiled: In the chip, compiled by Verilator.
        interpreted: In the chip, interpreted by Icarus Verilog, for the first upsets only.
    """

    upsets: int
    wafers: int
    graph: float
    compiled: float
    interpreted: float


def measure_upset_rates(
    design: ChipDesign,
    charges: Integers,
    bits: Sequence[WeightBit],
    *,
    interpreted: int = 2,
    folder: str | Path | None = None,
) -> UpsetRates:
    """Flip weight bits by all three routes, compare every word, and measure the time.

    Args:
        design: The chip.
        charges: Wafers, (wafers, cells); those that enter last do not leave.
        bits: The bits.
        interpreted: How many of them Icarus Verilog tries.
        folder: Where files go; below the folder of the design unless given.

    Raises:
        ConfigError: There is no bit to flip, or no wafer leaves.
        VerificationError: Two routes differ.
        ToolMissing: Verilator, Icarus Verilog or g++ is not installed.
    """
    latency = design.structure.options.latency_cycles
    count = len(charges) - latency
    if count < 1 or not 0 < interpreted <= len(bits):
        raise ConfigError(
            f"there must be more than {latency} wafers, and from 1 to {len(bits)} upsets that are "
            f"interpreted, not {len(charges)} and {interpreted}"
        )
    place = Path(folder or design.build_folder / "radiation")
    plain = hardened_chip(design, NOTHING, folder=place)
    rows = crossing_rows(design, plain, charges)
    flips = flips_of(plain, [[Site(register_of(design, bit))] for bit in bits])
    image = design.image(mode=len(design.structure.options.latent_bits) - 1)
    with loaded_moment(design, plain, image, folder=plain.verilog.parent) as moment:
        state, started = moment.state(), time.perf_counter()
        taken = moment.run(rows, flips, keep_outputs=True)
        compiled_s = time.perf_counter() - started
    assert taken.outputs is not None
    inputs, _ = design.reference.inputs(charges[:-latency])
    upsets, started = WeightUpsets(design.graph, inputs), time.perf_counter()
    for bit in bits:
        upsets.output(bit)
    graph_s = time.perf_counter() - started
    golden = links_of(plain, taken.golden)[latency:]
    words = np.stack([links_of(plain, one)[latency:] for one in taken.outputs])
    if not np.array_equal(words_after(design, upsets, bits, golden), words):
        raise VerificationError("the compiled chip and its integer graph differ after an upset")
    slow, interpreted_s = interpreted_upsets(
        plain, state, rows, flips[:interpreted], folder=plain.verilog.parent / "interpreted"
    )
    if not np.array_equal(slow, taken.outputs[:interpreted]):
        raise VerificationError("the compiled chip and the interpreted one differ after an upset")
    every = len(bits) * count
    return UpsetRates(
        len(bits), count, every / graph_s, every / compiled_s, interpreted * count / interpreted_s
    )
