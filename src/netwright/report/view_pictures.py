"""The pictures of a task's or a design's own views."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netwright.report.charts import Panel, lines_svg
from netwright.report.views import Views
from netwright.report.wafers import WaferDisplay, wafer_svg
from netwright.report.waves import waves_svg


def pictures(views: Views, *, prefix: str = "view") -> Iterator[str]:
    """Every picture as SVG.

    Args:
        views: What is drawn.
        prefix: Begins the names in the pictures, which differ from those of others on the page.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    if views.wafers:
        displays = [
            WaferDisplay(
                row.title,
                {name: np.array(charges) for name, charges in row.views.items()},
                row.notes,
            )
            for row in views.wafers
        ]
        yield wafer_svg(displays, name=f"{prefix}-events", title="Measured and decoded wafers")
    for number, curves in enumerate(views.curves):
        panel = Panel("", curves.labels, curves.series, curves.errors)
        yield lines_svg(
            [panel], name=f"{prefix}-{number}", title=curves.title, unit=curves.unit,
            logarithmic=curves.logarithmic,
        )  # fmt: skip
    for number, waves in enumerate(views.waves):
        yield waves_svg(waves, name=f"{prefix}-waves-{number}")
