"""What follows the int32 sums of a product: real values, their statistics, codes, a table.

Every step but GELU is one float32 operation that is not fused with another, so the compiled kernels
and this reference agree bit by bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError

MAX_ZERO_POINT = 255

OutputName = Literal["int32", "float32", "uint8", "int8"]
"""What a product may be stored as."""

LIMITS = {"uint8": (0, 255), "int8": (-128, 127)}
"""Least and greatest code of the byte formats."""

GELU_TOLERANCE = 3e-7
"""Compiled GELU is this close to the exact one, times max(1, ``|x|``)."""


@dataclass(frozen=True, slots=True, eq=False)
class Requantize:
    """What happens to an int32 sum before it is stored.

    In this order: add `bias`; clamp at zero if `relu`; unless the output is int32, multiply as
    float32 by `scale`; add the residual; apply GELU; for bytes, multiply by `multiplier`, round
    half to even, add `zero_point`, saturate, and replace each code by its entry in `table`.

    Attributes:
        bias: One int32 a row, ``(rows,)``; nothing if ``None``.
        scale: One positive float32 a row, ``(rows,)``; required unless the output is int32.
        relu: Clamp at zero.
        residual: A float32 matrix of the result's shape is added; it is given with each call.
        gelu: Apply x / 2 (1 + erf(x / sqrt 2)); see :data:`GELU_TOLERANCE`.
        multiplier: Codes for one real unit, bytes only. Without residual and GELU it is better
            folded into `scale`.
        zero_point: Code of the real value zero, -255 to 255; bytes only.
        output: Format of the result, before `table`.
        table: 256 bytes, uint8 or int8, indexed by the code as an unsigned byte; bytes only. See
            :func:`gelu_table`.
        largest_bias: Largest magnitude in `bias`.

    Raises:
        DataError: A value is not accepted.
    """

    bias: NDArray[np.int32] | None = None
    scale: NDArray[np.float32] | None = None
    relu: bool = False
    residual: bool = False
    gelu: bool = False
    multiplier: float = 1.0
    zero_point: int = 0
    output: OutputName = "int32"
    table: NDArray[Any] | None = None
    largest_bias: int = field(init=False, repr=False, default=0)

    def __post_init__(self) -> None:
        if self.output not in ("int32", *LIMITS, "float32"):
            raise DataError(
                f'output must be "int32", "float32", "uint8" or "int8", not "{self.output}"'
            )
        if self.bias is not None:
            object.__setattr__(self, "bias", _vector("bias", self.bias, np.dtype(np.int32)))
            largest = int(np.abs(self.bias.astype(np.int64)).max(initial=0))
            object.__setattr__(self, "largest_bias", largest)
        if self.scale is not None:
            object.__setattr__(self, "scale", _positive(self.scale))
        elif self.output != "int32":
            raise DataError(f"output {self.output} needs a scale for each row")
        if self.output == "int32" and (self.residual or self.gelu):
            raise DataError("output int32 takes no residual and no GELU: they need real values")
        self._check_codes()

    def _check_codes(self) -> None:
        if abs(self.zero_point) > MAX_ZERO_POINT:
            raise DataError(
                f"zero_point must be from -{MAX_ZERO_POINT} to {MAX_ZERO_POINT}, "
                f"not {self.zero_point}"
            )
        if not (math.isfinite(self.multiplier) and np.float32(self.multiplier) > 0):
            raise DataError(f"multiplier must be positive and finite, not {self.multiplier}")
        if self.output not in LIMITS:
            for name, neutral in (("zero_point", 0), ("multiplier", 1.0)):
                value = getattr(self, name)
                if value != neutral:
                    raise DataError(f"{name} must be {neutral} for {self.output}, not {value}")
            if self.table is not None:
                raise DataError(f"output {self.output} takes no table: it needs bytes")
        if self.table is None:
            return
        table = np.asarray(self.table)
        if table.shape != (256,) or table.dtype not in (np.uint8, np.int8):
            raise DataError(
                f"table must be 256 values of uint8 or int8, not {table.dtype} of {table.shape}"
            )
        object.__setattr__(self, "table", _frozen(table))

    @property
    def result(self) -> np.dtype[Any]:
        """Format of what is stored in the end."""
        return np.dtype(self.output) if self.table is None else self.table.dtype


def apply(
    sums: NDArray[np.int64],
    epilogue: Requantize,
    *,
    residual: NDArray[np.float32] | None = None,
    statistics: NDArray[np.float64] | None = None,
) -> NDArray[Any]:
    """The reference of every epilogue.

    Args:
        sums: Products before the bias, ``(rows, tokens)``; with it they must fit int32.
        epilogue: What happens to them.
        residual: ``(rows, tokens)``, if the epilogue adds one.
        statistics: Where mean and sum of squared deviations of the real values of each token go,
            ``(2, tokens)``.

    Returns:
        ``(rows, tokens)`` in the epilogue's result format.
    """
    if epilogue.bias is not None:
        sums = sums + epilogue.bias[:, None]
    if epilogue.relu:
        sums = np.maximum(sums, 0)
    if epilogue.output == "int32":
        return sums.astype(np.int32)
    assert epilogue.scale is not None
    with np.errstate(over="ignore", invalid="ignore"):
        real = sums.astype(np.int32).astype(np.float32) * epilogue.scale[:, None]
        if residual is not None:
            real = real + residual
    if epilogue.gelu:
        real = gelu(real).astype(np.float32)
    if statistics is not None:
        statistics[0] = real.mean(axis=0, dtype=np.float64)
        statistics[1] = np.square(real - statistics[0]).sum(axis=0)
    if epilogue.output == "float32":
        return real
    codes = _codes(real, epilogue)
    return codes if epilogue.table is None else epilogue.table[codes.view(np.uint8)]


def _codes(real: NDArray[np.float32], epilogue: Requantize) -> NDArray[Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = real * np.float32(epilogue.multiplier)
        # A value that is no number becomes the least code.
        bounded = np.where(scaled > -1024.0, np.minimum(scaled, np.float32(1024.0)), -1024.0)
    low, high = LIMITS[epilogue.output]
    codes = np.rint(bounded).astype(np.int32) + epilogue.zero_point
    return np.clip(codes, low, high).astype(epilogue.output)


def gelu(values: NDArray[Any]) -> NDArray[np.float64]:
    """Exact x / 2 (1 + erf(x / sqrt 2)), in float64.

    >>> import numpy as np
    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(6).tolist()
    [-0.158655, 0.0, 0.841345]
    """
    real = np.asarray(values, dtype=np.float64)
    erf = np.vectorize(math.erf, otypes=[np.float64])
    return 0.5 * real * (1.0 + erf(real / math.sqrt(2.0)))


def gelu_table(
    scale: float,
    zero_point: int,
    result_scale: float,
    result_zero_point: int,
    *,
    codes: Literal["uint8", "int8"] = "uint8",
    result: Literal["uint8", "int8"] = "uint8",
) -> NDArray[Any]:
    """GELU from codes to codes, for :attr:`Requantize.table`.

    Args:
        scale: Real value of one step of the codes looked up.
        zero_point: Code of the real value zero among them.
        result_scale: Real value of one step of the result.
        result_zero_point: Code of the real value zero in the result.
        codes: Format of the codes looked up.
        result: Format of the result.

    Returns:
        256 entries, indexed by the code as an unsigned byte; rounded half to even, saturated.

    Raises:
        DataError: A scale is not positive and finite.
    """
    for name, value in (("scale", scale), ("result_scale", result_scale)):
        if not (math.isfinite(value) and value > 0):
            raise DataError(f"{name} must be positive and finite, not {value}")
    inputs = np.arange(256, dtype=np.uint8).view(codes).astype(np.float64)
    real = gelu((inputs - zero_point) * scale)
    low, high = LIMITS[result]
    return np.clip(np.rint(real / result_scale) + result_zero_point, low, high).astype(result)


def _positive(values: NDArray[np.float32]) -> NDArray[np.float32]:
    scale = _vector("scale", values, np.dtype(np.float32))
    wrong = np.flatnonzero(~(np.isfinite(scale) & (scale > 0)))
    if wrong.size:
        row = int(wrong[0])
        raise DataError(f"scale must be positive and finite, not {scale[row].item()} in row {row}")
    return scale


def _vector(name: str, values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype != dtype:
        raise DataError(f"{name} must be a vector of {dtype}, not {array.dtype} of {array.shape}")
    return _frozen(array)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    frozen = np.array(array, order="C")
    frozen.flags.writeable = False
    return frozen
