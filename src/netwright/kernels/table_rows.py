"""Rows of the table of products for weights in few bits and for N:M weights.

Weights come as a graph keeps them, ``(inputs, outputs)``, as values of their number format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, NetwrightError
from netwright.formats import NM, BlockScaled, Format, Int, NumberFormat, OutlierPairs
from netwright.kernels.coded import (
    CodedInputs,
    CodedWeights,
    coded_product,
    encode_inputs,
    encode_weights,
)
from netwright.kernels.coding import coding_of
from netwright.kernels.isa import selected_isa
from netwright.kernels.nm import MAX_GROUP, NMWeights, nm_product, pack_nm

Arrays = Mapping[str, NDArray[Any]]


def takes_nm(weights: Format, shape: tuple[int, ...]) -> bool:
    """Whether weights have an N:M pattern along the inputs that the kernel knows."""
    pattern = weights.pattern
    return isinstance(pattern, NM) and pattern.axis == 0 and 1 <= pattern.kept <= pattern.group <= (
        MAX_GROUP
    ) and shape[0] % pattern.group == 0  # fmt: skip


def pack_nm_arrays(weights: NDArray[Any], format: Format) -> Arrays:
    """Values and places of N:M weights."""
    assert isinstance(format.pattern, NM)
    packed = pack_nm(np.asarray(weights).T, kept=format.pattern.kept, group=format.pattern.group)
    return {"inputs": np.array([packed.inputs]), "values": packed.values, "places": packed.places}


class NMMultiply:
    """N:M weights times bytes of either kind; signed ones are moved above zero."""

    def __init__(self, arrays: Arrays, weights: Format, inputs: Format, isa: str | None) -> None:
        assert isinstance(weights.pattern, NM)
        kept, group = weights.pattern.kept, weights.pattern.group
        values, places = kept_array(arrays, "values"), kept_array(arrays, "places")
        extent = int(kept_array(arrays, "inputs").reshape(-1)[0])
        self.weights = NMWeights(extent, kept, group, values, places)
        self.isa = selected_isa() if isa is None else isa
        self.moved = max(0, -int(inputs.number.min))
        sums = values.sum(axis=1, dtype=np.int64)
        self.bias = (-self.moved * sums).astype(np.int32)[:, None]

    def __call__(self, inputs: NDArray[Any], *, num_threads: int = 1) -> NDArray[Any]:
        """Codes ``(inputs, tokens)`` to sums ``(outputs, tokens)``."""
        codes = np.asarray(inputs, np.int16) + self.moved if self.moved else inputs
        bytes_in = np.ascontiguousarray(codes, dtype=np.uint8)
        sums = nm_product(self.weights, bytes_in, num_threads=num_threads, isa=self.isa)
        return sums + self.bias if self.moved else sums


def takes_words(weights: Format, inputs: Format, shape: tuple[int, ...]) -> bool:
    """Whether both are integers that the coded product knows, the weights in four bits."""
    if weights.pattern is not None or shape[0] % 2 or isinstance(weights.number, BlockScaled):
        return False
    if not weights.number.is_integer or not inputs.number.is_integer:
        return False
    if not _groups_inputs(weights, 0, len(shape)) or not _groups_inputs(inputs, -1, len(shape)):
        return False
    try:
        own, other = coding_of(weights.number), coding_of(inputs.number)
    except DataError:
        return False
    return own.bits == 4 and own.step == other.step == 1.0 and other.bits < 16 and not own.offset


def takes_scaled(weights: Format, inputs: Format, shape: tuple[int, ...]) -> bool:
    """Whether groups of both share scales, and the coded product knows them."""
    if not isinstance(weights.number, BlockScaled) or not isinstance(inputs.number, BlockScaled):
        return False
    if not _groups_inputs(weights, 0, len(shape)) or not _groups_inputs(inputs, -1, len(shape)):
        return False
    try:
        own, other = coding_of(weights.number), coding_of(inputs.number)
    except DataError:
        return False
    return own.group == other.group and shape[0] % own.group == 0


def pack_words(weights: NDArray[Any], format: Format) -> Arrays:
    """Codes, and scales where groups share them."""
    packed = encode_weights(np.asarray(weights).T, format.number)
    scales = {} if packed.scales is None else {"scales": packed.scales}
    return {"codes": packed.codes, **scales}


class CodedMultiply:
    """Coded weights times values of a format."""

    def __init__(self, arrays: Arrays, weights: Format, inputs: Format, isa: str | None) -> None:
        scales = kept_array(arrays, "scales") if isinstance(weights.number, BlockScaled) else None
        try:
            self.weights = CodedWeights(weights.number, kept_array(arrays, "codes"), scales)
        except NetwrightError as error:
            raise DataError(f"packed weights are damaged: {error.message}") from None
        self.isa = selected_isa() if isa is None else isa
        self.number, self.is_byte = inputs.number, _fits_byte(inputs.number)

    def __call__(self, inputs: NDArray[Any], *, num_threads: int = 1) -> NDArray[Any]:
        """Values ``(inputs, tokens)`` to sums ``(outputs, tokens)``."""
        coded = self._bytes(inputs) if self.is_byte else encode_inputs(inputs, self.number)
        return coded_product(self.weights, coded, num_threads=num_threads, isa=self.isa)

    def _bytes(self, inputs: NDArray[Any]) -> CodedInputs:
        """Integers that fit a byte are multiplied as they are, however they are stored."""
        if self.number.min >= 0:
            moved = (np.asarray(inputs, np.int16) - 128).astype(np.int8)
            return CodedInputs(Int(8, signed=False), np.ascontiguousarray(moved))
        return CodedInputs(Int(8), np.ascontiguousarray(inputs, dtype=np.int8))


def kept_array(arrays: Arrays, name: str) -> NDArray[Any]:
    """One of the arrays that were kept.

    Raises:
        DataError: It is missing.
    """
    if name not in arrays:
        raise DataError(f'packed weights are damaged: they have no "{name}"')
    return arrays[name]


def _fits_byte(number: NumberFormat) -> bool:
    low, high = (0, 255) if number.min >= 0 else (-128, 127)
    return number.is_integer and low <= number.min and number.max <= high


def _groups_inputs(format: Format, axis: int, rank: int) -> bool:
    """Whether neighbors along the summed axis are coded together, if any are."""
    is_grouped = isinstance(format.number, BlockScaled | OutlierPairs)
    return not is_grouped or format.group_axis % rank == axis % rank
