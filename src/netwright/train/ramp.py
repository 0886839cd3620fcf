"""A value that moves along the steps of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from netwright.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Ramp:
    """From one value to another, fast at first: the ramp of Zhu and Gupta (2017, equation 1).

    Attributes:
        start: Value up to `begin`.
        end: Value from `until` on.
        begin: Share of the steps, 0..1, after which the value moves.
        until: Share of the steps after which it has arrived.
        power: Exponent of the share that is left; 1 is a straight line, 3 that of the source.

    Raises:
        ConfigError: A value is out of range.

    >>> Ramp(0.0, 0.8, until=0.5).at(0.25)
    0.7000000000000001
    """

    start: float
    end: float
    begin: float = 0.0
    until: float = 1.0
    power: float = 3.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.end)):
            raise ConfigError(f"a ramp must go from {self.start} to {self.end} by finite values")
        if not 0 <= self.begin < self.until <= 1 or not 0 < self.power < math.inf:
            raise ConfigError(
                f"a ramp must begin ({self.begin}) before it ends ({self.until}), both within 0 to "
                f"1, and its power ({self.power}) must be above 0"
            )

    def at(self, share: float) -> float:
        """The value after this share of the steps, 0..1."""
        done = (share - self.begin) / (self.until - self.begin)
        left = min(max(0.0, 1.0 - done), 1.0)
        return self.end - (self.end - self.start) * left**self.power
