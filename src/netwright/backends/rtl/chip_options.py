"""What surrounds the network on a chip: charges, modes, the bus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netwright.errors import ConfigError

EXPONENT_BITS = 5
HEADER_BITS = 11
"""Mode (2 bits, the lowest), generation of the weights (4), crossing (4), fault (1)."""

LINK_BITS = 32
"""Bits that a link carries in one crossing."""

MAX_MODES = 4
MAX_LINKS = 64
MAX_CELLS = 4096


@dataclass(frozen=True)
class ChipOptions:
    """The chip around a network.

    Attributes:
        charge_bits: Bits of a charge, unsigned.
        arrangement: For every input of the network, in row-major order, the number of the charge
            that it gets, or -1 for zero; ``None`` if there is a charge for each, in this order.
        latent_bits: Bits of an output in every mode, the fewest first; the last are all bits.
        address: Address of the chip on the bus, 7 bits.
        latency_cycles: 1 (from wires to output registers), or 2 with registers behind the
            normalizer.

    Raises:
        ConfigError: An option is not accepted; the message lists every fault.
    """

    charge_bits: int = 22
    arrangement: tuple[int, ...] | None = None
    latent_bits: tuple[int, ...] = (3, 5, 7, 9)
    address: int = 0x2A
    latency_cycles: int = 1

    def __post_init__(self) -> None:
        for name in ("arrangement", "latent_bits"):  # lists will do
            value = getattr(self, name)
            if isinstance(value, Sequence) and not isinstance(value, str):
                object.__setattr__(self, name, tuple(value))
        faults = list(self._faults())
        if faults:
            raise ConfigError(faults)

    def _faults(self) -> Iterator[str]:
        for name, low, high in (
            ("charge_bits", 1, 31),
            ("address", 0x08, 0x77),
            ("latency_cycles", 1, 2),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                yield f"{name} must be from {low} to {high}, not {value!r}"
        bits = self.latent_bits
        if not 1 <= len(bits) <= MAX_MODES or list(bits) != sorted(set(bits)) or bits[0] < 1:
            yield (
                f"latent_bits must be 1 to {MAX_MODES} positive numbers, each larger than the one "
                f"before, not {bits}"
            )
        cells = self.arrangement
        if cells is not None:
            used = sorted({cell for cell in cells if cell != -1})
            if not used or used[0] < 0 or used[-1] >= MAX_CELLS or len(used) != used[-1] + 1:
                yield (
                    "arrangement must hold every number from 0 to the last charge, and -1 for zeros"
                )
