"""The upset campaign of a published chip: all single upsets, agreement, area, timing and energy.

Without triplication and with it. Weights are random unless the folder of the study `econ-t` is
given, whose trained ones are taken then: what is counted does not depend on them, how many upsets
are seen and the energy do. The same command goes on where it was stopped.

    python -m benchmarks.upset_campaign [--network 8x8] [--runs runs] [--out build/upsets]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from tests.backends.rtl.chip.graphs import PUBLISHED, encoder

from benchmarks.econ_t_chip import published_chip, trained
from netwright.backends.rtl import ChipDesign, ChipOptions, rtl
from netwright.backends.rtl.implement.asic import LIBRARIES
from netwright.backends.rtl.radiation import CONTROL, NOTHING, Protection
from netwright.backends.rtl.radiation.energy import clock_energy
from netwright.backends.rtl.radiation.standard_cells import cell_timing, map_to_cells
from netwright.backends.rtl.radiation.triplication import COPIES
from netwright.errors import ToolMissing
from netwright.studies.econ_t_networks import LAYOUTS
from netwright.tasks.calorimeter import wafers
from netwright.verify import weight_bits
from netwright.verify.chip_upsets import (
    agreement,
    drawn_charges,
    hardened_chip,
    loaded_moment,
    try_upsets,
)

ENERGY_WAFERS = 65
PUBLISHED_FIGURES = "published, 65 nm: 3.6 mm², 2.4 nJ for an inference (arXiv 2105.01683)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="8x8", choices=["small", *LAYOUTS])
    parser.add_argument("--runs", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=Path("build/upsets"))
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--wafers", type=int, default=4)
    parser.add_argument("--library", default="nangate45", choices=list(LIBRARIES))
    parser.add_argument("--no-cells", action="store_true")
    parser.add_argument("--no-upsets", action="store_true")
    options = parser.parse_args()
    design = made(options.network, options.runs, options.out / "chip")
    if not options.no_upsets:
        upsets(design, options)
    if not options.no_cells:
        for name, protection in (("plain", NOTHING), ("triplicated", CONTROL)):
            cells(design, name, protection, options.out, options.library)
        print(PUBLISHED_FIGURES)


def made(network: str, runs: Path | None, folder: Path) -> ChipDesign:
    """The chip, with one charge for every cell of a wafer if its encoder is a published one."""
    if network in LAYOUTS:
        graph = trained(network, runs)[0] if runs else encoder(outputs=16, **PUBLISHED[network])
        return published_chip(network, graph, folder)
    design = rtl(weights="loadable", chip=ChipOptions()).generate(encoder(), folder)
    assert isinstance(design, ChipDesign)
    return design


def upsets(design: ChipDesign, options: argparse.Namespace) -> None:
    """All single upsets without triplication and with it, samples of others, and agreement."""
    charges = drawn_charges(design, options.wafers, seed=0)
    for name, protection in (("plain", NOTHING), ("triplicated", CONTROL)):
        started = time.perf_counter()
        found = try_upsets(
            design,
            charges,
            protection=protection,
            samples=options.samples,
            folder=options.out / "radiation",
            log=options.out / "upsets.jsonl",
        )
        print(
            f"{name}: {found.hardened.flip_flops} flip-flops, {time.perf_counter() - started:.0f} s"
        )
        for tried in (*found.tried, found.single):
            print(
                f"  {tried.name:30} {tried.upsets:7} upsets, wrong at once {tried.at_once}, later "
                f"{tried.later}, unhealed {tried.unhealed}, lasting {tried.lasting}",
                flush=True,
            )
    agree(design, charges, options.out, options.samples)


def agree(design: ChipDesign, charges: np.ndarray, out: Path, samples: int) -> None:
    """Flip some weight bits in the simulated chip and in the integer graph."""
    plain = hardened_chip(design, NOTHING, folder=out / "radiation")
    bits = weight_bits(design.graph)
    chosen = [bits[i] for i in np.random.default_rng(0).permutation(len(bits))[:samples]]
    image = design.image(mode=len(design.structure.options.latent_bits) - 1)
    with loaded_moment(design, plain, image, folder=plain.verilog.parent) as moment:
        print(agreement(design, moment, design.graph, charges, chosen), flush=True)


def cells(design: ChipDesign, name: str, protection: Protection, out: Path, library: str) -> None:
    """Area, timing and energy in standard cells."""
    hardened = hardened_chip(design, protection, folder=out / "radiation")
    started = time.perf_counter()
    try:
        mapped = map_to_cells(hardened, library=library, logic_folder=out / "radiation")
    except ToolMissing as error:
        print(f"{name}: {error}")
        return
    kept = mapped.survival
    print(
        f"{name}: {mapped.area} ({mapped.area.source}), {mapped.num_cells}, {kept.flip_flops} "
        f"flip-flops of {kept.expected_flip_flops}, {kept.voters} voters of "
        f"{len(COPIES) * kept.protected_bits}, {len(kept.faults)} faults, "
        f"{time.perf_counter() - started:.0f} s",
        flush=True,
    )
    timing = cell_timing(mapped)
    print(f"  longest way: {timing.delay or timing.why}, 25 ns met: {timing.meets}")
    image = design.image(mode=len(design.structure.options.latent_bits) - 1)
    with loaded_moment(design, hardened, image, folder=hardened.verilog.parent) as moment:
        state = {instance: values[0] for instance, values in moment.state().items()}
    bits = design.structure.options.charge_bits
    entering = drawn_charges(design, ENERGY_WAFERS, seed=5)
    if design.structure.cells == len(wafers()["test"].charges[0]):  # of the task: what it is for
        entering = wafers()["test"].charges[:ENERGY_WAFERS].astype(np.int64)
    packed = [sum(int(c) << (i * bits) for i, c in enumerate(row)) for row in entering]
    one = [1] * len(packed)
    inputs = {"charges_data": packed, "rst_n": one, "scl": one, "sda": one}
    energy = clock_energy(mapped, inputs, state)
    print(
        f"  energy of a clock: {energy.total} = logic {energy.logic} + registers "
        f"{energy.registers} + leakage {energy.leakage} ({energy.total.source})",
        flush=True,
    )


if __name__ == "__main__":
    main()
