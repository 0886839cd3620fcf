"""Figures that know where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fidelity = Literal["published", "measured", "simulated", "modelled", "assumed"]
"""How much a figure can be trusted; different fidelities never share an unlabelled column."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A value with its unit, its source and its fidelity.

    Attributes:
        value: The figure, in `unit`.
        unit: SI unit or a plain noun such as ``"LUT"``; empty for ratios.
        source: Paper and table, tool and version, or the function that computed it.
        fidelity: Kind of figure.
        deviation: Standard deviation or standard error, in `unit`, where one is known.
    """

    value: float
    unit: str
    source: str
    fidelity: Fidelity
    deviation: float | None = None

    def __str__(self) -> str:
        spread = "" if self.deviation is None else f" ± {self.deviation:.3g}"
        return f"{self.value:.6g}{spread} {self.unit}".rstrip()

    def to_dict(self) -> dict[str, str | float | None]:
        """Plain data for JSON."""
        return {
            "value": self.value,
            "unit": self.unit,
            "source": self.source,
            "fidelity": self.fidelity,
            "deviation": self.deviation,
        }
