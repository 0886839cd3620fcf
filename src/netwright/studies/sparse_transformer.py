"""Functions that check the claims in ``sparse_transformer.toml``, one for each id."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from netwright.backends import cpu
from netwright.errors import require
from netwright.kernels import pack
from netwright.quantities import Quantity
from netwright.studies import Context, Finding, NotAttempted

SHAPES = ((768, 768), (3072, 768), (768, 3072))
SPARSITY = 0.9
TOKENS = 128
ROUNDS = 15
TIMED = "medians of CPU time on this machine, one thread, random 4x1 masks"


def _medians(*runs: Callable[[], object]) -> list[float]:
    """Median CPU seconds of each, in alternation."""
    seconds: list[list[float]] = [[] for _ in runs]
    for turn in range(ROUNDS + 1):
        for run, found in zip(runs, seconds, strict=True):
            started = time.thread_time()
            run()
            if turn:
                found.append(time.thread_time() - started)
    return [statistics.median(found) for found in seconds]


def dense_gemm(context: Context) -> Finding:
    """Largest ratio of the dense product's time to ours."""
    random = np.random.default_rng(0)
    ratios = []
    for rows, columns in SHAPES:
        linear = cpu.random_linear(random, rows, columns, SPARSITY)
        codes = random.integers(0, 256, (columns, TOKENS), dtype=np.uint8)
        ours, dense = (
            cpu.make_product(linear, way, block_rows=4, num_threads=1, isa=None)
            for way in ("sparse", "dense")
        )
        times = _medians(partial(ours, codes), partial(dense, codes))
        ratios.append(times[1] / times[0])
    remark = "by shape " + ", ".join(f"{ratio:.1f}" for ratio in ratios)
    return Finding(Quantity(max(ratios), "x", TIMED, "measured"), remark=remark)


def threshold(context: Context) -> Finding:
    """Largest share of zeros at which the dense product is still as fast."""
    found = [cpu.measure(shape) for shape in SHAPES]
    remark = "by shape " + ", ".join(f"{share:.2f}" for share in found) + "; 2.00 means never"
    return Finding(Quantity(max(found), "", TIMED, "measured"), remark=remark)


def order_of_magnitude(context: Context) -> Finding:
    """Ratio of a float32 CSR product's time to ours."""
    sparse = require("scipy.sparse", extra="solve", purpose="a sparse product to compare with")
    random = np.random.default_rng(0)
    linear = cpu.random_linear(random, 768, 768, SPARSITY)
    codes = random.integers(0, 256, (768, TOKENS), dtype=np.uint8)
    product = cpu.make_product(linear, "sparse", block_rows=4, num_threads=1, isa=None)
    matrix = sparse.csr_matrix(linear.weights.astype(np.float32))
    real = codes.astype(np.float32)
    ours, theirs = _medians(lambda: product(codes), lambda: matrix @ real)
    return Finding(Quantity(theirs / ours, "x", TIMED, "measured"))


def index_bytes(context: Context) -> Finding:
    """Bytes of indices over surviving blocks, offsets and padding included."""
    linear = cpu.random_linear(np.random.default_rng(0), 768, 768, SPARSITY)
    packed = pack(linear.weights)
    blocks = int(linear.weights.reshape(-1, 4, 768).any(axis=1).sum())
    stored = packed.indices.nbytes + packed.offsets.nbytes
    return Finding(Quantity(stored / blocks, "bytes", "packed arrays", "measured"))


def whole_encoder(context: Context) -> Finding:
    """Dense time over sparse time of an encoder with random weights."""
    shape = cpu.EncoderShape(vocabulary=1000, positions=TOKENS)
    random = np.random.default_rng(0)
    sentences = [random.integers(0, 1000, TOKENS).astype(np.int32) for _ in range(4)]
    engines = []
    for sparsity in (0.0, SPARSITY):
        state = {}
        for name, extents in cpu.tensor_shapes(shape).items():
            state[name] = random.normal(0, 0.05, extents).astype(np.float32)
            if "encoder" in name and len(extents) == 2:
                kept = random.random((extents[0] // 4, extents[1])) >= sparsity
                state[name] *= np.repeat(kept, 4, axis=0)
            elif name.endswith("LayerNorm.weight"):
                state[name] += 1
        engines.append(cpu.build_engine(cpu.calibrate(cpu.read_state(state, shape), sentences[:1])))
    dense, ours = _medians(*(partial(engine, sentences) for engine in engines))
    profile: dict[str, float] = {}
    engines[1](sentences, profile=profile)
    share = profile["attention"] / sum(profile.values())
    remark = f"dense as chosen by the break-even; attention takes {share:.0%} of the sparse one"
    return Finding(Quantity(dense / ours, "x", TIMED, "measured"), remark=remark)


def end_to_end(context: Context) -> NotAttempted:
    """Needs the authors' server and models."""
    return NotAttempted("needs 24 cores and their fine-tuned models; see make bench-encoder")


def accuracy(context: Context) -> NotAttempted:
    """Needs SQuAD."""
    return NotAttempted("SQuAD cannot be installed offline; see docs/sparse-transformers.md")
