"""Product of block-sparse int8 weights and uint8 activations, exact in int32, with its epilogue.

The activation is transposed, ``(input features, tokens)``: the tokens lie side by side, so a vector
register holds one input feature of many tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.kernels.arguments import check_apart, check_array, check_threads
from netwright.kernels.blocksparse import INT32_MAX, BlockSparse, check_bound
from netwright.kernels.epilogue import Requantize, apply
from netwright.kernels.isa import check_isa, native, selected_isa
from netwright.kernels.memory import aligned_empty

PLAIN = Requantize()
"""Store the int32 sums as they are."""

_SAFE_REAL = 2.0**30
"""Scaled sums below this are converted to int32 without a bound check."""


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """Weights and an epilogue, made ready once and called often; :func:`prepare` makes it.

    Attributes:
        weights: Packed weights of shape ``(rows, columns)``.
        epilogue: What happens to the int32 sums.
        isa: The path taken.
        handle: The compiled kernels' own form; ``None`` on the NumPy path.

    Raises:
        DataError: The epilogue does not fit the weights.
        NumericsError: A row could overflow an int32 sum with this bias.
    """

    weights: BlockSparse
    epilogue: Requantize
    isa: str
    handle: Any = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        weights, epilogue = self.weights, self.epilogue
        for name in ("bias", "scale"):
            array = getattr(epilogue, name)
            if array is not None and array.shape != (weights.rows,):
                raise DataError(f"{name} must have shape ({weights.rows},), not {array.shape}")
        largest = weights.largest_sum + epilogue.largest_bias
        if epilogue.bias is not None and largest > INT32_MAX:
            bias = epilogue.bias.astype(np.int64)
            check_bound(weights.positive_sums, weights.negative_sums, bias)
        if native is None or self.isa == "numpy":
            return
        scale = np.zeros(0, np.float32) if epilogue.scale is None else epilogue.scale
        table = np.zeros(0, np.uint8) if epilogue.table is None else epilogue.table.view(np.uint8)
        handle = native.Product(
            weights.handle,
            np.zeros(0, np.int32) if epilogue.bias is None else epilogue.bias,
            scale,
            epilogue.relu,
            epilogue.residual,
            epilogue.gelu,
            epilogue.multiplier,
            epilogue.zero_point,
            epilogue.output,
            largest * float(scale.max(initial=0.0)) < _SAFE_REAL,
            table,
            self.isa,
        )
        object.__setattr__(self, "handle", handle)

    def __call__(
        self,
        activation: NDArray[np.uint8],
        *,
        residual: NDArray[np.float32] | None = None,
        statistics: NDArray[np.float64] | None = None,
        out: NDArray[Any] | None = None,
        num_threads: int = 1,
    ) -> NDArray[Any]:
        """Multiply; see :func:`spmm`."""
        if out is None:
            is_matrix = isinstance(activation, np.ndarray) and activation.ndim == 2
            tokens = activation.shape[1] if is_matrix else 0
            out = aligned_empty((self.weights.rows, tokens), self.epilogue.result)
        elif out.dtype != self.epilogue.result:
            self._check(activation, residual, statistics, out, num_threads)
        if self.handle is not None:
            try:  # the kernels check everything too; what is wrong is only said if something is
                self.handle.run(activation, out, residual, statistics, num_threads)
                return out
            except (TypeError, ValueError):
                pass
        self._check(activation, residual, statistics, out, num_threads)
        if self.handle is not None:
            dense = np.ascontiguousarray(activation)
            added = None if residual is None else np.ascontiguousarray(residual)
            self.handle.run(dense, out, added, statistics, num_threads)
            return out
        sums = _exact_sums(self.weights, activation)
        out[...] = apply(sums, self.epilogue, residual=residual, statistics=statistics)
        return out

    def _check(
        self,
        activation: NDArray[np.uint8],
        residual: NDArray[np.float32] | None,
        statistics: NDArray[np.float64] | None,
        out: NDArray[Any],
        num_threads: int,
    ) -> None:
        check_threads(num_threads)
        _check_operands(self.weights, activation, self.epilogue, residual, statistics)
        shape = (self.weights.rows, activation.shape[1])
        result = self.epilogue.result
        if out.dtype != result or out.shape != shape:
            raise DataError(
                f"out must be {result} of shape {shape}, not {out.dtype} of {out.shape}"
            )
        if not (out.flags.c_contiguous and out.flags.writeable):
            raise DataError("out must be writeable and in C order")
        check_apart(
            {"out": out, "statistics": statistics},
            {"activation": activation, "residual": residual},
        )


def prepare(
    weights: BlockSparse, *, epilogue: Requantize = PLAIN, isa: str | None = None
) -> Product:
    """Make a product ready, so that a call costs little more than the multiplication.

    Args:
        weights: Packed weights of shape ``(rows, columns)``.
        epilogue: What happens to the int32 sums.
        isa: The path to take; by default :func:`netwright.kernels.selected_isa`.

    Raises:
        DataError: The epilogue does not fit the weights.
        NumericsError: A row could overflow an int32 sum with this bias.
        ConfigError: The path does not exist or cannot be executed here.

    >>> import numpy as np
    >>> from netwright.kernels import pack
    >>> product = prepare(pack(np.eye(4, dtype=np.int8)))
    >>> product(np.arange(8, dtype=np.uint8).reshape(4, 2)).tolist()
    [[0, 1], [2, 3], [4, 5], [6, 7]]
    """
    return Product(weights, epilogue, selected_isa() if isa is None else check_isa(isa))


def spmm(
    weights: BlockSparse,
    activation: NDArray[np.uint8],
    *,
    epilogue: Requantize = PLAIN,
    residual: NDArray[np.float32] | None = None,
    statistics: NDArray[np.float64] | None = None,
    out: NDArray[Any] | None = None,
    num_threads: int = 1,
    isa: str | None = None,
) -> NDArray[Any]:
    """Multiply block-sparse weights by dense activations; :func:`prepare` to do it often.

    Args:
        weights: Packed weights of shape ``(rows, columns)``.
        activation: ``(columns, tokens)`` uint8.
        epilogue: What happens to the int32 sums.
        residual: ``(rows, tokens)`` float32, if the epilogue adds one. What is no number stays so
            in float32 and becomes the least code in bytes.
        statistics: Where the mean and the sum of squared deviations over the rows of each token's
            real values go (after residual and GELU), ``(2, tokens)`` float64: what LayerNorm needs.
            Float sums: they differ from the reference's by rounding.
        out: Where the result goes, ``(rows, tokens)`` in C order; a new array if ``None``.
        num_threads: Threads to share the rows, 1 to 256. The NumPy path ignores it.
        isa: The path to take; by default :func:`netwright.kernels.selected_isa`.

    Returns:
        ``(rows, tokens)`` in the epilogue's result format, equal to :func:`spmm_reference` in every
        element on every path; only GELU of real values is approximate.

    Raises:
        DataError: Shapes, formats or memory layouts do not fit, or what is written shares memory
            with another array.
        NumericsError: A row could overflow an int32 sum with this bias.
        ConfigError: The path does not exist or cannot be executed here.
    """
    product = prepare(weights, epilogue=epilogue, isa=isa)
    return product(
        activation, residual=residual, statistics=statistics, out=out, num_threads=num_threads
    )


def spmm_reference(
    weights: BlockSparse,
    activation: NDArray[np.uint8],
    *,
    epilogue: Requantize = PLAIN,
    residual: NDArray[np.float32] | None = None,
    statistics: NDArray[np.float64] | None = None,
) -> NDArray[Any]:
    """The same product with NumPy alone: what every path must equal.

    Args:
        weights: Packed weights of shape ``(rows, columns)``.
        activation: ``(columns, tokens)`` uint8.
        epilogue: What happens to the int32 sums.
        residual: ``(rows, tokens)`` float32, if the epilogue adds one.
        statistics: Where mean and sum of squared deviations go, ``(2, tokens)`` float64.

    Returns:
        ``(rows, tokens)`` in the epilogue's result format.

    Raises:
        DataError: Shapes or formats do not fit.
        NumericsError: A row could overflow an int32 sum with this bias.
    """
    product = Product(weights, epilogue, "numpy")
    return product(activation, residual=residual, statistics=statistics)


def _exact_sums(weights: BlockSparse, activation: NDArray[np.uint8]) -> NDArray[np.int64]:
    # Products of float64 are exact here: every partial sum is an integer below 2**32.
    return (weights.unpack().astype(np.float64) @ activation.astype(np.float64)).astype(np.int64)


def _check_operands(
    weights: BlockSparse,
    activation: NDArray[np.uint8],
    epilogue: Requantize,
    residual: NDArray[np.float32] | None,
    statistics: NDArray[np.float64] | None,
) -> None:
    check_array("activation", activation, np.uint8, (weights.columns, "tokens"))
    tokens = activation.shape[1]
    if (residual is not None) != epilogue.residual:
        raise DataError(
            "residual is missing, and the epilogue adds one"
            if epilogue.residual
            else "residual must be None for an epilogue that adds none"
        )
    shape = (weights.rows, tokens)
    if residual is not None:
        check_array("residual", residual, np.float32, shape)
    if statistics is None:
        return
    if epilogue.output == "int32":
        raise DataError("output int32 has no statistics: they need real values")
    check_array("statistics", statistics, np.float64, (2, tokens))
    if not (statistics.flags.c_contiguous and statistics.flags.writeable):
        raise DataError("statistics must be writeable and in C order")
