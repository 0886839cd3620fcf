"""The chip of the published encoders, word by word: every weight set, every mode, over its bus.

Three trained weight sets are loaded over I2C while wafers enter in every clock; each is read back
and sent through all modes. Every word that leaves the chip is compared with the integer reference.
The same encoders as C++ for high-level synthesis, with constant weights, are compared with the same
graphs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from netwright import compress
from netwright.backends import hls
from netwright.backends.rtl import ChipDesign, ChipOptions, rtl
from netwright.backends.rtl.chip import check_chip, total_words
from netwright.backends.rtl.chip.words import Integers
from netwright.ir import Graph
from netwright.run import Silent
from netwright.studies import Context
from netwright.studies.econ_t_networks import LAYOUT, LAYOUTS, SEEDS, UPSET_SEEDS, tuned
from netwright.studies.econ_t_regions import regional
from netwright.tasks import REGION_NAMES
from netwright.tasks.calorimeter import wafers
from netwright.tasks.calorimeter_charges import normalize
from netwright.tasks.calorimeter_geometry import arrange, arrangement, check_layout
from netwright.verify import bit_exact

CLOCK_MHZ = 40.0
COLUMNS = ("image", "weights", "what", "bits", "links", "words or rows", "identical", "seconds")


def trained(layout: str, folder: Path) -> list[Graph]:
    """Three trained encoders of the published widths, in exact integers.

    They are those of the study ``econ-t``: of the 4x4x3 layout one set for each region of the
    detector, of the 8x8 layout one for each seed. What is not trained yet is trained here, and
    kept; an interrupted training goes on where it was.
    """
    context = Context("full", folder / "studies" / "econ-t" / "full" / "work", Silent())
    if layout == LAYOUT:
        nets = [regional(context, region)[SEEDS[0]] for region in REGION_NAMES]
    else:
        nets = list(tuned(context, 5, layout, UPSET_SEEDS[layout]).values())
    encoders = [net.eval() for net in nets if isinstance(net, compress.PartlyQuantized)]
    return [compress.wafer_graph(net) for net in encoders]


def published_chip(layout: str, graph: Graph, folder: Path) -> ChipDesign:
    """The chip of a published encoder, with a charge for every cell of a wafer."""
    design = rtl(
        weights="loadable", weight_bits=6, bias_bits=16, clock_mhz=CLOCK_MHZ,
        chip=ChipOptions(arrangement=arrangement(check_layout(layout))),
    ).generate(graph, folder)  # fmt: skip
    assert isinstance(design, ChipDesign)
    return design


def chip_rows(
    layout: str, graphs: Sequence[Graph], charges: Integers, folder: Path, table: Table
) -> bool:
    """All weight sets and modes through the chip; whether every word was right."""
    rows = check_chip(published_chip(layout, graphs[0], folder / "chip"), charges, graphs)
    for row in rows:
        table.add_row(
            layout, str(row.weights), "wafers" if row.bits else "load and read back",
            str(row.bits or ""), str(row.links or ""), f"{row.words.crossings}",
            f"{row.words.identical}", f"{row.seconds:.0f}",
        )  # fmt: skip
    return total_words(rows).holds


def hls_rows(
    layout: str, graphs: Sequence[Graph], charges: Integers, folder: Path, table: Table
) -> bool:
    """The encoders as C++ with constant weights; whether every row was right."""
    codes = normalize(charges).codes.astype(np.float32) / 128
    inputs, good = arrange(codes, check_layout(layout)), True
    for number, graph in enumerate(graphs):
        start = time.monotonic()
        design = hls(clock_mhz=CLOCK_MHZ).generate(graph, folder / f"hls-{number}")
        found = bit_exact(graph, design, inputs)
        good &= found.holds
        table.add_row(
            layout, str(number + 1), "C++ for HLS", "9", "", f"{found.rows}",
            f"{found.identical}", f"{time.monotonic() - start:.0f}",
        )  # fmt: skip
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wafers", type=int, default=12_000, help="test wafers of a mode")
    parser.add_argument("--layout", choices=LAYOUTS, action="append")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="where the study keeps its trainings"
    )
    parser.add_argument("--no-hls", action="store_true", help="leave the C++ out")
    chosen = parser.parse_args()
    charges = wafers()["test"].charges[: chosen.wafers].astype(np.int64)
    table = Table(*COLUMNS, title=f"{len(charges)} test wafers of the calorimeter task")
    good = True
    for layout in chosen.layout or LAYOUTS:
        with tempfile.TemporaryDirectory() as folder:
            graphs = trained(layout, chosen.runs)
            good &= chip_rows(layout, graphs, charges, Path(folder), table)
            if not chosen.no_hls:
                good &= hls_rows(layout, graphs, charges, Path(folder), table)
    Console().print(table)
    Console().print("every word identical" if good else "NOT every word is identical")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
