"""What a chip without a network sends: four ways to code a wafer, each with its bits counted.

All of them code charges that are normalized to their wafer's power of two, which travels in the
header for every algorithm. Bits are those of the payload: addresses and mantissas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.tasks.calorimeter_charges import (
    CODES,
    latent_bits,
    payload_bits,
    real_charges,
)
from netwright.tasks.calorimeter_geometry import CELLS, check_cells, tiles

Array = NDArray[np.float64]

ADDRESS_BITS = 6
"""Of one of 48 cells."""

EXPONENT_BITS = 4
"""Of a value, where it has so many bits; the chip's own floats are 4E + 3M."""

MOST_VALUE_BITS = 22
"""More would be wasted: charges have no more."""

BEST_CHOICES: Mapping[int, int] = MappingProxyType({2: 4, 3: 6, 4: 9, 5: 14})
"""Cells that the chip's best-choice algorithm sends, by links (fastml-science, train.py)."""

THRESHOLD_MIP = 1.35
"""Transverse MIPs above which the chip's threshold algorithm sends a cell."""

THRESHOLD_VALUE_BITS = 7


class Coded(NamedTuple):
    """Wafers after coding and decoding.

    Attributes:
        cells: Decoded charges, shape ``(rows, 48)``.
        bits: Payload bits of each row, shape ``(rows,)``.
        spending: What the bits are, in words.
    """

    cells: Array
    bits: NDArray[np.int64]
    spending: str


def code_values(values: Array, bits: int) -> Array:
    """Round values of 0 to 2 to what `bits` bits of unsigned floating point hold.

    Up to four bits are exponent, the rest mantissa; the highest octave is 1 to 2, and the values
    below the lowest octave are spaced evenly, zero among them.

    Args:
        values: Not negative; above the largest value they are limited.
        bits: 1 or more.

    Example:
        >>> code_values(np.array([0.0, 0.1, 0.2, 0.7, 1.9]), 2).tolist()
        [0.0, 0.0, 0.25, 0.5, 1.0]
    """
    if bits < 1:
        raise ConfigError(f"a value needs at least 1 bit, not {bits}")
    exponent_bits = min(EXPONENT_BITS, bits)
    mantissa_bits = bits - exponent_bits
    top = (1 << exponent_bits) - 1
    safe = np.maximum(values, 2.0**-60)
    octave = np.clip(np.floor(np.log2(safe)), 1 - top, 0)
    step = np.exp2(octave - mantissa_bits)
    return np.minimum(np.round(values / step) * step, 2.0 - 2.0**-mantissa_bits)


def best_choice(values: Array, links: int, *, kept: int | None = None) -> Coded:
    """Send the largest cells, each with its address and value.

    Args:
        values: Normalized charges, (rows, 48).
        links: 2 to 5.
        kept: How many cells; the chip's numbers if not given. The first of equal cells is sent.
    """
    check_cells(values)
    payload = payload_bits(links)
    number = BEST_CHOICES[links] if kept is None else kept
    address = min(ADDRESS_BITS * number, CELLS)  # a list of addresses, or one bit for each cell
    value_bits = min((payload - address) // number, MOST_VALUE_BITS) if number > 0 else 0
    if not 0 < number <= CELLS or value_bits < 1:
        raise ConfigError(
            f"{number} cells with their addresses do not fit into the {payload} bits of "
            f"{links} links"
        )
    order = np.argsort(-values, axis=1, kind="stable")[:, :number]
    cells = np.zeros_like(values)
    chosen = code_values(np.take_along_axis(values, order, axis=1), value_bits)
    np.put_along_axis(cells, order, chosen, axis=1)
    text = f"{number} cells: {address} address bits, {value_bits} bits a value"
    return Coded(cells, np.full(len(values), address + number * value_bits), text)


def super_cells(
    values: Array, links: int, *, cells: Literal[4, 16] = 4,
    spread: Literal["hottest", "uniform"] = "hottest",
) -> Coded:  # fmt: skip
    """Send the sums of super trigger cells.

    Args:
        values: Normalized charges, (rows, 48).
        links: 2 to 5.
        cells: Trigger cells in a super cell: 4 (12 sums) or 16 (3 sums).
        spread: Where a sum is put back: on the hottest cell, whose place is sent too, or in equal
            parts on all cells.
    """
    check_cells(values)
    groups = tiles(cells=cells)
    place_bits = int(cells).bit_length() - 1 if spread == "hottest" else 0
    payload = payload_bits(links)
    value_bits = min(payload // len(groups) - place_bits, MOST_VALUE_BITS)
    inside = values[:, groups]  # (rows, groups, cells)
    sums = code_values(inside.sum(axis=2), value_bits)
    decoded = np.zeros_like(values)
    if spread == "uniform":
        decoded[:, groups] = (sums / cells)[:, :, None]
    else:
        hottest = groups[np.arange(len(groups)), inside.argmax(axis=2)]
        np.put_along_axis(decoded, hottest, sums, axis=1)
    text = (
        f"{len(groups)} sums of {cells} cells: {place_bits} bits for the hottest, "
        f"{value_bits} bits a value"
    )
    bits = len(groups) * (place_bits + value_bits)
    return Coded(decoded, np.full(len(values), bits), text)


def threshold(values: Array, kept: NDArray[np.bool_]) -> Coded:
    """Send the cells that are marked, at a rate that varies from wafer to wafer.

    Args:
        values: Normalized charges, (rows, 48).
        kept: Which cells are above the threshold, (rows, 48).
    """
    check_cells(values)
    number = kept.sum(axis=1)
    bits = _threshold_bits(number)
    cells = np.where(kept, code_values(values, THRESHOLD_VALUE_BITS), 0.0)
    text = (
        f"variable: {bits.mean():.1f} bits on average, the shorter of a map of {CELLS} bits and "
        f"{ADDRESS_BITS} bits an address, {THRESHOLD_VALUE_BITS} bits a value"
    )
    return Coded(cells, bits, text)


def threshold_counts(counts: NDArray[np.integer], links: int) -> int:
    """The lowest threshold, in counts, whose mean payload is at most that of `links` links.

    Args:
        counts: Charges of the wafers that decide, (rows, 48).
        links: 2 to 5.
    """
    check_cells(counts)
    low, high = 0, int(counts.max(initial=0))
    while low < high:
        middle = (low + high) // 2
        if _threshold_bits((counts > middle).sum(axis=1)).mean() <= payload_bits(links):
            high = middle
        else:
            low = middle + 1
    return low


def _threshold_bits(number: NDArray[np.int64]) -> NDArray[np.int64]:
    listed = ADDRESS_BITS * (number + 1)  # the number itself is sent too
    return np.minimum(listed, CELLS) + THRESHOLD_VALUE_BITS * number


@dataclass(frozen=True, slots=True, eq=False)
class LinearCode:
    """A linear code of 16 values: the principal components of the training wafers.

    Attributes:
        mean: Of the training wafers, (48,).
        components: Rows are orthonormal, (16, 48).
        spread: Standard deviation of each value, (16,).
        train: Values of training wafers, which decide the ranges, (rows, 16).
    """

    mean: Array
    components: Array
    spread: Array
    train: Array

    @classmethod
    def fit(cls, values: Array) -> LinearCode:
        """Find the components on normalized charges, (rows, 48)."""
        check_cells(values)
        if len(values) < CODES:
            raise DataError(f"a linear code needs at least {CODES} wafers, not {len(values)}")
        mean = values.mean(axis=0)
        _, vectors = np.linalg.eigh(np.cov(values - mean, rowvar=False))
        components = vectors[:, ::-1][:, :CODES].T
        train = (values - mean) @ components.T
        return cls(mean, components, train.std(axis=0), train[:20_000])

    def code(self, values: Array, links: int) -> Coded:
        """Send 16 values of as many bits as the encoder's; ranges have the least squared error."""
        check_cells(values)
        bits = latent_bits(links)
        step = self._steps(bits)
        sent = _evenly((values - self.mean) @ self.components.T, step, bits)
        cells = np.maximum(self.mean + sent @ self.components, 0.0)
        text = f"{CODES} values of {bits} bits, no addresses"
        return Coded(cells, np.full(len(values), CODES * bits), text)

    def _steps(self, bits: int) -> Array:
        """The step of each value, searched over three octaves of ranges."""
        ranges = self.spread * np.exp2(np.linspace(0.0, 4.0, 33))[:, None]
        steps = np.maximum(2 * ranges / (1 << bits), 1e-12)
        errors = [np.square(_evenly(self.train, s, bits) - self.train).mean(axis=0) for s in steps]
        return steps[np.argmin(errors, axis=0), np.arange(len(self.spread))]


def every_code(
    train: NDArray[np.integer], test: NDArray[np.integer], links: int
) -> dict[str, Coded]:
    """All codes without a network, at the payload of so many links, by name.

    Args:
        train: Charges of the wafers that thresholds and components are chosen on, (rows, 48).
        test: Charges of the wafers that are coded, (rows, 48).
        links: 2 to 5.

    Raises:
        DataError: Charges are not those of wafers.
        ConfigError: The chip has no such mode.
    """
    values = real_charges(test).astype(np.float64)
    linear = LinearCode.fit(real_charges(train).astype(np.float64))
    return {
        "best choice": best_choice(values, links),
        "super cells of 4, hottest": super_cells(values, links, cells=4),
        "super cells of 4, uniform": super_cells(values, links, cells=4, spread="uniform"),
        "super cells of 16, hottest": super_cells(values, links, cells=16),
        "super cells of 16, uniform": super_cells(values, links, cells=16, spread="uniform"),
        "threshold": threshold(values, test > threshold_counts(train, links)),
        "linear": linear.code(values, links),
    }


def _evenly(values: Array, step: Array, bits: int) -> Array:
    """Values in the middles of 2^bits equal steps around zero."""
    half = 1 << (bits - 1)
    return (np.clip(np.floor(values / step), -half, half - 1) + 0.5) * step
