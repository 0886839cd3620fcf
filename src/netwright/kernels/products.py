"""Which kernel multiplies weights of one format with activations of another: one table.

A kernel is one :class:`ProductKernel` in :data:`PRODUCTS`. It gets the weights as a graph keeps
them, ``(inputs, outputs)``, packs them once into plain arrays that a file can hold, and multiplies
activations whose tokens lie side by side, ``(inputs, tokens)``. Sums of codes are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, NumericsError
from netwright.formats import Blocks, Float, Format, holds_integers
from netwright.kernels.blocksparse import INT32_MAX, BlockSparse, pack
from netwright.kernels.epilogue import Requantize
from netwright.kernels.spmm import prepare
from netwright.kernels.table_rows import (
    CodedMultiply,
    NMMultiply,
    kept_array,
    pack_nm_arrays,
    pack_words,
    takes_nm,
    takes_scaled,
    takes_words,
)

Arrays = Mapping[str, NDArray[Any]]
Shape = tuple[int, ...]

MOST_TERMS = 32_768
"""Most terms of a sum of products of bytes that fits int32 whatever the codes are."""


class Multiply(Protocol):
    """Weights made ready."""

    def __call__(self, inputs: NDArray[Any], *, num_threads: int = 1) -> NDArray[Any]:
        """Values or codes ``(inputs, tokens)`` to sums ``(outputs, tokens)``."""


@dataclass(frozen=True, slots=True)
class ProductKernel:
    """One row of the table.

    Attributes:
        name: How reports call it.
        takes: Whether it multiplies weights of the first format with inputs of the second, where
            the weights have this shape, ``(inputs, outputs)``.
        pack: Weights ``(inputs, outputs)`` and their format as the arrays that are kept; ``None``
            where the weights are taken as they are, as the array ``values``.
        prepare: Those arrays, the formats of weights and inputs, and the path of the kernels, as
            something that multiplies. What is kept is not trusted: faults are DataErrors.
    """

    name: str
    takes: Callable[[Format, Format, Shape], bool]
    pack: Callable[[NDArray[Any], Format], Arrays] | None
    prepare: Callable[[Arrays, Format, Format, str | None], Multiply]


def product_for(weights: Format, inputs: Format, *, shape: Shape = (1, 1)) -> ProductKernel:
    """The first kernel of the table that takes these formats.

    Args:
        weights: Format of the weights.
        inputs: Format of what they are multiplied with.
        shape: Shape of the weights, ``(inputs, outputs)``.

    Raises:
        NumericsError: There is none.

    >>> from netwright.formats import FLOAT, Format, Int
    >>> product_for(Format(Int(8)), Format(Int(8, signed=False))).name
    'int8'
    >>> product_for(Format(Int(12)), Format(Int(9))).name
    'integers'
    >>> product_for(Format(FLOAT), Format(FLOAT)).name
    'float32'
    """
    for kernel in PRODUCTS:
        if kernel.takes(weights, inputs, shape):
            return kernel
    raise NumericsError(
        f"no kernel multiplies weights of {weights.number} with inputs of {inputs.number}",
        hint="kernels: " + ", ".join(kernel.name for kernel in PRODUCTS),
    )


def _is_byte(format: Format) -> bool:
    """Whether codes fit an unsigned byte once they are moved above zero."""
    number = format.number
    return holds_integers(number) and number.max - min(0, number.min) <= 255


def _is_signed_byte(format: Format) -> bool:
    number = format.number
    return holds_integers(number) and number.min >= -128 and number.max <= 127


def _block_rows(format: Format) -> int:
    """Outputs of a block, if the pattern is one that the kernel skips; else 0."""
    pattern = format.pattern
    if isinstance(pattern, Blocks) and pattern.rows in (4, 8) and pattern.axis == 1:
        return pattern.rows
    return 0


def _takes_blocks(weights: Format, inputs: Format, shape: Shape) -> bool:
    return _block_rows(weights) > 0 and _takes_bytes(weights, inputs, shape)


def _takes_bytes(weights: Format, inputs: Format, shape: Shape) -> bool:
    return _is_signed_byte(weights) and _is_byte(inputs) and shape[0] <= MOST_TERMS


def _pack_blocks(weights: NDArray[Any], format: Format) -> Arrays:
    """The packed weights; outputs are filled up with zeros to whole blocks."""
    rows = _block_rows(format) or 4
    dense = np.asarray(weights).T
    missing = -len(dense) % rows
    packed = pack(np.pad(dense, ((0, missing), (0, 0))), block_rows=rows)
    return {
        "shape": np.array([packed.rows, packed.columns, rows, len(dense)], np.int64),
        "offsets": packed.offsets,
        "indices": packed.indices,
        "values": packed.values,
    }


def _prepare_blocks(arrays: Arrays, weights: Format, inputs: Format, isa: str | None) -> Multiply:
    shape = kept_array(arrays, "shape")
    if shape.shape != (4,) or shape.dtype.kind != "i":
        raise DataError("packed weights are damaged: they have no shape")
    rows, columns, block_rows, outputs = (int(extent) for extent in shape)
    packed = BlockSparse(
        rows, columns, block_rows,
        *(kept_array(arrays, name) for name in ("offsets", "indices", "values")),
    )  # fmt: skip
    number = inputs.number
    assert holds_integers(number)
    return _Bytes(packed, outputs, max(0, -int(number.min)), isa)


class _Bytes:
    """Products of signed bytes with bytes of either kind; signed ones are moved above zero."""

    def __init__(self, packed: BlockSparse, outputs: int, moved: int, isa: str | None) -> None:
        self.outputs, self.moved = outputs, moved
        bias = -moved * (packed.positive_sums + packed.negative_sums)
        self.product = prepare(packed, epilogue=Requantize(bias=bias.astype(np.int32)), isa=isa)

    def __call__(self, inputs: NDArray[Any], *, num_threads: int = 1) -> NDArray[Any]:
        codes = np.asarray(inputs, np.int16) + self.moved if self.moved else inputs
        sums = self.product(np.ascontiguousarray(codes, dtype=np.uint8), num_threads=num_threads)
        return sums[: self.outputs]


def _prepare_integers(arrays: Arrays, weights: Format, inputs: Format, isa: str | None) -> Multiply:
    codes = kept_array(arrays, "values").T.astype(np.int64)
    number = inputs.number
    assert holds_integers(number)
    most = max(abs(int(number.min)), abs(int(number.max)))
    largest = max((int(row) for row in np.abs(codes).sum(axis=1)), default=0) * most
    carrier = np.float32 if largest < 1 << 24 else np.float64 if largest < 1 << 53 else np.int64
    kept = codes.astype(carrier)
    sums = np.dtype(np.int32 if largest <= INT32_MAX else np.int64)

    def multiply(inputs: NDArray[Any], *, num_threads: int = 1) -> NDArray[Any]:
        return (kept @ inputs.astype(carrier)).astype(sums)

    return multiply


def _prepare_float32(arrays: Arrays, weights: Format, inputs: Format, isa: str | None) -> Multiply:
    kept = np.ascontiguousarray(kept_array(arrays, "values").T, dtype=np.float32)

    def multiply(inputs: NDArray[Any], *, num_threads: int = 1) -> NDArray[Any]:
        return kept @ np.asarray(inputs, np.float32)

    return multiply


def _both(test: Callable[[Format], bool]) -> Callable[[Format, Format, Shape], bool]:
    return lambda weights, inputs, shape: test(weights) and test(inputs)


PRODUCTS: tuple[ProductKernel, ...] = (
    ProductKernel("block-sparse int8", _takes_blocks, _pack_blocks, _prepare_blocks),
    ProductKernel(
        "N:M int8",
        lambda weights, inputs, shape: (
            takes_nm(weights, shape) and _takes_bytes(weights, inputs, shape)
        ),
        pack_nm_arrays,
        NMMultiply,
    ),
    ProductKernel(
        "four-bit words",
        lambda weights, inputs, shape: (
            shape[0] <= MOST_TERMS and takes_words(weights, inputs, shape)
        ),
        pack_words,
        CodedMultiply,
    ),
    ProductKernel("scaled groups", takes_scaled, pack_words, CodedMultiply),
    ProductKernel("int8", _takes_bytes, _pack_blocks, _prepare_blocks),
    ProductKernel(
        "integers",
        _both(lambda format: holds_integers(format.number)),
        None,
        _prepare_integers,
    ),
    ProductKernel(
        "float32",
        _both(lambda format: isinstance(format.number, Float)),
        None,
        _prepare_float32,
    ),
)
"""The kernels, the first that takes two formats wins."""
