"""Real values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Float:
    """Real values: a tensor of this format has no integer meaning."""

    bits: int = 32

    def __str__(self) -> str:
        return f"float{self.bits}"
