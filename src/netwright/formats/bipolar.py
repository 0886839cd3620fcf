"""Two codes in one bit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bipolar:
    """The two codes -1 and +1, stored in one bit."""

    @property
    def bits(self) -> int:
        """Storage width of one value, in bits."""
        return 1

    @property
    def min(self) -> int:
        """Smallest code."""
        return -1

    @property
    def max(self) -> int:
        """Largest code."""
        return 1

    @property
    def signed(self) -> bool:
        """Whether a code may be negative."""
        return True

    def allows(self, code: int) -> bool:
        """Whether `code` belongs to the format."""
        return code in (-1, 1)

    def __str__(self) -> str:
        return "bipolar"
