"""What the chip does beside the network, in exact integers: normalize, truncate, pack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.chip_options import EXPONENT_BITS, HEADER_BITS, LINK_BITS
from netwright.errors import DataError

Integers = NDArray[np.int64]


def charge_codes(charges: NDArray[np.float64], *, step: float, bits: int) -> Integers:
    """Measured charges as the integers that the chip gets: rounded half up, limited above.

    Args:
        charges: (wafers, cells), in the unit of `step`.
        step: Charge of one code.
        bits: Bits of a code.

    Raises:
        DataError: A charge is negative, NaN or infinite, or the step is not positive.
    """
    values = np.asarray(charges, dtype=np.float64)
    if not (np.isfinite(step) and step > 0):
        raise DataError(f"step must be a positive charge, not {step}")
    wrong = np.argwhere(~np.isfinite(values) | (values < 0))
    if len(wrong):
        place = tuple(int(index) for index in wrong[0])
        raise DataError(
            f"the charge at {list(place)} is {values[place]}", hint="charges are zero or more"
        )
    codes = np.floor(values / step + 0.5)
    return np.minimum(codes, (1 << bits) - 1).astype(np.int64)


def check_charges(charges: Integers, cells: int, bits: int) -> Integers:
    """Integers that the chip can get.

    Raises:
        DataError: They are no integers, have another shape, are negative or too large.
    """
    values = np.asarray(charges)
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError(
            f"charges must be integers, not {values.dtype}",
            hint="charge_codes() makes integers of measured charges",
        )
    if values.ndim != 2 or values.shape[1] != cells:
        raise DataError(f"charges must have the shape (wafers, {cells}), not {values.shape}")
    top = (1 << bits) - 1
    wrong = np.argwhere((values < 0) | (values > top))
    if len(wrong):
        wafer, cell = (int(index) for index in wrong[0])
        raise DataError(
            f"the charge of cell {cell} in wafer {wafer} is {int(values[wafer, cell])}; it must "
            f"be from 0 to {top}"
        )
    return values.astype(np.int64)


@dataclass(frozen=True, slots=True)
class WordFormat:
    """The bits that leave the chip in one crossing.

    From the lowest bit on: mode (2), generation of the weights (4), crossing (4), fault (1),
    exponent (5), then the outputs, each with the bits of the mode, the first the lowest. Bits that
    are left over, and links that a mode does not use, are zero.

    Attributes:
        outputs: Outputs of the network.
        code_bits: Bits of an output.
        latent_bits: Bits that are kept in every mode.
    """

    outputs: int
    code_bits: int
    latent_bits: tuple[int, ...]

    def links(self, mode: int) -> int:
        """Links that a mode fills.

        >>> [WordFormat(16, 9, (3, 5, 7, 9)).links(mode) for mode in range(4)]
        [2, 3, 4, 5]
        """
        bits = HEADER_BITS + EXPONENT_BITS + self.outputs * self.latent_bits[mode]
        return -(-bits // LINK_BITS)

    @property
    def num_links(self) -> int:
        """Links of the chip."""
        return self.links(len(self.latent_bits) - 1)

    def pack(
        self,
        codes: Integers,
        exponents: Integers,
        *,
        mode: int,
        generation: Integers | int = 0,
        crossing: Integers | int = 0,
        fault: Integers | int = 0,
    ) -> NDArray[np.uint32]:
        """The words of all links: (wafers, links).

        Args:
            codes: Outputs of the network (wafers, outputs); the highest bits are kept.
            exponents: Of the normalization (wafers).
            mode: Mode of the chip.
            generation: How often weights were committed, modulo 16.
            crossing: Clocks since the reset, modulo 16.
            fault: 1 while a fault is noted.
        """
        bits = self.latent_bits[mode]
        kept = (codes & ((1 << self.code_bits) - 1)) >> (self.code_bits - bits)
        rows = len(codes)
        fields = [(2, mode), (4, generation), (4, crossing), (1, fault), (5, exponents)]
        numbers = [(b, np.broadcast_to(np.asarray(v) & ((1 << b) - 1), rows)) for b, v in fields]
        numbers += [(bits, kept[:, i]) for i in range(self.outputs)]
        places = [(value[:, None] >> np.arange(width)) & 1 for width, value in numbers]
        spread = np.concatenate(places, axis=1).astype(np.uint8)
        padded = np.pad(spread, ((0, 0), (0, self.num_links * LINK_BITS - spread.shape[1])))
        return np.packbits(padded, axis=1, bitorder="little").view("<u4").astype(np.uint32)

    def unpack(self, words: NDArray[np.uint32]) -> Received:
        """What a receiver reads in words (wafers, links), all of one mode.

        Raises:
            DataError: They have another shape, are of several modes or of none.
        """
        if words.ndim != 2 or words.shape[1] != self.num_links:
            raise DataError(f"words must have the shape (wafers, {self.num_links})")
        octets = np.ascontiguousarray(words, dtype="<u4").view(np.uint8)
        spread = np.unpackbits(octets, axis=1, bitorder="little").astype(np.int64)
        modes = np.unique(self._number(spread, 0, 2))
        if len(modes) != 1 or modes[0] >= len(self.latent_bits):
            raise DataError(f"words must be of one mode, not of {modes.tolist()}")
        bits = self.latent_bits[int(modes[0])]
        places = [(2, 4), (6, 4), (10, 1), (11, EXPONENT_BITS)]
        generation, crossing, fault, exponents = (self._number(spread, *p) for p in places)
        start = HEADER_BITS + EXPONENT_BITS
        codes = [self._number(spread, start + i * bits, bits) for i in range(self.outputs)]
        latents = np.stack(codes, axis=1)
        return Received(int(modes[0]), bits, generation, crossing, fault, exponents, latents)

    @staticmethod
    def _number(spread: Integers, start: int, bits: int) -> Integers:
        weights = np.int64(1) << np.arange(bits, dtype=np.int64)
        number: Integers = spread[:, start : start + bits] @ weights
        return number


@dataclass(frozen=True, slots=True)
class Received:
    """What a receiver reads in the words of some wafers.

    Attributes:
        mode: Mode of the chip.
        bits: Bits of a latent value.
        generation: How often weights had been committed, modulo 16 (wafers).
        crossing: Clocks since the reset, modulo 16 (wafers).
        fault: Whether a fault was noted (wafers).
        exponents: Of the normalization (wafers).
        latents: The highest bits of the outputs (wafers, outputs).
    """

    mode: int
    bits: int
    generation: Integers
    crossing: Integers
    fault: Integers
    exponents: Integers
    latents: Integers
