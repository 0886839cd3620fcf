"""Pictures of the study ``smash``: cycles of the versions, and what assumed figures do to them."""

from __future__ import annotations

from pathlib import Path

from netwright.cost import MERGE_VERSIONS
from netwright.report import Panel, bars
from netwright.studies.smash_merges import SCALES, outcomes, varied

SHOWN = 3
"""Ratios at either end that the picture of the sensitivity shows."""


def draw(folder: Path) -> tuple[Path, ...]:
    """Write the pictures into a folder.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    found = outcomes(SCALES["full"])
    cycles = {
        "table": [(made.cycles - made.write_back_cycles) / 1e6 for made in found.values()],
        "write back": [made.write_back_cycles / 1e6 for made in found.values()],
    }
    versions = folder / "versions.svg"
    panel = Panel(f"R-MAT of scale {SCALES['full']}, squared", tuple(MERGE_VERSIONS), cycles)
    bars(versions, [panel], title="Modelled cycles on a block with assumed figures",
         unit="million cycles")  # fmt: skip
    ratios = {label: cycles["V1"] / cycles["V3"] for label, cycles in varied().items()}
    extremes = sorted(ratios, key=lambda label: ratios[label])
    shown = tuple(dict.fromkeys([*extremes[:SHOWN], *extremes[-SHOWN:]]))
    labels = tuple(label.replace("_", " ").replace(" ", "\n") for label in shown)
    sensitivity = folder / "sensitivity.svg"
    panel = Panel("Least and greatest ratios of all that one assumed figure makes", labels,
                  {"V1 over V3": [ratios[label] for label in shown]})  # fmt: skip
    bars(sensitivity, [panel], title="One assumed figure halved or doubled", unit="x")
    return versions, sensitivity
