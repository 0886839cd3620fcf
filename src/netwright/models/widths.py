"""The check of layer widths that a user gives."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from netwright.errors import ConfigError

MAX_WIDTH = 1 << 16
MAX_WEIGHTS = 1 << 28
"""Weights between two dense layers: one GiB in float32."""


def check_widths(
    what: str, widths: Iterable[int], *, before: int | None = None, behind: int | None = None
) -> None:
    """Check widths of layers.

    Args:
        what: What they are, for messages.
        widths: The widths, in order.
        before: Values that the first of the layers reads, if they are dense.
        behind: Values that the layer behind the last one gives, if they are dense.

    Raises:
        ConfigError: A width is not an integer from 1 to 65 536, or a dense layer would have more
            than 2**28 weights.

    >>> check_widths("hidden", (64, 32), before=16, behind=5)
    """
    given = tuple(widths)
    if any(isinstance(w, bool) or not isinstance(w, int) or not 0 < w <= MAX_WIDTH for w in given):
        raise ConfigError(f"{what} must be positive integers up to {MAX_WIDTH}, not {list(given)}")
    if before is None or behind is None:
        return
    for inputs, outputs in pairwise((before, *given, behind)):
        if inputs * outputs > MAX_WEIGHTS:
            raise ConfigError(
                f"{what} {list(given)} would make a layer of {inputs} x {outputs} weights; at most "
                f"{MAX_WEIGHTS} are accepted"
            )
