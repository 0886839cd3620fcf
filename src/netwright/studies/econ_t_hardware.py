"""Chips of the study ``econ-t``: a small encoder, trained for a moment, through all its hardware.

The published encoders take the same way by ``make econ-t-chip`` and ``make upsets``, in an hour.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from netwright import compress, models, tasks, train
from netwright.backends import CONTROL, NOTHING, ChipDesign, ChipOptions, check_chip, map_to_cells
from netwright.backends import rtl as rtl_backend
from netwright.errors import BackendError
from netwright.ir import Graph
from netwright.quantities import Quantity
from netwright.studies.claims import Finding
from netwright.studies.study import Context
from netwright.verify import (
    drawn_charges,
    hardened_chip,
    measure_upset_rates,
    try_upsets,
    weight_bits,
)

FILTERS, CODES, SETS, WAFERS, UPSETS = 2, 4, 3, 300, 300
CLOCK_MHZ, WEIGHT_BITS, BIAS_BITS = 40.0, 6, 16
SMALLER = (
    f"an encoder of {FILTERS} filters and {CODES} outputs, not of 8 and 16; for the published ones "
    "see docs/radiation.md and docs/reloadable.md"
)


@cache
def small_graph(seed: int) -> Graph:
    """A small encoder of wafers in the layout 8x8, trained for a moment."""
    task = tasks.calorimeter(layout="8x8").subset(2000)
    net = models.wafer_autoencoder(task, filters=FILTERS, codes=CODES, seed=seed)
    train.fit(net, task, recipe=train.Recipe(epochs=2, learning_rate=6e-3, seed=seed))
    return compress.wafer_graph(compress.quantize_wafer_encoder(net, task))


def small_chip(context: Context) -> ChipDesign:
    """The chip around it, with a charge for every place of its image."""
    maker = rtl_backend(weights="loadable", weight_bits=WEIGHT_BITS, bias_bits=BIAS_BITS,
                        chip=ChipOptions(), clock_mhz=CLOCK_MHZ)  # fmt: skip
    design = maker.generate(small_graph(0), context.folder / "chip")
    assert isinstance(design, ChipDesign)
    return design


def words(context: Context) -> tuple[int, int, str]:
    """Words of the chip while weight sets are loaded over I2C, in every mode; identical ones."""
    design = small_chip(context)
    graphs = [small_graph(seed) for seed in range(SETS)]
    rows = check_chip(design, drawn_charges(design, WAFERS, seed=1), graphs)
    first = next((row.words.first for row in rows if row.words.first), "")
    return (
        sum(row.words.crossings for row in rows),
        sum(row.words.identical for row in rows),
        first,
    )


def chip_words(context: Context) -> Finding:
    """Share of identical words."""
    count, identical, first = words(context)
    source = f"Verilator, {count} words, loads counted; {WAFERS} wafers in every mode and set"
    ours = Quantity(identical / count, "", source, "simulated")
    return Finding(ours, remark=first, smaller_scale=SMALLER)


def latency(context: Context) -> Finding:
    """Clocks from charges to their words: those with which every word is that of its wafer."""
    (count, identical, _), design = words(context), small_chip(context)
    if identical < count:
        raise BackendError(f"only {identical} of {count} words are those of the wafer before")
    source = f"Verilator, {count} words, one in every clock"
    ours = Quantity(design.latency_cycles, "crossings", source, "simulated")
    return Finding(ours, smaller_scale=SMALLER)


def upsets(context: Context) -> Finding:
    """Single upsets that are seen or left, with triplication; without it in the remark."""
    design = small_chip(context)
    plain, voted = (
        try_upsets(design, drawn_charges(design, 4, seed=0), protection=protection, samples=200,
                   log=context.folder / "chip-upsets.jsonl").single
        for protection in (NOTHING, CONTROL)
    )  # fmt: skip
    wrong = max(voted.at_once, voted.later, voted.unhealed)
    remark = f"{voted.upsets} tried; without triplication {plain.later} of {plain.upsets} are seen"
    ours = Quantity(wrong, "upsets", "Verilator, every flip-flop flipped", "simulated")
    return Finding(ours, remark=remark, smaller_scale=SMALLER)


def graph_engine(context: Context) -> Finding:
    """Rate in the integer graph over that of Icarus Verilog."""
    design = small_chip(context)
    every = weight_bits(design.graph)
    chosen = [every[i] for i in np.random.default_rng(0).permutation(len(every))[:UPSETS]]
    found = measure_upset_rates(design, drawn_charges(design, 65, seed=0), chosen)
    source = f"{found.upsets} upsets, {found.wafers} wafers, all words identical, one run"
    remark = f"{found.graph / found.compiled:.2g} times the rate of Verilator"
    ratio = Quantity(found.graph / found.interpreted, "", source, "measured")
    return Finding(ratio, remark=remark, smaller_scale=SMALLER)


def triplication_area(context: Context) -> Finding:
    """Area of the triplicated chip over that of the plain one."""
    design = small_chip(context)
    folder = context.folder / "chip-cells"
    plain, voted = (
        map_to_cells(hardened_chip(design, protection), logic_folder=folder)
        for protection in (NOTHING, CONTROL)
    )
    if not voted.survival.holds:
        raise BackendError(f"triplication did not survive: {'; '.join(voted.survival.faults[:3])}")
    ratio = Quantity(voted.area.value / plain.area.value, "", plain.area.source, "modelled")
    remark = f"{plain.area.value:.4f} to {voted.area.value:.4f} mm²"
    return Finding(ratio, remark=remark, smaller_scale=SMALLER)
