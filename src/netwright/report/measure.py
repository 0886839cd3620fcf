"""What the networks of a report are scored by, and how its values are written."""

from __future__ import annotations

from netwright.quantities import Quantity
from netwright.report.numbers import figure, percent
from netwright.report.part import Part


class Measure(Part):
    """The score of a task.

    Attributes:
        name: As people say it.
        unit: Of its values; empty for shares and ratios.
        larger_is_better: Whether a larger value is a better one.
        is_share: Whether values are shares of 1, which are written in percent.
    """

    name: str = "accuracy"
    unit: str = ""
    larger_is_better: bool = True
    is_share: bool = True

    @property
    def factor(self) -> float:
        """What a value is multiplied by before it is drawn."""
        return 100.0 if self.is_share else 1.0

    @property
    def axis(self) -> str:
        """Name of an axis of values."""
        unit = "%" if self.is_share else self.unit
        return f"{self.name} ({unit})" if unit else self.name

    @property
    def title(self) -> str:
        """The name at the beginning of a sentence."""
        return self.name[:1].upper() + self.name[1:]

    def text(self, value: Quantity) -> str:
        """A value with its deviation and unit."""
        return percent(value) if self.is_share else figure(value)

    def drawn(self, value: float) -> str:
        """A value as it stands beside a point of a picture."""
        if self.is_share:
            return f"{100 * value:.2f} %"
        return f"{value:.4g} {self.unit}".strip()

    def goodness(self, value: float) -> float:
        """A number that is larger for better values."""
        return value if self.larger_is_better else -value


ACCURACY = Measure()
"""What classifications are scored by unless another score is asked for."""
