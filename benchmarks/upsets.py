"""Upsets a second by three routes, in one run: integer graph, Verilator, Icarus Verilog.

Every route flips weight bits of the same chip, lets the same wafers enter and gives the words that
leave; the words are compared. What is counted is upsets times wafers in a second; the time to
compile and to load the chip is left out for all three.

    python -m benchmarks.upsets [--wafers 64] [--network 4x4 or 8x8 or small] [--icarus 2]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from tests.backends.rtl.chip.graphs import PUBLISHED, encoder, wafers

from netwright.backends.rtl import ChipDesign, ChipOptions, rtl
from netwright.backends.rtl.radiation import NOTHING
from netwright.backends.rtl.radiation.flips import Site, flips_of
from netwright.backends.rtl.radiation.interpreted import interpreted_upsets
from netwright.ir import Graph
from netwright.verify.chip_upsets import (
    crossing_rows,
    hardened_chip,
    links_of,
    loaded_moment,
    register_of,
    words_after,
)
from netwright.verify.weight_upsets import WeightUpsets, weight_bits


def network(name: str) -> Graph:
    return encoder() if name == "small" else encoder(outputs=16, **PUBLISHED[name])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="8x8", choices=["small", *PUBLISHED])
    parser.add_argument("--wafers", type=int, default=64)
    parser.add_argument("--upsets", type=int, default=500)
    parser.add_argument("--icarus", type=int, default=2, help="upsets tried by Icarus Verilog")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp())
    graph = network(options.network)
    design = rtl(weights="loadable", chip=ChipOptions()).generate(graph, folder / "chip")
    assert isinstance(design, ChipDesign)
    plain = hardened_chip(design, NOTHING, folder=folder / "radiation")
    charges = wafers(options.wafers + 1, design.structure.cells)
    rows = crossing_rows(design, plain, charges)
    every = weight_bits(graph)
    chosen = np.random.default_rng(0).permutation(len(every))[: options.upsets]
    bits = [every[i] for i in chosen]
    flips = flips_of(plain, [[Site(register_of(design, bit))] for bit in bits])
    count = options.wafers
    with loaded_moment(design, plain, design.image(mode=3), folder=folder / "compiled") as moment:
        state = moment.state()
        started = time.perf_counter()
        taken = moment.run(rows, flips, keep_outputs=True)
        compiled = len(bits) * count / (time.perf_counter() - started)
    golden = links_of(plain, taken.golden)[1:]
    inputs, _ = design.reference.inputs(charges[:-1])
    upsets = WeightUpsets(graph, inputs)
    started = time.perf_counter()
    for bit in bits:
        upsets.output(bit)
    integer = len(bits) * count / (time.perf_counter() - started)
    assert taken.outputs is not None
    words = np.stack([links_of(plain, one)[1:] for one in taken.outputs])
    assert np.array_equal(words_after(design, upsets, bits, golden), words)
    slow, seconds = interpreted_upsets(
        plain, state, rows, flips[: options.icarus], folder=folder / "interpreted"
    )
    assert np.array_equal(slow, taken.outputs[: options.icarus])
    icarus = options.icarus * count / seconds
    print(f"{options.network}: {len(bits)} upsets, {count} wafers, all words identical")
    for name, rate in (("integer graph", integer), ("Verilator", compiled), ("Icarus", icarus)):
        print(f"{name:14} {rate:14,.0f} upsets x wafers / s")
    print(f"integer graph over Icarus: {integer / icarus:,.0f}")
    print(f"integer graph over Verilator: {integer / compiled:,.1f}")


if __name__ == "__main__":
    main()
