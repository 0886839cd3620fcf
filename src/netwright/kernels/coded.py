"""Products of weights and activations coded in four bits or bytes.

Integers are summed exactly in int32. Where groups of inputs share scales, the sum of each group is
multiplied by the weights' scale, then by the inputs', both in float32, and these are added in the
order of the groups in float32; the total is multiplied by the value of a step. So every path equals
the reference bit by bit. As in :func:`~netwright.kernels.spmm`, tokens lie side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.errors import DataError, NumericsError
from netwright.formats import BlockScaled, NumberFormat, OutlierPairs
from netwright.kernels.arguments import check_apart, check_array, check_threads
from netwright.kernels.blocksparse import INT32_MAX
from netwright.kernels.coding import Coding, coding_of, pairs_that_occur
from netwright.kernels.isa import check_isa, native, selected_isa
from netwright.kernels.memory import aligned_empty

MAX_EXTENT = 1 << 24
"""Most rows, inputs or tokens."""


@dataclass(frozen=True, slots=True, eq=False)
class CodedWeights:
    """Weights of shape ``(rows, inputs)``; :func:`encode_weights` makes them of values.

    Attributes:
        number: Their number format; neighboring inputs are coded together.
        codes: Two inputs in a byte, the first in the upper half, ``(rows, inputs / 2)`` uint8; of
            formats of more than four bits the integers, ``(rows, inputs)`` int8 or int16.
        scales: Words of the scales that groups of inputs share, ``(rows, groups)`` uint8, or
            ``None``.
        coding: How the kernels see the format.
        magnitudes: Sum of the magnitudes of each row, in steps of the format.
        largest_magnitude: The largest of these.
        sums: Sum of each row.
        handle: The compiled kernels' own copy; ``None`` without them.

    Raises:
        DataError: The kernels have no product for the format, or the arrays do not fit it.
    """

    number: NumberFormat
    codes: NDArray[Any]
    scales: NDArray[np.uint8] | None = None
    coding: Coding = field(init=False, repr=False)
    magnitudes: NDArray[np.int64] = field(init=False, repr=False)
    largest_magnitude: int = field(init=False, repr=False)
    sums: NDArray[np.int64] = field(init=False, repr=False)
    handle: Any = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        coding = coding_of(self.number)
        if coding.offset:
            raise DataError(f"weights must be signed, not {self.number}")
        object.__setattr__(self, "coding", coding)
        _check_codes(self.number, coding, self.codes, self.scales, axis=1)
        for name in ("codes", "scales"):
            array = getattr(self, name)
            if array is not None:
                frozen = np.array(array, order="C")
                frozen.flags.writeable = False
                object.__setattr__(self, name, frozen)
        elements = self.codes if coding.tables is None else coding.elements[self.codes]
        sums = elements.reshape(self.rows, -1).sum(axis=1, dtype=np.int64)
        negative = np.minimum(elements, 0).reshape(self.rows, -1).sum(axis=1, dtype=np.int64)
        object.__setattr__(self, "sums", sums)
        object.__setattr__(self, "magnitudes", sums - 2 * negative)
        object.__setattr__(self, "largest_magnitude", int(self.magnitudes.max()))
        if native is not None and coding.bits < 16:
            handle = native.CodedWeights(
                self.rows,
                self.inputs,
                self.codes.view(np.uint8),
                coding.tables,
                coding.group,
                coding.scale,
                self.scales,
            )
            object.__setattr__(self, "handle", handle)

    @property
    def rows(self) -> int:
        """Outputs."""
        return len(self.codes)

    @property
    def inputs(self) -> int:
        """Inputs."""
        return self.codes.shape[1] * (2 if self.coding.bits == 4 else 1)

    @property
    def stored_bytes(self) -> int:
        """Bytes of codes and scales, as :func:`netwright.formats.stored` counts them."""
        return self.codes.nbytes + (0 if self.scales is None else self.scales.nbytes)

    def integers(self) -> NDArray[np.int64]:
        """The elements as integers, ``(rows, inputs)``."""
        return _integers(self.coding, self.codes)


@dataclass(frozen=True, slots=True, eq=False)
class CodedInputs:
    """Activations of shape ``(inputs, tokens)``; :func:`encode_inputs` makes them of values.

    Attributes:
        number: Their number format; neighboring inputs are coded together.
        codes: As of :class:`CodedWeights`, turned: ``(inputs / 2, tokens)``, or ``(inputs,
            tokens)``. Of unsigned bytes 128 is taken off.
        scales: ``(groups, tokens)`` uint8, or ``None``.

    Raises:
        DataError: The kernels have no product for the format, or the arrays do not fit it.
    """

    number: NumberFormat
    codes: NDArray[Any]
    scales: NDArray[np.uint8] | None = None
    coding: Coding = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "coding", coding_of(self.number))
        _check_codes(self.number, self.coding, self.codes, self.scales, axis=0)

    @property
    def inputs(self) -> int:
        """Inputs."""
        return len(self.codes) * (2 if self.coding.bits == 4 else 1)

    @property
    def tokens(self) -> int:
        """Tokens."""
        return self.codes.shape[1]

    def integers(self) -> NDArray[np.int64]:
        """The elements as integers, ``(inputs, tokens)``, without what was taken off."""
        return _integers(self.coding, self.codes.T).T


def encode_weights(values: ArrayLike, number: NumberFormat) -> CodedWeights:
    """Code weights: each becomes the nearest value of the format.

    Args:
        values: ``(rows, inputs)``, before any scale of the whole tensor or of a row.
        number: The number format.

    Raises:
        DataError: The kernels have no product for the format, or `values` is no such matrix.
        NumericsError: A value is no number, or the format cannot hold so many inputs.

    >>> from netwright.formats import OutlierPairs
    >>> weights = encode_weights([[1, 0, 50, 3]], OutlierPairs())
    >>> weights.codes.tolist(), weights.integers().tolist()
    ([[16, 88]], [[1, 0, 48, 0]])
    """
    codes, scales = _encode(values, number, coding_of(number), "weights")
    return CodedWeights(number, codes, scales)


def encode_inputs(values: ArrayLike, number: NumberFormat) -> CodedInputs:
    """Code activations: each becomes the nearest value of the format.

    Args:
        values: ``(inputs, tokens)``, before any scale of the whole tensor.
        number: The number format.

    Raises:
        DataError: The kernels have no product for the format, or `values` is no such matrix.
        NumericsError: A value is no number, or the format cannot hold so many inputs.
    """
    coding = coding_of(number)
    array = np.asarray(values)
    turned = array.T if array.ndim == 2 else array
    codes, scales = _encode(turned, number, coding, "inputs")
    return CodedInputs(
        number,
        np.ascontiguousarray(codes.T),
        None if scales is None else np.ascontiguousarray(scales.T),
    )


def coded_product(
    weights: CodedWeights,
    inputs: CodedInputs,
    *,
    out: NDArray[Any] | None = None,
    num_threads: int = 1,
    isa: str | None = None,
) -> NDArray[Any]:
    """Multiply coded weights by coded activations.

    Args:
        weights: ``(rows, inputs)``.
        inputs: ``(inputs, tokens)``. Where groups of the weights share scales, those of the inputs
            do, too, or the inputs are integers.
        out: Where the result goes, ``(rows, tokens)`` in C order; a new array if ``None``.
        num_threads: Threads to share the rows, 1 to 256. The NumPy path ignores it.
        isa: The path to take; by default :func:`netwright.kernels.selected_isa`. Pairs of two bytes
            always take the NumPy path.

    Returns:
        ``(rows, tokens)``: int32 sums in steps of the formats, or float32 where groups share
        scales. Equal to the NumPy path's in every element on every path.

    Raises:
        DataError: Shapes or formats do not fit, or `out` is not writeable, or shares memory with an
            operand.
        NumericsError: A row could overflow an int32 sum.
        ConfigError: The path does not exist or cannot be executed here.
    """
    path = selected_isa() if isa is None else check_isa(isa)
    _check_fit(weights, inputs)
    dtype = np.float32 if weights.coding.group else np.int32
    if out is None:
        out = aligned_empty((weights.rows, inputs.tokens), dtype)
    compiled = weights.handle is not None and path != "numpy" and inputs.coding.bits < 16
    if compiled:
        try:  # the kernels check everything too; what is wrong is only said if something is
            _run(weights, inputs, inputs.codes, out, num_threads, path)
        except (TypeError, ValueError):
            _check_call(weights, inputs, out, num_threads)
            _run(weights, inputs, np.ascontiguousarray(inputs.codes), out, num_threads, path)
    else:
        _check_call(weights, inputs, out, num_threads)
        sums = _grouped_sums if weights.coding.group else _sums
        out[...] = sums(weights, inputs)
    if inputs.coding.offset:
        out += (weights.sums * inputs.coding.offset).astype(np.int32)[:, None]
    return out


def _run(
    weights: CodedWeights,
    inputs: CodedInputs,
    codes: NDArray[Any],
    out: NDArray[Any],
    num_threads: int,
    path: str,
) -> None:
    scales, name = inputs.scales, inputs.coding.scale
    if weights.coding.group and scales is None:
        # Integers: the word 127 means one.
        shape = (weights.inputs // weights.coding.group, inputs.tokens)
        scales, name = np.full(shape, 127, np.uint8), "e8m0"
    elif scales is not None:
        scales = np.ascontiguousarray(scales)
    weights.handle.run(
        codes.view(np.uint8),
        inputs.coding.tables,
        scales,
        name,
        _step(weights, inputs),
        out,
        num_threads,
        path,
    )


def _step(weights: CodedWeights, inputs: CodedInputs) -> float:
    """Value of one in the sums, a float32."""
    return float(np.float32(weights.coding.step * inputs.coding.step))


def _check_call(
    weights: CodedWeights, inputs: CodedInputs, out: NDArray[Any], num_threads: int
) -> None:
    check_threads(num_threads)
    dtype = np.float32 if weights.coding.group else np.int32
    check_array("out", out, dtype, (weights.rows, inputs.tokens))
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise DataError("out must be writeable and in C order")
    check_apart({"out": out}, {"inputs": inputs.codes, "the scales of the inputs": inputs.scales})


def _encode(
    values: ArrayLike, number: NumberFormat, coding: Coding, what: str
) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """Codes and scales of values whose inputs are the last axis."""
    array = np.asarray(values)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "iuf":
        raise DataError(f"{what} must be a matrix of numbers, not {array.dtype} of {array.shape}")
    _check_even(coding, array.shape[1])
    words, element, scales = number.encode(array), number, None
    if isinstance(number, BlockScaled):
        scales, small = number.parts(words)
        words, element = small.astype(np.uint64), number.element
    if coding.bits == 4:
        halves = words.astype(np.uint8)
        return (halves[:, 0::2] << np.uint8(4)) | halves[:, 1::2], scales
    integers = element.decode(words).astype(np.float64) / coding.step - coding.offset
    return integers.astype(np.int16 if coding.bits == 16 else np.int8), scales


def _check_even(coding: Coding, inputs: int) -> None:
    if coding.bits == 4 and inputs % 2:
        raise DataError(
            f"two inputs share a byte, so that their number must be even, not {inputs}",
            hint="append a row of zeros",
        )


def _check_codes(
    number: NumberFormat,
    coding: Coding,
    codes: Any,
    scales: Any,
    *,
    axis: int,
) -> None:
    dtype = {4: np.uint8, 8: np.int8, 16: np.int16}[coding.bits]
    names = ("rows", "bytes") if axis else ("bytes", "tokens")
    check_array("codes", codes, dtype, names)
    if max(codes.shape) > MAX_EXTENT:
        raise DataError(f"codes must have at most {MAX_EXTENT} rows and columns, not {codes.shape}")
    inputs = codes.shape[axis] * (2 if coding.bits == 4 else 1)
    if isinstance(number, OutlierPairs) and coding.bits == 4:
        occur = pairs_that_occur(number)[codes]
        if not occur.all():
            number.decode(number.unpack(codes if axis else codes.T))  # says which does not
    if coding.group == 0:
        if scales is not None:
            raise DataError(f"{number} has no scales of groups")
        return
    if inputs % coding.group:
        raise DataError(
            f"{number} has groups of {coding.group} inputs, which do not divide {inputs}"
        )
    groups = inputs // coding.group
    shape = (codes.shape[0], groups) if axis else (groups, codes.shape[1])
    check_array("scales", scales, np.uint8, shape)
    if fault := coding.scale_fault(scales):
        raise DataError(fault)


def _check_fit(weights: CodedWeights, inputs: CodedInputs) -> None:
    if weights.inputs != inputs.inputs:
        raise DataError(f"inputs must have {weights.inputs} rows, not {inputs.inputs}")
    have, want = inputs.coding.group, weights.coding.group
    if have not in (0, want):
        raise DataError(
            f"inputs in {inputs.number} do not fit weights in {weights.number}: groups of inputs "
            f"must share scales on both sides, or of the weights alone",
        )
    if want:
        if inputs.coding.offset or inputs.coding.bits == 16:
            raise DataError(
                f"weights with scales of groups need signed inputs of at most 8 bits, "
                f"not {inputs.number}"
            )
        return
    largest = inputs.coding.largest + inputs.coding.offset
    if weights.largest_magnitude * largest > INT32_MAX:
        row = int(np.argmax(weights.magnitudes))
        raise NumericsError(
            f"row {row} can reach {weights.largest_magnitude * largest} with inputs in "
            f"{inputs.number}, and int32 sums hold {INT32_MAX}",
            hint="split the weights along their inputs and add the products",
        )


def _integers(coding: Coding, codes: NDArray[Any]) -> NDArray[np.int64]:
    """Elements whose inputs are the last axis."""
    if coding.tables is None:
        return codes.astype(np.int64)
    return coding.elements[codes].reshape(len(codes), -1).astype(np.int64)


def _sums(weights: CodedWeights, inputs: CodedInputs) -> NDArray[np.int64]:
    # Products of float64 are exact here: every partial sum is an integer below 2**32.
    product = weights.integers().astype(np.float64) @ inputs.integers().astype(np.float64)
    return product.astype(np.int64)


def _grouped_sums(weights: CodedWeights, inputs: CodedInputs) -> NDArray[np.float32]:
    group = weights.coding.group
    assert weights.scales is not None
    own = weights.coding.scale_values(weights.scales)
    other = np.ones((weights.inputs // group, inputs.tokens), np.float32)
    if inputs.scales is not None:
        other = inputs.coding.scale_values(inputs.scales)
    left, right = weights.integers().astype(np.float64), inputs.integers().astype(np.float64)
    total = np.zeros((weights.rows, inputs.tokens), np.float32)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for g in range(weights.inputs // group):
            part = slice(g * group, (g + 1) * group)
            sums = (left[:, part] @ right[part]).astype(np.float32)
            total += sums * own[:, g, None] * other[None, g]
        return total * np.float32(_step(weights, inputs))
