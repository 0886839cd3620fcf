"""The pictures of a task's own views."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netwright.report.charts import Panel, lines_svg
from netwright.report.views import Views
from netwright.report.wafers import WaferDisplay, wafer_svg


def pictures(views: Views) -> Iterator[str]:
    """Every picture as SVG.

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
        yield wafer_svg(displays, name="view-events", title="Measured and decoded wafers")
    for number, curves in enumerate(views.curves):
        panel = Panel("", curves.labels, curves.series, curves.errors)
        yield lines_svg(
            [panel], name=f"view-{number}", title=curves.title, unit=curves.unit,
            logarithmic=curves.logarithmic,
        )  # fmt: skip
