"""Picture of the study ``olive``: accuracy by quantizer and width."""

from __future__ import annotations

from pathlib import Path

from netwright.report import Panel, bars
from netwright.run import Silent
from netwright.studies.olive_networks import FOUR, PLANS, REAL, right
from netwright.studies.study import Context

WIDTHS = ("W4A4", "W4A16")


def draw(folder: Path) -> tuple[Path, ...]:
    """Write the picture into a folder.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    context = Context("full", folder.parent / "full" / "work", Silent())
    series = {
        width: [100 * float(right(context, f"{width} {name}").mean()) for name in FOUR]
        for width in WIDTHS
        if f"{width} {FOUR[0]}" in PLANS
    }
    reference = 100 * float(right(context, REAL).mean())
    path = folder / "accuracy.svg"
    panel = Panel("MiniLM-L6 on movie snippets", FOUR, series)
    bars(path, [panel], title="Test accuracy after quantization, mean of the seeds; line: float32",
         unit="%", reference=reference)  # fmt: skip
    return (path,)
