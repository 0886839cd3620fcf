"""Product of block-sparse int8 weights and uint8 activations, exact in int32, with its epilogue.

The activation is transposed, ``(input features, tokens)``: the tokens lie side by side, so a vector
register holds one input feature of many tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.kernels.blocksparse import INT32_MAX, BlockSparse, check_bound
from netwright.kernels.isa import check_isa, native, selected_isa

MAX_ZERO_POINT = 255
MAX_THREADS = 256

OutputName = Literal["int32", "float32", "uint8", "int8"]
"""What a product may be stored as."""

_LIMITS = {"uint8": (0, 255), "int8": (-128, 127)}


@dataclass(frozen=True, slots=True, eq=False)
class Requantize:
    """What happens to an int32 sum before it is stored.

    In this order: add `bias`; clamp at zero if `relu`; unless the output is int32, multiply as
    float32 by `scale`; for bytes, round half to even, add `zero_point` and saturate.

    Attributes:
        bias: One int32 a row, ``(rows,)``; nothing if ``None``.
        scale: One positive float32 a row, ``(rows,)``; required unless the output is int32.
        relu: Clamp at zero.
        zero_point: Code of the real value zero, -255 to 255; bytes only.
        output: Format of the result.
        largest_bias: Largest magnitude in `bias`.

    Raises:
        DataError: A value is not accepted.
    """

    bias: NDArray[np.int32] | None = None
    scale: NDArray[np.float32] | None = None
    relu: bool = False
    zero_point: int = 0
    output: OutputName = "int32"
    largest_bias: int = field(init=False, repr=False, default=0)

    def __post_init__(self) -> None:
        if self.output not in ("int32", *_LIMITS, "float32"):
            raise DataError(
                f'output must be "int32", "float32", "uint8" or "int8", not "{self.output}"'
            )
        if self.bias is not None:
            object.__setattr__(self, "bias", _vector("bias", self.bias, np.dtype(np.int32)))
            largest = int(np.abs(self.bias.astype(np.int64)).max(initial=0))
            object.__setattr__(self, "largest_bias", largest)
        if self.scale is not None:
            scale = _vector("scale", self.scale, np.dtype(np.float32))
            wrong = np.flatnonzero(~(np.isfinite(scale) & (scale > 0)))
            if wrong.size:
                row = int(wrong[0])
                raise DataError(
                    f"scale must be positive and finite, not {scale[row].item()} in row {row}"
                )
            object.__setattr__(self, "scale", scale)
        elif self.output != "int32":
            raise DataError(f"output {self.output} needs a scale for each row")
        if abs(self.zero_point) > MAX_ZERO_POINT:
            raise DataError(
                f"zero_point must be from -{MAX_ZERO_POINT} to {MAX_ZERO_POINT}, "
                f"not {self.zero_point}"
            )
        if self.zero_point and self.output not in _LIMITS:
            raise DataError(f"zero_point must be 0 for {self.output}, not {self.zero_point}")


PLAIN = Requantize()
"""Store the int32 sums as they are."""


def spmm(
    weights: BlockSparse,
    activation: NDArray[np.uint8],
    *,
    epilogue: Requantize = PLAIN,
    out: NDArray[Any] | None = None,
    num_threads: int = 1,
    isa: str | None = None,
) -> NDArray[Any]:
    """Multiply block-sparse weights by dense activations.

    Args:
        weights: Packed weights of shape ``(rows, columns)``.
        activation: ``(columns, tokens)`` uint8.
        epilogue: What happens to the int32 sums.
        out: Where the result goes, ``(rows, tokens)`` in C order; a new array if ``None``.
        num_threads: Threads to share the rows, 1 to 256. The NumPy path ignores it.
        isa: The path to take; by default :func:`netwright.kernels.selected_isa`.

    Returns:
        ``(rows, tokens)`` in the epilogue's output format, equal to :func:`spmm_reference` in every
        element on every path.

    Raises:
        DataError: Shapes, formats or memory layouts do not fit.
        NumericsError: A row could overflow an int32 sum with this bias.
        ConfigError: The path does not exist or cannot be executed here.
    """
    _check_operands(weights, activation, epilogue)
    if not 1 <= num_threads <= MAX_THREADS:
        raise DataError(f"num_threads must be from 1 to {MAX_THREADS}, not {num_threads}")
    chosen = selected_isa() if isa is None else check_isa(isa)
    shape = (weights.rows, activation.shape[1])
    if out is None:
        out = np.empty(shape, dtype=epilogue.output)
    _check_out(out, shape, epilogue.output, activation)
    if chosen == "numpy" or native is None:
        out[...] = spmm_reference(weights, activation, epilogue=epilogue)
        return out
    native.spmm(
        weights.handle,
        np.ascontiguousarray(activation),
        out,
        epilogue.bias,
        epilogue.scale,
        epilogue.relu,
        epilogue.zero_point,
        chosen,
        num_threads,
    )
    return out


def spmm_reference(
    weights: BlockSparse, activation: NDArray[np.uint8], *, epilogue: Requantize = PLAIN
) -> NDArray[Any]:
    """The same product with NumPy alone: what every path must equal.

    Args:
        weights: Packed weights of shape ``(rows, columns)``.
        activation: ``(columns, tokens)`` uint8.
        epilogue: What happens to the int32 sums.

    Returns:
        ``(rows, tokens)`` in the epilogue's output format.

    Raises:
        DataError: Shapes or formats do not fit.
        NumericsError: A row could overflow an int32 sum with this bias.
    """
    _check_operands(weights, activation, epilogue)
    # Products of float64 are exact here: every partial sum is an integer below 2**32.
    sums = (weights.unpack().astype(np.float64) @ activation.astype(np.float64)).astype(np.int64)
    if epilogue.bias is not None:
        sums += epilogue.bias[:, None]
    if epilogue.relu:
        sums = np.maximum(sums, 0)
    if epilogue.output == "int32":
        return sums.astype(np.int32)
    assert epilogue.scale is not None
    with np.errstate(over="ignore"):
        real = sums.astype(np.int32).astype(np.float32) * epilogue.scale[:, None]
    if epilogue.output == "float32":
        return real
    low, high = _LIMITS[epilogue.output]
    codes = np.rint(np.clip(real, -(2.0**20), 2.0**20)).astype(np.int32) + epilogue.zero_point
    return np.clip(codes, low, high).astype(epilogue.output)


def _check_operands(
    weights: BlockSparse, activation: NDArray[np.uint8], epilogue: Requantize
) -> None:
    if activation.dtype != np.uint8:
        raise DataError(f"activation must be uint8, not {activation.dtype}")
    if activation.ndim != 2 or activation.shape[0] != weights.columns:
        raise DataError(
            f"activation must have shape ({weights.columns}, tokens), not {activation.shape}"
        )
    if activation.shape[1] == 0:
        raise DataError("activation must have at least one token, not 0")
    for name in ("bias", "scale"):
        array = getattr(epilogue, name)
        if array is not None and array.shape != (weights.rows,):
            raise DataError(f"{name} must have shape ({weights.rows},), not {array.shape}")
    if epilogue.bias is not None and epilogue.largest_bias + weights.largest_sum > INT32_MAX:
        check_bound(weights.positive_sums, weights.negative_sums, epilogue.bias.astype(np.int64))


def _check_out(
    out: NDArray[Any], shape: tuple[int, int], dtype: str, activation: NDArray[np.uint8]
) -> None:
    if out.dtype != dtype or out.shape != shape:
        raise DataError(f"out must be {dtype} of shape {shape}, not {out.dtype} of {out.shape}")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise DataError("out must be writeable and in C order")
    if np.may_share_memory(out, activation):
        raise DataError("out must not share memory with activation")


def _vector(name: str, values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype != dtype:
        raise DataError(f"{name} must be a vector of {dtype}, not {array.dtype} of {array.shape}")
    frozen = np.array(array, order="C")
    frozen.flags.writeable = False
    return frozen
