"""A linear operator on codes: block-sparse by our kernel, or dense by ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from netwright.backends.cpu.weights import Range
from netwright.errors import require
from netwright.exchange.dense_product import dense_product
from netwright.kernels import BlockSparse, Product, Requantize, pack, prepare
from netwright.kernels.blocksparse import INT32_MAX, check_bound

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
    steps = np.where(largest > 0, largest / np.float32(127), np.float32(1))
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


def quantize_linear(
    matrix: NDArray[np.float32],
    bias: NDArray[np.float32],
    source: Range,
    *,
    result: Range | None = None,
    table: NDArray[Any] | None = None,
) -> IntegerLinear:
    """Round a linear operator to integers.

    Args:
        matrix: ``(outputs, inputs)``; each row gets 127 steps on either side of zero.
        bias: ``(outputs,)``.
        source: Range of the operator's input.
        result: Range of its output; float32 values with a residual added if not given.
        table: What replaces the codes of the result.
    """
    codes, largest = round_rows(matrix)
    step = row_steps(largest)
    unit = step.astype(np.float64) * source.step
    offsets = codes.sum(axis=1, dtype=np.int64) * source.zero_point
    whole = np.rint(bias / unit).astype(np.int64) - offsets
    whole = np.clip(whole, -INT32_MAX, INT32_MAX).astype(np.int32)
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


@dataclass(frozen=True, slots=True, eq=False)
class DenseProduct:
    """The same by the dense product of ONNX Runtime; equal in every element.

    Attributes:
        linear: Weights and epilogue.
        num_threads: Threads of the session.
    """

    linear: IntegerLinear
    num_threads: int = 1
    session: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        runtime = require(
            "onnxruntime", extra="cpu", purpose="the dense product of the cpu backend"
        )
        weights = self.linear.weights.astype(np.int64)
        bias = self.linear.epilogue.bias
        positive, negative = np.maximum(weights, 0), np.minimum(weights, 0)
        whole = 0 if bias is None else bias.astype(np.int64)
        check_bound(positive.sum(axis=1), negative.sum(axis=1), whole)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.num_threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model = dense_product(self.linear.weights, self.linear.epilogue)
        session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        object.__setattr__(self, "session", session)

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
    linear: IntegerLinear, way: Way, *, block_rows: int, num_threads: int, isa: str | None
) -> SparseProduct | DenseProduct:
    """Make an operator ready.

    Raises:
        DataError: R does not divide the outputs.
        NumericsError: A sum could leave int32.
        MissingExtra: The dense way needs ONNX Runtime.
    """
    if way == "dense":
        return DenseProduct(linear, num_threads)
    packed = pack(linear.weights, block_rows=block_rows)
    return SparseProduct(packed, prepare(packed, epilogue=linear.epilogue, isa=isa))
