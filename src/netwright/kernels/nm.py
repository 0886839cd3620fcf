"""Products of N:M weights and uint8 activations, exact in int32.

Of every group of M neighboring inputs a row keeps at most N weights; values and places are stored.
Tokens lie side by side, as in :func:`~netwright.kernels.spmm`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.formats import NM
from netwright.kernels.arguments import check_apart, check_array, check_threads
from netwright.kernels.blocksparse import check_bound, int8_codes
from netwright.kernels.isa import check_isa, native, selected_isa
from netwright.kernels.memory import aligned_empty

MAX_GROUP = 16
"""Most inputs of a group: a place takes four bits."""

MAX_EXTENT = 1 << 24
"""Most rows, inputs or tokens."""


@dataclass(frozen=True, slots=True, eq=False)
class NMWeights:
    """Weights of shape ``(rows, inputs)`` with the pattern `kept`:`group` along the inputs.

    Attributes:
        inputs: Input features; `group` divides them.
        kept: Weights that a row keeps of a group, N.
        group: Neighboring inputs of a group, M: 1 to 16.
        values: What is kept, group after group, ``(rows, inputs / group * kept)`` int8; zeros where
            a group has less.
        places: The input of each in its group, ascending in a group but for zeros at its end; uint8
            of the same shape.
        handle: The compiled kernels' own copy; ``None`` without them.

    Raises:
        DataError: The arrays do not fit together.
        NumericsError: A row could overflow an int32 sum.
    """

    inputs: int
    kept: int
    group: int
    values: NDArray[np.int8]
    places: NDArray[np.uint8]
    handle: Any = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if not 1 <= self.group <= MAX_GROUP or not 1 <= self.kept <= self.group:
            raise DataError(
                f"a group must have from 1 to {MAX_GROUP} inputs and keep at least one of them, "
                f"not {self.kept} of {self.group}"
            )
        if not 1 <= self.inputs <= MAX_EXTENT or self.inputs % self.group:
            raise DataError(
                f"inputs must be a multiple of the group {self.group}, from 1 to {MAX_EXTENT}, "
                f"not {self.inputs}",
                hint="append columns of zeros",
            )
        slots = self.inputs // self.group * self.kept
        check_array("values", self.values, np.int8, ("rows", slots))
        check_array("places", self.places, np.uint8, (len(self.values), slots))
        for name in ("values", "places"):
            frozen = np.array(getattr(self, name), order="C")
            frozen.flags.writeable = False
            object.__setattr__(self, name, frozen)
        if self.rows > MAX_EXTENT:
            raise DataError(f"rows must be from 1 to {MAX_EXTENT}, not {self.rows}")
        if fault := self._place_fault():
            raise DataError(f"packed weights are damaged: {fault}")
        wide = self.values.astype(np.int64)
        check_bound(np.maximum(wide, 0).sum(axis=1), np.minimum(wide, 0).sum(axis=1))
        if native is not None:
            handle = native.NMWeights(self.inputs, self.kept, self.group, self.values, self.places)
            object.__setattr__(self, "handle", handle)

    def _place_fault(self) -> str:
        largest = int(self.places.max())
        if largest >= self.group:
            return f"places must be smaller than the group {self.group}, not {largest}"
        shape = (self.rows, -1, self.kept)
        places, present = self.places.reshape(shape), self.values.reshape(shape) != 0
        ascends = places[:, :, 1:] > places[:, :, :-1]
        bad = np.argwhere(present[:, :, 1:] & ~(ascends & present[:, :, :-1]))
        if not len(bad):
            return ""
        return f"places must ascend, which those of row {bad[0][0]}, group {bad[0][1]} do not"

    @property
    def rows(self) -> int:
        """Output features."""
        return len(self.values)

    @property
    def stored_bytes(self) -> int:
        """Bytes of values, and of places packed in as few bits as they need."""
        place_bits = (self.group - 1).bit_length()
        return self.values.nbytes + -(-self.places.size * place_bits // 8)

    def unpack(self) -> NDArray[np.int8]:
        """The dense weights, ``(rows, inputs)`` int8."""
        slots = np.arange(self.values.shape[1])
        columns = slots // self.kept * self.group + self.places.astype(np.int64)
        dense = np.zeros((self.rows, self.inputs), np.int8)
        # A place may come again with a zero, so values are added rather than assigned.
        np.add.at(dense, (np.arange(self.rows)[:, None], columns), self.values)
        return dense


def pack_nm(weights: NDArray[Any], *, kept: int, group: int) -> NMWeights:
    """Pack dense weights that have the pattern already.

    Args:
        weights: Integers from -128 to 127 of any dtype, ``(rows, inputs)``.
        kept: The most of a group that is not zero, N.
        group: Neighboring inputs of a group, M; must divide the inputs.

    Raises:
        DataError: The weights are no such matrix, or do not have the pattern.
        NumericsError: A row could overflow an int32 sum.

    >>> packed = pack_nm(np.array([[0, 3, 0, -1, 5, 0, 0, 0]]), kept=2, group=4)
    >>> packed.values.tolist(), packed.places.tolist()
    ([[3, -1, 5, 0]], [[1, 3, 0, 0]])
    """
    dense = int8_codes(np.asarray(weights))
    if not 1 <= group <= MAX_GROUP or not 1 <= kept <= group or 0 in dense.shape:
        return NMWeights(dense.shape[1], kept, group, dense, dense.astype(np.uint8))  # says why
    if fault := NM(kept, group, axis=1).fault(dense):
        raise DataError(f"weights: {fault}", hint="prune them with this pattern")
    rows, inputs = dense.shape
    groups = dense.reshape(rows, inputs // group, group)
    # What is not zero comes first, in order.
    order = np.argsort(groups == 0, axis=2, kind="stable")[:, :, :kept]
    values = np.take_along_axis(groups, order, axis=2)
    places = np.where(values == 0, 0, order).astype(np.uint8)
    return NMWeights(inputs, kept, group, values.reshape(rows, -1), places.reshape(rows, -1))


def nm_product(
    weights: NMWeights,
    activation: NDArray[np.uint8],
    *,
    out: NDArray[np.int32] | None = None,
    num_threads: int = 1,
    isa: str | None = None,
) -> NDArray[np.int32]:
    """Multiply N:M weights by dense activations.

    Args:
        weights: ``(rows, inputs)``.
        activation: ``(inputs, tokens)`` uint8.
        out: Where the sums go, ``(rows, tokens)`` in C order; a new array if ``None``.
        num_threads: Threads to share the rows, 1 to 256. The NumPy path ignores it.
        isa: The path to take; by default :func:`netwright.kernels.selected_isa`. All paths with
            AVX-512 permute bytes with VBMI where the processor has it, and take plain loops where
            not.

    Returns:
        ``(rows, tokens)`` int32, equal to the NumPy path's in every element on every path.

    Raises:
        DataError: Shapes or formats do not fit, or `out` is not writeable, or shares memory with
            `activation`.
        ConfigError: The path does not exist or cannot be executed here.
    """
    path = selected_isa() if isa is None else check_isa(isa)
    if out is None:
        is_matrix = isinstance(activation, np.ndarray) and activation.ndim == 2
        out = aligned_empty((weights.rows, activation.shape[1] if is_matrix else 0), np.int32)
    compiled = weights.handle is not None and path != "numpy"
    if compiled:
        try:  # the kernels check everything too; what is wrong is only said if something is
            weights.handle.run(activation, out, num_threads, path)
            return out
        except (TypeError, ValueError):
            pass
    check_threads(num_threads)
    check_array("activation", activation, np.uint8, (weights.inputs, "tokens"))
    if activation.shape[1] > MAX_EXTENT:
        raise DataError(f"tokens must be at most {MAX_EXTENT}, not {activation.shape[1]}")
    check_array("out", out, np.int32, (weights.rows, activation.shape[1]))
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise DataError("out must be writeable and in C order")
    check_apart({"out": out}, {"activation": activation})
    if compiled:
        weights.handle.run(np.ascontiguousarray(activation), out, num_threads, path)
    else:
        # Products of float64 are exact here: every partial sum is an integer below 2**32.
        out[...] = weights.unpack().astype(np.float64) @ activation.astype(np.float64)
    return out
