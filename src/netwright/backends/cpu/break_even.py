"""From what share of zeros the block-sparse kernel is faster than the dense one, measured here.

The break-even depends on the processor (AMX helps the dense product only), so it is measured once
for each shape and kept in the file ``break-even.json`` of the user's cache,
:func:`netwright.files.cache_folder`. Delete the file to measure again.
"""

from __future__ import annotations

import json
import logging
import platform
import statistics
import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from netwright import __version__
from netwright.backends.cpu.linear import IntegerLinear, Way, check_options, make_product
from netwright.errors import DataError, MissingExtra, RunError, VerificationError, require
from netwright.files import cache_folder, write_text
from netwright.kernels import Requantize, selected_isa
from netwright.kernels.isa import check_isa
from netwright.reading import read_json

SPARSITIES = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9)
"""Shares of zero blocks at which both products are timed."""

TOKENS = (31, 256)
"""Tokens of the timed products: a sentence that fills no vector whole, and a batch; the seconds a
token of both count alike."""

ROUNDS = 7
"""Turns of each contestant; the median counts."""

NEVER = 2.0
"""The break-even where the dense product is faster at every share."""


_FIELDS = ("vendor_id", "model name", "cpu family", "model", "stepping")
_ARM_FIELDS = ("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision")

_log = logging.getLogger(__name__)


def cache_file() -> Path:
    """Where break-evens are kept: ``break-even.json`` in the user's cache."""
    return cache_folder() / "break-even.json"


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

    Delete the file to measure again, for instance when the machine was busy the first time. What
    was measured with another processor, version of ONNX Runtime or of this package, path of the
    kernels or number of threads does not count.

    Attributes:
        path: The file, by default :func:`cache_file`. A file that is damaged is replaced. Where it
            cannot be written, or with ``None``, the values last as long as this object.
    """

    path: Path | None = field(default_factory=cache_file)
    _unwritten: dict[str, float] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        if self.path is not None:
            object.__setattr__(self, "path", Path(self.path))

    def choose(
        self,
        shape: tuple[int, ...],
        sparsity: float,
        block_rows: int = 4,
        *,
        num_threads: int = 1,
        isa: str | None = None,
    ) -> Way:
        """The faster way for weights of this shape and share of zero blocks; see :meth:`at`."""
        found = self.at(shape, block_rows, num_threads=num_threads, isa=isa)
        return "sparse" if sparsity >= found else "dense"

    def at(
        self,
        shape: tuple[int, ...],
        block_rows: int = 4,
        *,
        num_threads: int = 1,
        isa: str | None = None,
    ) -> float:
        """The break-even of a shape ``(outputs, inputs)``, 0 to 1 or :data:`NEVER`.

        Without ONNX Runtime or onnx, or where the sums of the former are not exact, it is 0, so
        that the block-sparse kernel is taken, and nothing is kept.

        Args:
            shape: Outputs and inputs; the former a multiple of `block_rows`.
            block_rows: Outputs of a block, 4 or 8.
            num_threads: Threads of the products.
            isa: The path of the kernels; by default :func:`netwright.kernels.selected_isa`.

        Raises:
            ConfigError: The block, the number of threads or the path is not accepted.
            DataError: The shape is not accepted.
        """
        _check(shape, block_rows, num_threads)
        path = selected_isa() if isa is None else check_isa(isa)
        try:
            key = (
                f"{_processor()}, {path}, onnxruntime {_runtime_version()}, "
                f"netwright {__version__}: {shape[0]}x{shape[1]}, {block_rows}x1, "
                f"{' and '.join(map(str, TOKENS))} tokens, "
                f"{num_threads} thread{'s' * (num_threads > 1)}"
            )
            known = self._read()
            if key in known:
                return known[key]
            known[key] = round(measure(shape, block_rows, num_threads=num_threads, isa=path), 3)
        except MissingExtra:
            return 0.0
        except VerificationError as error:
            _log.warning("the dense product is not used: %s", error.message)
            return 0.0
        self._write(known, key)
        return known[key]

    def _read(self) -> dict[str, float]:
        if self.path is None:
            return dict(self._unwritten)
        found: Any = {}
        try:
            found = read_json(self.path) if self.path.exists() else {}
        except (OSError, DataError) as error:
            _log.warning("%s: is damaged and not used (%s)", self.path, type(error).__name__)
        if not isinstance(found, dict):
            _log.warning("%s: is damaged and not used (no JSON object)", self.path)
            found = {}
        kept = {
            str(key): float(value)
            for key, value in found.items()
            if isinstance(value, (int, float)) and 0 <= value <= NEVER
        }
        return kept | self._unwritten

    def _write(self, known: dict[str, float], key: str) -> None:
        if self.path is not None:
            try:
                write_text(self.path, json.dumps(known, indent=1, sort_keys=True) + "\n")
            except (RunError, OSError, ValueError) as error:
                if not self._unwritten:
                    _log.warning("break-evens are not kept: %s", str(error).splitlines()[0])
            else:
                return
        self._unwritten[key] = known[key]


def measure(
    shape: tuple[int, ...],
    block_rows: int = 4,
    *,
    num_threads: int = 1,
    isa: str | None = None,
) -> float:
    """Time both products of this shape at several shares of zeros.

    With one thread its CPU time counts, with several the time on the clock.

    Args:
        shape: Outputs and inputs; the former a multiple of `block_rows`.
        block_rows: Outputs of a block, 4 or 8.
        num_threads: Threads of the products.
        isa: The path of the kernels; by default :func:`netwright.kernels.selected_isa`.

    Returns:
        The break-even, 0 to 1 or :data:`NEVER`.

    Raises:
        ConfigError: The block, the number of threads or the path is not accepted.
        DataError: The shape is not accepted.
        MissingExtra: ONNX Runtime or onnx is not installed.
        VerificationError: The sums of ONNX Runtime are not exact on this processor.
    """
    _check(shape, block_rows, num_threads)
    outputs, inputs = shape
    random = np.random.default_rng(0)
    batches = [random.integers(0, 256, (inputs, tokens), dtype=np.uint8) for tokens in TOKENS]
    clock = time.thread_time if num_threads == 1 else time.perf_counter
    sparse, dense = [], []
    for sparsity in SPARSITIES:
        linear = random_linear(random, outputs, inputs, sparsity, block_rows=block_rows)
        ours, theirs = (
            make_product(linear, way, block_rows=block_rows, num_threads=num_threads, isa=isa)
            for way in get_args(Way)
        )
        totals = [0.0, 0.0]
        for codes in batches:
            seconds: tuple[list[float], list[float]] = ([], [])
            for turn in range(ROUNDS + 1):
                for product, found in zip((ours, theirs), seconds, strict=True):
                    started = clock()
                    product(codes, num_threads=num_threads)
                    if turn:
                        found.append(clock() - started)
            for way, found in enumerate(seconds):
                totals[way] += statistics.median(found) / codes.shape[1]
        sparse.append(totals[0])
        dense.append(totals[1])
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

    Raises:
        ConfigError: `block_rows` is neither 4 nor 8.
        DataError: It does not divide the rows.
    """
    _check((outputs, inputs), block_rows, 1)
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


def _check(shape: tuple[int, ...], block_rows: int, num_threads: int) -> None:
    check_options(block_rows=block_rows, num_threads=num_threads)
    if len(shape) != 2 or min(shape) < 1 or shape[0] % block_rows:
        raise DataError(
            f"the shape must be (outputs, inputs), outputs a multiple of {block_rows}, not {shape}"
        )


def _runtime_version() -> str:
    """Version of ONNX Runtime; its packages for accelerators have other names."""
    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        runtime = require(
            "onnxruntime", extra="cpu", purpose="the dense product of the cpu backend"
        )
        return str(runtime.__version__)


def _processor() -> str:
    """Name, family, model and stepping of the first processor, as far as the system tells."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    pairs = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    known = {name.strip(): value.strip() for name, _, value in pairs}
    found = [f"{name} {known[name]}" for name in (*_FIELDS, *_ARM_FIELDS) if known.get(name)]
    return ", ".join(found) or platform.processor() or platform.machine()
