"""Systolic arrays: areas of elements, share of decoders, clocks, and a routed array.

Areas come from an open library of standard cells before layout, frequencies from the timing model
of the device after place and route, clocks from simulation. What is mapped once is kept in
``build/arrays``.
"""

from __future__ import annotations

import sys
from math import prod
from pathlib import Path

from rich.console import Console
from rich.table import Table

from netwright.backends import arrays
from netwright.formats import OutlierPairs
from netwright.report import Panel, bars

FOLDER = Path("build/arrays")
SIDES = (8, 16, 32, 64)
WHOLE = (4, 8, 32)
CODES = {
    "int4": OutlierPairs(),
    "flint4": OutlierPairs("flint4"),
    "int8+e4m3": OutlierPairs("int8"),
    "int8+e2m5": OutlierPairs("int8", outlier="e2m5"),
}
DRAWN = {
    "plain_int4": "int4",
    "ovp_int4": "pairs, int4",
    "plain_int8": "int8",
    "ovp_int8_e2m5": "pairs, int8",
    "nm_2of4": "2:4, int8",
    "nm_2of8": "2:8, int8",
    "nm_1of16": "1:16, int8",
    "nm_2of8_bfloat16": "2:8, bfloat16",
}
LAYERS = ((64, 576, 64), (196, 256, 64), (49, 512, 128), (128, 384, 384))
"""Rows, terms and features of convolutions of a residual network and of a layer of an encoder."""


def elements(console: Console) -> None:
    """Areas of elements, decoders, encoders and sorters."""
    found = arrays.count_elements(FOLDER / "elements")
    luts = arrays.count_elements(FOLDER / "elements", "ecp5")
    plain = found["plain_int8"].each.value
    table = Table("part", "µm²", "registers", "beside plain int8", "LUT4 of ECP5")
    for name, count in found.items():
        size, registers = count.each.value, count.registers.value
        table.add_row(
            name,
            f"{size:.0f}",
            f"{registers:.0f}",
            f"{size / plain:.2f}",
            f"{luts[name].each.value:.0f}",
        )
    console.print(table)
    console.print(f"modelled: {found['plain_int8'].each.source}")
    values = {
        "registers": [found[name].registers.value for name in DRAWN],
        "all": [found[name].each.value for name in DRAWN],
    }
    labels = tuple(DRAWN.values())
    bars(
        FOLDER / "elements.svg", [Panel("", labels, values)],
        title="Elements in NanGate 45 nm, modelled", unit="µm²",
    )  # fmt: skip


def shares(console: Console) -> None:
    """Share of the decoders by size of array and way of counting."""
    columns = ("codes", "array", "on borders", "arithmetic only", "in elements", "arithmetic only")
    table = Table(*columns, title="share of decoders, of elements and decoders")
    for name, number in CODES.items():
        for side in SIDES:
            part = arrays.decoder_shares(
                FOLDER / f"decoder-{name}", rows=side, columns=side, number=number
            )
            ways = (
                part.of_array, part.of_arithmetic, part.in_elements, part.in_elements_of_arithmetic
            )  # fmt: skip
            table.add_row(name, f"{side}x{side}", *(f"{way.value:.2%}" for way in ways))
    console.print(table)
    console.print("published: 2.2 % (OliVe, 4 bits, 22 nm, by a summary), 9.9 % (OliVe on 64x64,")
    console.print("7 nm, MicroScopiQ, arXiv 2411.05282)")


def wholes(console: Console) -> None:
    """Whole arrays, with all that is outside their elements."""
    table = Table("array", "µm²", "elements", "decoders", "rest", title="whole arrays, int4")
    for side in WHOLE:
        array = arrays.OutlierArray(side, side)
        counts = array.generate(FOLDER / f"whole-{side}").count()
        rest = counts.rest.value / counts.total.value
        table.add_row(
            f"{side}x{side}", f"{counts.total.value:.0f}", f"{counts.share('ovp_pe'):.2%}",
            f"{counts.share('ovp_border'):.2%}", f"{rest:.2%}",
        )  # fmt: skip
    console.print(table)


def clocks(console: Console) -> None:
    """Clocks of layers on a simulated array beside the formula."""
    design = arrays.NMArray(8, 8).generate(FOLDER / "clocks")
    table = Table(
        "rows x terms x features", "stationary", "weights", "simulated", "formula", "as NumPy",
        "macs / clock / element",
        title="N:M 2:8 on 8x8",
    )  # fmt: skip
    for found in arrays.compare_layers(design, LAYERS):
        work = prod(found.layer) / found.simulated_cycles / 64
        table.add_row(
            " x ".join(map(str, found.layer)), found.stationary, "dense" if found.dense else "2:8",
            str(found.simulated_cycles), str(found.predicted_cycles),
            "every result" if found.is_equal else "differs", f"{work:.2f}",
        )  # fmt: skip
    console.print(table)


def routed(console: Console) -> None:
    """An array of 8 x 8 elements for pairs of four bits on ECP5."""
    design = arrays.OutlierArray(8, 8).generate(FOLDER / "routed")
    measured, routing = design.measure(), design.route()
    path = routing.critical_path
    console.print(
        f"8x8, int4 pairs on ECP5: {measured.lut}, {measured.carry}, {measured.ff}; "
        f"{routing.fmax} ({routing.fmax.fidelity}), {path.logic} in cells, {path.routing} in wires"
    )
    console.print(f"from {path.start} to {path.end}")


def main() -> int:
    """Print all tables; those that take longest come last."""
    console = Console(width=120)
    for part in (shares, elements, clocks, wholes, routed):
        part(console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
