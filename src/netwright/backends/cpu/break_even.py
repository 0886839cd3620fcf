"""From what share of zeros the block-sparse kernel is faster than the dense one, measured here.

The break-even depends on the processor (AMX helps the dense product only), so it is measured once
for each shape and kept in a file of the user's cache.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netwright.backends.cpu.linear import IntegerLinear, make_product
from netwright.errors import MissingExtra
from netwright.files import write_text
from netwright.kernels import Requantize, selected_isa

SPARSITIES = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)
"""Shares of zero blocks at which both products are timed."""

TOKENS = 256
"""Tokens of the timed products."""

ROUNDS = 7
"""Turns of each contestant; the median counts."""

NEVER = 2.0
"""The break-even where the dense product is faster at every share."""


def cache_file() -> Path:
    """Where break-evens are kept: ``netwright/break-even.json`` in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "netwright" / "break-even.json"


def crossing(sparsities: tuple[float, ...], sparse: list[float], dense: list[float]) -> float:
    """Share of zeros from which the sparse product is faster, by linear interpolation.

    Args:
        sparsities: Shares in ascending order.
        sparse: Seconds of the sparse product at each.
        dense: Seconds of the dense product at each.

    Returns:
        0 to 1, or :data:`NEVER`. Beyond the last share at which dense is faster, sparse is faster
        everywhere that was measured.

    >>> crossing((0.0, 0.5, 1.0), [3.0, 2.0, 1.0], [1.5, 1.5, 1.5])
    0.75
    """
    gains = [theirs - ours for ours, theirs in zip(sparse, dense, strict=True)]
    slower = [at for at, gain in enumerate(gains) if gain <= 0]
    if not slower:
        return 0.0
    last = slower[-1]
    if last == len(gains) - 1:
        return NEVER
    share = -gains[last] / (gains[last + 1] - gains[last])
    return sparsities[last] + share * (sparsities[last + 1] - sparsities[last])


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Break-evens by shape, looked up in a file or measured and kept there.

    Attributes:
        path: The file; in the user's cache if not given. A file that is damaged is replaced.
    """

    path: Path = field(default_factory=cache_file)

    def choose(
        self, shape: tuple[int, ...], sparsity: float, block_rows: int = 4
    ) -> Literal["sparse", "dense"]:
        """The faster way for weights of this shape and share of zero blocks.

        Without ONNX Runtime, it is the block-sparse kernel.
        """
        return "sparse" if sparsity >= self.at(shape, block_rows) else "dense"

    def at(self, shape: tuple[int, ...], block_rows: int = 4) -> float:
        """The break-even of a shape ``(outputs, inputs)``, 0 to 1 or :data:`NEVER`."""
        try:
            runtime = version("onnxruntime")
        except PackageNotFoundError:
            return 0.0
        host = f"{_processor()}, {selected_isa()}, onnxruntime {runtime}"
        key = f"{host}: {shape[0]}x{shape[1]}, {block_rows}x1"
        known = self._read()
        if key not in known:
            known[key] = round(measure(shape, block_rows), 3)
            write_text(self.path, json.dumps(known, indent=1, sort_keys=True) + "\n")
        return known[key]

    def _read(self) -> dict[str, float]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {
            str(key): float(value)
            for key, value in found.items()
            if isinstance(value, (int, float)) and 0 <= value <= NEVER
        }


def measure(shape: tuple[int, ...], block_rows: int = 4) -> float:
    """Time both products of this shape at several shares of zeros; 0 without ONNX Runtime."""
    outputs, inputs = shape
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, (inputs, TOKENS), dtype=np.uint8)
    sparse, dense = [], []
    try:
        for sparsity in SPARSITIES:
            linear = random_linear(random, outputs, inputs, sparsity, block_rows=block_rows)
            ours = make_product(linear, "sparse", block_rows=block_rows, num_threads=1, isa=None)
            theirs = make_product(linear, "dense", block_rows=block_rows, num_threads=1, isa=None)
            seconds: tuple[list[float], list[float]] = ([], [])
            for turn in range(ROUNDS + 1):
                for product, found in zip((ours, theirs), seconds, strict=True):
                    started = time.thread_time()
                    product(codes)
                    if turn:
                        found.append(time.thread_time() - started)
            sparse.append(statistics.median(seconds[0]))
            dense.append(statistics.median(seconds[1]))
    except MissingExtra:
        return 0.0
    return crossing(SPARSITIES, sparse, dense)


def random_linear(
    random: np.random.Generator,
    outputs: int,
    inputs: int,
    sparsity: float,
    *,
    block_rows: int = 4,
) -> IntegerLinear:
    """An operator with random codes and a random block mask, for timing.

    Args:
        random: Where the numbers come from.
        outputs: Rows.
        inputs: Columns.
        sparsity: Expected share of zero blocks.
        block_rows: Rows of a block.
    """
    kept = random.random((outputs // block_rows, inputs)) >= sparsity
    weights: NDArray[np.int8] = random.integers(-127, 128, (outputs, inputs), dtype=np.int8)
    weights *= np.repeat(kept, block_rows, axis=0)
    epilogue = Requantize(
        bias=np.zeros(outputs, np.int32),
        scale=np.full(outputs, 1e-4, np.float32),
        zero_point=128,
        output="uint8",
    )
    return IntegerLinear(weights, epilogue)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
