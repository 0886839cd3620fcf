"""Number formats: which codes a tensor may hold.

A format describes *codes* (integers). The real value of a code is ``code * scale``; the scale is
part of the tensor's :class:`~netwright.formats.Format`, so one number format serves every scale.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from netwright.errors import NumericsError

MAX_BITS = 64
"""Widest integer format; wider accumulators are refused."""


@runtime_checkable
class NumberFormat(Protocol):
    """What every number format answers."""

    @property
    def bits(self) -> int:
        """Storage width of one value, in bits."""

    @property
    def min(self) -> int:
        """Smallest code."""

    @property
    def max(self) -> int:
        """Largest code."""

    @property
    def signed(self) -> bool:
        """Whether a code may be negative."""

    def allows(self, code: int) -> bool:
        """Whether `code` belongs to the format."""


def check_bits(bits: int, *, what: str = "bits", smallest: int = 1) -> int:
    """Return `bits` if it is an integer width this package supports.

    Raises:
        NumericsError: `bits` is not an integer from `smallest` to :data:`MAX_BITS`.
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or not smallest <= bits <= MAX_BITS:
        raise NumericsError(
            f"{what} must be an integer from {smallest} to {MAX_BITS}, not {bits!r}"
        )
    return bits
