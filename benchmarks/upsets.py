"""Upsets a second by three routes, in one run: integer graph, Verilator, Icarus Verilog.

Every route flips weight bits of the same chip, lets the same wafers enter and gives the words that
leave; the words are compared. What is counted is upsets times wafers in a second; the time to
compile and to load the chip is left out for all three.

    python -m benchmarks.upsets [--wafers 64] [--network 4x4x3 or 8x8 or small] [--icarus 2]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from tests.backends.rtl.chip.graphs import PUBLISHED, encoder

from netwright.backends.rtl import ChipDesign, ChipOptions, rtl
from netwright.ir import Graph
from netwright.verify import weight_bits
from netwright.verify.chip_upsets import drawn_charges
from netwright.verify.upset_rates import measure_upset_rates


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
    design = rtl(weights="loadable", chip=ChipOptions()).generate(
        network(options.network), folder / "chip"
    )
    assert isinstance(design, ChipDesign)
    every = weight_bits(design.graph)
    chosen = np.random.default_rng(0).permutation(len(every))[: options.upsets]
    found = measure_upset_rates(
        design,
        drawn_charges(design, options.wafers + 1, seed=0),
        [every[i] for i in chosen],
        interpreted=options.icarus,
        folder=folder / "radiation",
    )
    print(f"{options.network}: {found.upsets} upsets, {found.wafers} wafers, all words identical")
    routes = {
        "integer graph": found.graph,
        "Verilator": found.compiled,
        "Icarus": found.interpreted,
    }
    for name, rate in routes.items():
        print(f"{name:14} {rate:14,.0f} upsets x wafers / s")
    print(f"integer graph over Icarus: {found.graph / found.interpreted:,.0f}")
    print(f"integer graph over Verilator: {found.graph / found.compiled:,.1f}")


if __name__ == "__main__":
    main()
