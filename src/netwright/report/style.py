"""Colors and text settings shared by every picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netwright.report.document import FrontKind

WIDE_INCHES = 10.8
"""Width of a picture that spans the page; the text then has the size of the page's."""

COLUMN_INCHES = 5.4
"""Width of a picture that fills one of two columns."""

INK = "#1f2933"
MUTED = "#66727f"
LINE = "#d5dbe1"
GOOD = "#0b7a5b"
BAD = "#b3261e"

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#000000")
"""Colors that remain distinct in common color blindness (Okabe and Ito 2008); yellow darkened."""

DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)))
"""One pattern a series, so that curves remain distinct in grayscale."""


@dataclass(frozen=True, slots=True)
class KindStyle:
    """How points of one kind look: color, shape and size differ, so one of them always shows."""

    name: str
    color: str
    marker: str
    size: float
    filled: bool


KINDS: Mapping[FrontKind, KindStyle] = {
    "sampled": KindStyle("sampled plans", "#9aa5b1", ".", 5.0, True),
    "blind": KindStyle("sensitivity-blind", "#d55e00", "v", 6.5, False),
    "uniform": KindStyle("uniform widths", "#1f2933", "s", 6.0, False),
    "hawq": KindStyle("Hessian-aware plans", "#0072b2", "o", 6.5, True),
    "given": KindStyle("widths that were given", "#cc79a7", "P", 7.0, True),
    "float": KindStyle("float", "#009e73", "D", 6.0, True),
}
"""In drawing order: what matters most is drawn last."""

SETTINGS: Mapping[str, object] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.fonttype": "path",
    "svg.hashsalt": "netwright",
    "path.simplify": False,
}
"""Matplotlib settings: light, and free of anything that changes from run to run."""
