"""Functions that check the claims in ``sparse_transformer.toml``, one for each id."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from netwright.backends import encoders
from netwright.errors import require
from netwright.kernels import available_isas, pack
from netwright.quantities import Quantity
from netwright.studies import Context, Finding, NotAttempted
from netwright.tasks import encode_texts, movie_snippets

SHAPES = ((768, 768), (3072, 768), (768, 3072))
SPARSITY = 0.9
TRAINED = 0.8
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
    """Largest ratio of the dense product's time to ours with 4x1 blocks."""
    random = np.random.default_rng(0)
    ratios: dict[int, list[float]] = {4: [], 8: []}
    for rows, columns in SHAPES:
        codes = random.integers(0, 256, (columns, TOKENS), dtype=np.uint8)
        for block_rows, found in ratios.items():
            linear = encoders.random_linear(random, rows, columns, SPARSITY, block_rows=block_rows)
            ours, dense = (
                encoders.make_product(linear, way, block_rows=block_rows)
                for way in ("sparse", "dense")
            )
            times = _medians(partial(ours, codes), partial(dense, codes))
            found.append(times[1] / times[0])
    shown = {rows: ", ".join(f"{ratio:.1f}" for ratio in found) for rows, found in ratios.items()}
    remark = f"by shape {shown[4]}; with 8x1 blocks {shown[8]}"
    if "amx-int8" in available_isas():
        remark += "; the dense product can use AMX here, theirs had none"
    return Finding(Quantity(max(ratios[4]), "x", TIMED, "measured"), remark=remark)


def threshold(context: Context) -> Finding:
    """Largest share of zeros at which the dense product is still as fast.

    Raises:
        MissingExtra: ONNX Runtime or onnx is not installed.
    """
    found = [encoders.measure(shape) for shape in SHAPES]
    remark = "by shape " + ", ".join(f"{share:.2f}" for share in found) + "; 2.00 means never"
    return Finding(Quantity(max(found), "", TIMED, "measured"), remark=remark)


def order_of_magnitude(context: Context) -> Finding:
    """Ratio of a float32 CSR product's time to ours."""
    sparse = require("scipy.sparse", extra="solve", purpose="a sparse product to compare with")
    random = np.random.default_rng(0)
    linear = encoders.random_linear(random, 768, 768, SPARSITY)
    codes = random.integers(0, 256, (768, TOKENS), dtype=np.uint8)
    product = encoders.make_product(linear, "sparse", block_rows=4, num_threads=1, isa=None)
    matrix = sparse.csr_matrix(linear.weights.astype(np.float32))
    real = codes.astype(np.float32)
    ours, theirs = _medians(lambda: product(codes), lambda: matrix @ real)
    return Finding(Quantity(theirs / ours, "x", TIMED, "measured"))


def index_bytes(context: Context) -> Finding:
    """Bytes of indices over surviving blocks, offsets and padding included."""
    linear = encoders.random_linear(np.random.default_rng(0), 768, 768, SPARSITY)
    packed = pack(linear.weights)
    blocks = int(linear.weights.reshape(-1, 4, 768).any(axis=1).sum())
    stored = packed.indices.nbytes + packed.offsets.nbytes
    return Finding(Quantity(stored / blocks, "bytes", "packed arrays", "measured"))


def whole_encoder(context: Context) -> Finding:
    """Time of a dense encoder with random weights over that of the shipped sparse one.

    Raises:
        MissingExtra: ONNX Runtime or onnx, or the package with the embeddings, is not installed.
    """
    for module in ("onnxruntime", "onnx"):
        require(module, extra="cpu", purpose="a dense encoder to compare with")
    sparse = encoders.sparse_minilm(TRAINED).weights
    random = np.random.default_rng(0)
    sentences = [random.integers(1000, 20_000, TOKENS).astype(np.int32) for _ in range(4)]
    state = {}
    for name, extents in encoders.tensor_shapes(sparse.shape).items():
        state[name] = random.normal(0, 0.05, extents).astype(np.float32)
        if name.endswith("LayerNorm.weight"):
            state[name] += 1
    weights = encoders.calibrate(encoders.read_state(state, sparse.shape), sentences[:1])
    engines = [encoders.build_engine(weights), encoders.build_engine(sparse)]
    dense, ours = _medians(*(partial(engine, sentences) for engine in engines))
    profile: dict[str, float] = {}
    engines[1](sentences, profile=profile)
    share = profile["attention"] / sum(profile.values())
    remark = f"dense as chosen by the break-even; attention takes {share:.0%} of the sparse one"
    return Finding(Quantity(dense / ours, "x", TIMED, "measured"), remark=remark)


def snippets(context: Context) -> Finding:
    """Accuracy of the dense teacher, as recorded, less that of the shipped encoder, as measured."""
    stored = encoders.sparse_minilm(TRAINED)
    test = movie_snippets().test
    words = encode_texts(test.texts, encoders.minilm_folder() / "tokenizer.json")
    ours = float(
        (encoders.build_engine(stored.weights)(words).argmax(axis=1) == test.targets).mean()
    )
    dense = float(stored.recipe["dense fp32 test accuracy"])
    remark = f"{ours:.1%} measured now, {dense:.1%} recorded; standard error 0.8 points each"
    source = f"{len(words)} test snippets, one seed"
    return Finding(Quantity(100 * (dense - ours), "points", source, "measured"), remark=remark)


def end_to_end(context: Context) -> NotAttempted:
    """Needs the authors' server and models."""
    return NotAttempted("needs 24 cores and their fine-tuned models; see make bench-encoder")


def accuracy(context: Context) -> NotAttempted:
    """Needs SQuAD."""
    return NotAttempted("SQuAD cannot be installed offline; see docs/sparse-transformers.md")
