"""Capacities as they are written on a command line."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(-?\d+(?:\.\d+)?)\s*([KMG]i?)?B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}

MAX_BYTES = 1 << 50
"""Largest capacity that is accepted; sums of many tensors stay exact below it."""


def parse_size(text: str, *, option: str) -> int:
    """A capacity in bytes from text such as ``2MiB``, ``512 KiB``, ``1.5MB`` or ``65536``.

    Raises:
        ConfigError: It is not a size, or not above 0.
    """
    from netwright.errors import ConfigError

    match = _SIZE.fullmatch(text.strip())
    hint = "for example 2MiB, 512KiB or 65536"
    if match is None:
        raise ConfigError(f'{option}: "{text}" is not a size', hint=hint)
    scaled = float(match[1]) * _UNITS[(match[2] or "").lower()]
    if scaled > MAX_BYTES:
        raise ConfigError(f'{option}: must be at most {MAX_BYTES} bytes, not "{text}"', hint=hint)
    size = int(scaled)
    if size <= 0:
        raise ConfigError(f'{option}: must be above 0, not "{text}"', hint=hint)
    return size
