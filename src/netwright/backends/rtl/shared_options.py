"""How large an accelerator is, checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netwright.errors import ConfigError

MAX_LANES = 64
MAX_UNITS = 32
MAX_ELEMENTS = 64

MAX_MULTIPLIERS = 4096
"""Multipliers of a whole accelerator."""

LIMITS = {
    "layers": 256,
    "weight_rows": 1 << 16,
    "table_rows": 1 << 16,
    "feature_words": 1 << 16,
    "accumulator_bits": 48,
    "multiplier_bits": 48,
    "offset_bits": 64,
    "value_bits": 72,
    "result_bits": 49,
}
"""The most that an accelerator may be given of each resource."""


WINDOW_WORDS = 1 << 18
"""32-bit words of a memory that the bus reaches."""


def reachable_rows(bits: int) -> int:
    """Rows of so many bits that the bus reaches; each begins at a power of two of words."""
    return WINDOW_WORDS >> max((-(-bits // 32) - 1).bit_length(), 1)


@dataclass(frozen=True)
class SharedOptions:
    """The size of an accelerator whose multipliers all layers share.

    What is ``None`` becomes as large as the graph needs, up to the most an accelerator may have. A
    number is a limit: the accelerator is built so large, and a graph that needs more is refused.

    Attributes:
        lanes: Multipliers of an arithmetic unit.
        units: Arithmetic units of a processing element; each makes another channel.
        elements: Processing elements; each has weights and a requantizer of its own.
        layers: Descriptors of layers.
        weight_rows: Rows of the weights' memory; one holds a weight for every multiplier.
        table_rows: Rows of the table of multipliers and offsets; one holds an entry for every
            element.
        feature_words: 16-bit words of the memory of feature maps.
        accumulator_bits: Bits of a running sum, sign included.
        multiplier_bits: Bits of a requantizer's multiplier, sign included.
        offset_bits: Bits of its offset, sign included.
        value_bits: Bits of what it shifts, sign included.
        result_bits: Bits of what it limits, sign included.
        dsp: Leave products to the part's own multipliers instead of building them of logic; the
            part must be mapped with them, as ``"ecp5-85k-dsp"`` is.

    Raises:
        ConfigError: A number is out of range; the message lists every fault.
    """

    lanes: int = 8
    units: int = 2
    elements: int = 2
    layers: int | None = None
    weight_rows: int | None = None
    table_rows: int | None = None
    feature_words: int | None = None
    accumulator_bits: int | None = None
    multiplier_bits: int | None = None
    offset_bits: int | None = None
    value_bits: int | None = None
    result_bits: int | None = None
    dsp: bool = False

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise ConfigError(faults)

    def _faults(self) -> Iterator[str]:
        sizes = {"lanes": MAX_LANES, "units": MAX_UNITS, "elements": MAX_ELEMENTS}
        sound = True
        for name, most in sizes.items():
            value = getattr(self, name)
            if not _is_count(value, most):
                sound = False
                yield f"{name} must be from 1 to {most}, not {value!r}"
        for name, most in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not _is_count(value, most):
                yield f"{name} must be from 1 to {most}, or None, not {value!r}"
        if sound and self.multipliers > MAX_MULTIPLIERS:
            yield (
                f"lanes x units x elements must be at most {MAX_MULTIPLIERS} multipliers, not "
                f"{self.multipliers}"
            )
        elif sound and self.weight_rows is not None and _is_count(self.weight_rows, 1 << 16):
            most = reachable_rows(8 * self.multipliers)
            if self.weight_rows > most:
                yield (
                    f"weight_rows must be at most {most} for {self.multipliers} multipliers, which "
                    f"is what the bus reaches, not {self.weight_rows}"
                )

    @property
    def multipliers(self) -> int:
        """Multipliers of the whole accelerator."""
        return self.lanes * self.units * self.elements

    @property
    def channels(self) -> int:
        """Channels that are worked on at the same time."""
        return self.units * self.elements


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
