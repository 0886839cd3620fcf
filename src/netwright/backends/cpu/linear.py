"""A linear operator on codes: block-sparse by our kernel, or dense by ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from netwright.backends.cpu.weights import Range
from netwright.errors import ConfigError, DataError, NumericsError, VerificationError, require
from netwright.exchange.onnx.dense_product import dense_product
from netwright.kernels import BlockSparse, Product, Requantize, pack, prepare
from netwright.kernels.arguments import MAX_THREADS
from netwright.kernels.blocksparse import ACTIVATION_MAX, INT32_MAX, check_bound

Way = Literal["sparse", "dense"]
"""How a product is computed: by the block-sparse kernel, or by the dense one of ONNX Runtime."""


@dataclass(frozen=True, slots=True, eq=False)
class IntegerLinear:
    """Weights of a linear operator as integers, and what follows their sums.

    Attributes:
        weights: Codes, ``(outputs, inputs)`` int8.
        epilogue: Bias, scale and form of the result.
    """

    weights: NDArray[np.int8]
    epilogue: Requantize

    def sparsity(self, block_rows: int) -> float:
        """Share of the blocks of so many outputs and one input that is zero, 0..1."""
        blocks = self.weights.reshape(-1, block_rows, self.weights.shape[1])
        return 1.0 - float(blocks.any(axis=1).mean())


def row_steps(largest: NDArray[np.float32]) -> NDArray[np.float32]:
    """The step of each row from its largest magnitude, (outputs,): 127 to either side of zero."""
    least = np.finfo(np.float32).smallest_subnormal
    steps = np.where(largest > 0, np.maximum(largest / np.float32(127), least), np.float32(1))
    return steps.astype(np.float32)


def round_rows(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round weights, each row by its own step.

    Args:
        matrix: ``(outputs, inputs)``.

    Returns:
        Codes, ``(outputs, inputs)``, and the largest magnitude of each row, ``(outputs,)``.
    """
    largest = np.abs(matrix).max(axis=1)
    codes = np.clip(np.rint(matrix / row_steps(largest)[:, None]), -127, 127)
    return codes.astype(np.int8), largest


def _sums(codes: NDArray[np.int8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sums of the positive and of the negative weights of each row, both (outputs,)."""
    return (
        np.maximum(codes, 0).sum(axis=1, dtype=np.int64),
        np.minimum(codes, 0).sum(axis=1, dtype=np.int64),
    )


def _fit_rows(
    codes: NDArray[np.int8],
    step: NDArray[np.float32],
    bias: NDArray[np.float32],
    source: Range,
    result: Range | None,
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Raise the steps of rows whose bias would leave int32, or whose scale would leave float32.

    The weights of such rows are rounded from their codes, so that it does not matter whether they
    were stored in between. All other rows stay as they are.
    """
    positive, negative = _sums(codes)
    zero = source.zero_point
    above = INT32_MAX - positive * (ACTIVATION_MAX - zero) + negative * zero
    below = INT32_MAX + negative * (ACTIVATION_MAX - zero) - positive * zero
    room = np.where(bias < 0, below, above)
    tiny = float(np.finfo(np.float32).tiny)
    coarsest = 1.0 if result is None else max(1.0, result.step)
    least = tiny * max(1.0, coarsest / source.step)
    needed = np.maximum(step.astype(np.float64), least)
    wide = np.abs(bias).astype(np.float64) / source.step
    short = (np.rint(wide / needed) > room) & (room > 1)
    # Half of the room leaves the bias 23 bits or more: as many as float32 has.
    needed = np.where(short, wide / np.maximum(room // 2, 1), needed)
    raised = needed > step
    fitted = np.where(raised, needed, step).astype(np.float32)
    scaled = np.rint(codes[raised] * (step[raised] / fitted[raised])[:, None])
    codes = codes.copy()
    codes[raised] = scaled.astype(np.int8)
    return codes, fitted


def quantize_linear(
    matrix: NDArray[np.float32],
    bias: NDArray[np.float32],
    source: Range,
    *,
    result: Range | None = None,
    table: NDArray[Any] | None = None,
) -> IntegerLinear:
    """Round a linear operator to integers.

    Each row gets 127 steps on either side of zero. Where its weights are so small that its bias
    would not fit an int32 sum of such steps, the step is raised until the bias fits.

    Args:
        matrix: ``(outputs, inputs)``.
        bias: ``(outputs,)``.
        source: Range of the operator's input.
        result: Range of its output; float32 values with a residual added if not given.
        table: What replaces the codes of the result.

    Raises:
        DataError: The shapes do not fit each other.
        NumericsError: A value is not finite, or the sum of a row could leave int32.

    >>> matrix, bias = np.array([[1e-9]], np.float32), np.array([0.5], np.float32)
    >>> linear = quantize_linear(matrix, bias, Range(-1.0, 1.0))
    >>> round(float(linear.epilogue.bias[0] * linear.epilogue.scale[0]), 6)
    0.5
    """
    if np.ndim(matrix) != 2 or 0 in np.shape(matrix) or np.shape(bias) != np.shape(matrix)[:1]:
        raise DataError(
            "the weights must be (outputs, inputs) and the bias (outputs,), "
            f"not {np.shape(matrix)} and {np.shape(bias)}"
        )
    for name, values in (("weights", matrix), ("bias", bias)):
        if not np.isfinite(values).all():
            raise NumericsError(f"the {name} of a linear operator must be finite")
    codes, largest = round_rows(matrix)
    codes, step = _fit_rows(codes, row_steps(largest), bias, source, result)
    unit = step.astype(np.float64) * source.step
    positive, negative = _sums(codes)
    whole = np.rint(bias / unit) - (positive + negative) * source.zero_point
    check_bound(positive, negative, whole)
    whole = whole.astype(np.int32)
    if result is None:
        epilogue = Requantize(
            bias=whole, scale=unit.astype(np.float32), residual=True, output="float32"
        )
    else:
        epilogue = Requantize(
            bias=whole,
            scale=(unit / result.step).astype(np.float32),
            zero_point=result.zero_point,
            output="int8" if result.signed else "uint8",
            table=table,
        )
    return IntegerLinear(codes, epilogue)


@dataclass(frozen=True, slots=True, eq=False)
class SparseProduct:
    """The block-sparse kernel with its epilogue.

    Attributes:
        packed: The weights.
        product: The kernel.
    """

    packed: BlockSparse
    product: Product

    def __call__(
        self,
        codes: NDArray[np.uint8],
        *,
        residual: NDArray[np.float32] | None = None,
        num_threads: int = 1,
    ) -> NDArray[Any]:
        """``(inputs, tokens)`` to ``(outputs, tokens)``."""
        return self.product(codes, residual=residual, num_threads=num_threads)


def _session(runtime: Any, model: bytes, num_threads: int, *, precise: bool) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = int(num_threads)
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if precise:
        options.add_session_config_entry("session.x64quantprecision", "1")
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@cache
def _needs_precision(runtime: Any) -> bool:
    """Whether the library must be told to be exact; tried once a process.

    Without VNNI it adds pairs of products in 16 bits, and saturates them, unless it is told; with
    VNNI it is exact anyway, and slower by several times if it is told.

    Raises:
        VerificationError: Its sums of the largest products are not exact either way.
    """
    weights = np.full((32, 64), 127, np.int8)
    weights[8:16] = -127
    weights[16:, 1::2] = -128
    codes: NDArray[np.uint8] = np.full((64, 16), 255, np.uint8)
    codes[:, 8:] = np.arange(192, 256, dtype=np.uint8)[:, None]
    exact = weights.astype(np.int64) @ codes
    model = dense_product(weights, Requantize(scale=np.ones(32, np.float32), output="float32"))
    for precise in (False, True):
        (found,) = _session(runtime, model, 1, precise=precise).run(None, {"codes": codes})
        if np.array_equal(found, exact):
            return precise
    row, token = (int(index) for index in np.argwhere(found != exact)[0])
    raise VerificationError(
        f"ONNX Runtime {runtime.__version__} must give {exact[row, token]} for an int8 product of "
        f"extreme values in row {row}, column {token}, not {found[row, token]:g}",
        hint='install another version, or build the engine with way="sparse"',
    )


@dataclass(frozen=True, slots=True, eq=False)
class DenseProduct:
    """The same by the dense product of ONNX Runtime; equal in every element.

    Attributes:
        linear: Weights and epilogue.
        num_threads: Threads of the session.

    Raises:
        MissingExtra: ONNX Runtime or onnx is not installed.
        NumericsError: A sum could leave int32.
        VerificationError: The library's sums are not exact on this processor.
    """

    linear: IntegerLinear
    num_threads: int = 1
    session: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        runtime = require(
            "onnxruntime", extra="cpu", purpose="the dense product of the cpu backend"
        )
        precise = _needs_precision(runtime)
        bias = self.linear.epilogue.bias
        check_bound(*_sums(self.linear.weights), 0 if bias is None else bias.astype(np.int64))
        model = dense_product(self.linear.weights, self.linear.epilogue)
        object.__setattr__(
            self, "session", _session(runtime, model, self.num_threads, precise=precise)
        )

    def __call__(
        self,
        codes: NDArray[np.uint8],
        *,
        residual: NDArray[np.float32] | None = None,
        num_threads: int = 1,
    ) -> NDArray[Any]:
        """``(inputs, tokens)`` to ``(outputs, tokens)``; the session's threads count."""
        feeds = {"codes": codes} if residual is None else {"codes": codes, "residual": residual}
        (found,) = self.session.run(None, feeds)
        table = self.linear.epilogue.table
        return found if table is None else np.take(table, found.view(np.uint8))


def make_product(
    linear: IntegerLinear,
    way: Way,
    *,
    block_rows: int = 4,
    num_threads: int = 1,
    isa: str | None = None,
) -> SparseProduct | DenseProduct:
    """Make an operator ready.

    Args:
        linear: Weights and epilogue.
        way: The block-sparse kernel, or the dense product of ONNX Runtime.
        block_rows: Outputs of a block, 4 or 8.
        num_threads: Threads of the dense product; the other one is told with each call.
        isa: The path of the block-sparse kernel; by default
            :func:`netwright.kernels.selected_isa`.

    Raises:
        ConfigError: The way, the block or the number of threads is not accepted.
        DataError: R does not divide the outputs.
        NumericsError: A sum could leave int32.
        MissingExtra: The dense way needs ONNX Runtime.
        VerificationError: The sums of ONNX Runtime are not exact on this processor.
    """
    check_options(way=way, block_rows=block_rows, num_threads=num_threads)
    if way == "dense":
        return DenseProduct(linear, num_threads)
    packed = pack(linear.weights, block_rows=block_rows)
    return SparseProduct(packed, prepare(packed, epilogue=linear.epilogue, isa=isa))


def check_options(*, way: str | None = None, block_rows: int = 4, num_threads: int = 1) -> None:
    """Refuse options that no product takes.

    Raises:
        ConfigError: An option is not accepted; all faults are listed.
    """
    faults = []
    if way not in (None, *get_args(Way)):
        faults.append(f'way must be "sparse" or "dense", not {way!r}')
    if not _is_integer(block_rows) or block_rows not in (4, 8):
        faults.append(f"block_rows must be 4 or 8, not {block_rows!r}")
    if not _is_integer(num_threads) or not 1 <= num_threads <= MAX_THREADS:
        faults.append(
            f"num_threads must be an integer from 1 to {MAX_THREADS}, not {num_threads!r}"
        )
    if faults:
        raise ConfigError(faults)


def _is_integer(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
