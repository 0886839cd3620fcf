"""Compare the block-sparse product with its peers, in one run on one thread.

Every table alternates the contestants and takes medians of CPU time. oneDNN is measured twice, in
processes of its own: limited to AVX512-VNNI, the instructions that the sparse kernel uses, and with
everything the processor has (AMX, where there is any). A peer that is not installed is named.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from benchmarks.timing import medians  # noqa: E402
from netwright.kernels import Requantize, available_isas, pack, selected_isa, spmm  # noqa: E402
from netwright.kernels.isa import native  # noqa: E402

TOKENS = 128
SHAPES = ((768, 768), (3072, 768), (768, 3072))
SPARSITIES = (0.9, 0.8)
CURVE = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
CALLS = 8
ROUNDS = 15
LIMITS = ("AVX512_CORE_VNNI", "ALL")
CONSOLE = Console(width=150)


def aligned(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Zeros that begin at a cache line, as an inference engine would lay them out."""
    num_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(num_bytes + 64, dtype=np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + num_bytes].view(dtype).reshape(shape)


def block_sparse(rows: int, columns: int, block_rows: int, sparsity: float) -> np.ndarray:
    random = np.random.default_rng(1)
    kept = random.random((rows // block_rows, columns)) >= sparsity
    weights = random.integers(-127, 128, (rows, columns), dtype=np.int8)
    return weights * np.repeat(kept, block_rows, axis=0).astype(np.int8)


def ours(weights: np.ndarray, block_rows: int, num_threads: int = 1) -> Callable[[], object]:
    packed = pack(weights, block_rows=block_rows)
    activation = aligned((weights.shape[1], TOKENS), "uint8")
    activation[:] = np.random.default_rng(2).integers(0, 256, activation.shape)
    scale = np.full(len(weights), 1e-4, np.float32)
    epilogue = Requantize(scale=scale, zero_point=128, output="uint8")
    out = aligned((len(weights), TOKENS), "uint8")
    return lambda: spmm(packed, activation, epilogue=epilogue, out=out, num_threads=num_threads)


def onednn(weights: np.ndarray) -> Callable[[], object]:
    """Dense int8 through torch: uint8 activations, uint8 result, a scale for each row."""
    import torch

    torch.set_num_threads(1)
    torch.backends.quantized.engine = "onednn"
    rows = len(weights)
    scales, zeros = torch.full((rows,), 0.01), torch.zeros(rows, dtype=torch.int64)
    dense = torch._make_per_channel_quantized_tensor(torch.from_numpy(weights), scales, zeros, 0)
    prepared = torch.ops.quantized.linear_prepack(dense, torch.zeros(rows))
    codes = torch.randint(0, 256, (TOKENS, weights.shape[1]), dtype=torch.uint8)
    activation = torch._make_per_tensor_quantized_tensor(codes, 0.02, 128)
    return lambda: torch.ops.quantized.linear(activation, prepared, 0.5, 128)


def scipy_csr(weights: np.ndarray) -> Callable[[], object]:
    from scipy.sparse import csr_matrix

    sparse = csr_matrix(weights.astype(np.float32))
    activation = np.ones((weights.shape[1], TOKENS), np.float32)
    return lambda: sparse @ activation


def mkl_csr(weights: np.ndarray) -> Callable[[], object]:
    from scipy.sparse import csr_matrix
    from sparse_dot_mkl import dot_product_mkl

    sparse = csr_matrix(weights.astype(np.float32))
    activation = np.ones((weights.shape[1], TOKENS), np.float32)
    return lambda: dot_product_mkl(sparse, activation)


PEERS: dict[str, Callable[[np.ndarray], Callable[[], object]]] = {
    "oneDNN int8 dense": onednn,
    "SciPy CSR fp32": scipy_csr,
    "MKL CSR fp32": mkl_csr,
}


def repeated(call: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(CALLS):
            call()

    return run


def peak_gops() -> float:
    """Most 8-bit operations a second that one core can issue, two for each product."""
    assert native is not None
    count, rates = 200_000, []
    for _ in range(41):
        started = time.process_time()
        native.vnni_products(count)
        rates.append(count * 16 * 64 * 2 / (time.process_time() - started) / 1e9)
    return statistics.median(rates)


def measure(contestants: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median microseconds of one call."""
    runs = {name: repeated(call) for name, call in contestants.items()}
    return {name: s / CALLS * 1e6 for name, s in medians(runs, rounds=ROUNDS).items()}


def peers_table(limit: str) -> None:
    missing: set[str] = set()
    has_vnni = "avx512-vnni" in available_isas()
    table = Table(title=f"{TOKENS} tokens, one thread, uint8 out, oneDNN limited to {limit}")
    peers = [name for name in PEERS if limit == LIMITS[0] or name.startswith("oneDNN")]
    columns = ("shape", "zeros", "R", "ours us", "GOPS", "of peak", *peers)
    for column in columns:
        table.add_column(column, justify="right")
    for rows, inputs in SHAPES:
        for sparsity in SPARSITIES:
            for block_rows in (4, 8):
                weights = block_sparse(rows, inputs, block_rows, sparsity)
                contestants = {"ours": ours(weights, block_rows)}
                for name in peers:
                    try:
                        contestants[name] = PEERS[name](weights)
                    except ImportError:
                        missing.add(name)
                microseconds = measure(contestants)
                own = microseconds["ours"]
                kept = np.count_nonzero(weights.reshape(-1, block_rows, inputs).any(axis=1))
                gops = 2 * kept * block_rows * TOKENS / own / 1e3
                fraction = f"{gops / peak_gops():.2f}" if has_vnni else "-"
                cells = [
                    f"{microseconds[name]:.0f} us = {microseconds[name] / own:.2f}x"
                    if name in microseconds
                    else "-"
                    for name in peers
                ]
                table.add_row(
                    f"{rows}x{inputs}", f"{sparsity:.0%}", str(block_rows), f"{own:.1f}",
                    f"{gops:.0f}", fraction, *cells,
                )  # fmt: skip
    CONSOLE.print(table)
    for name in sorted(missing):
        CONSOLE.print(f"not installed here: {name}")


def curve(limit: str) -> None:
    table = Table(title=f"768x768, 4x1 blocks, against oneDNN int8 dense limited to {limit}")
    for column in ("zeros", "ours us", "dense us", "ratio"):
        table.add_column(column, justify="right")
    for sparsity in CURVE:
        weights = block_sparse(768, 768, 4, sparsity)
        found = measure({"ours": ours(weights, 4), "dense": onednn(weights)})
        ratio = found["dense"] / found["ours"]
        table.add_row(
            f"{sparsity:.0%}", f"{found['ours']:.1f}", f"{found['dense']:.1f}", f"{ratio:.2f}x"
        )
    CONSOLE.print(table)


def threads() -> None:
    """Best wall-clock times: CPU time cannot show what a second thread saves."""
    weights = block_sparse(3072, 768, 4, 0.9)
    best = {}
    for num_threads in (1, 2):
        call = ours(weights, 4, num_threads)
        times = []
        for _ in range(2000):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        best[num_threads] = min(times)
    CONSOLE.print(
        f"3072x768, 90% zeros: best of 2000, one thread {best[1] * 1e6:.1f} us, "
        f"two {best[2] * 1e6:.1f} us = {best[1] / best[2]:.2f}x"
    )


def main() -> int:
    if len(sys.argv) == 2:
        peers_table(sys.argv[1])
        curve(sys.argv[1])
        return 0
    load = os.getloadavg()[0]
    CONSOLE.print(f"path {selected_isa()}, load {load:.1f} on {os.cpu_count()} cores at the start")
    if "avx512-vnni" in available_isas():
        CONSOLE.print(f"AVX512-VNNI peak of one core: {peak_gops():.0f} GOPS")
    for limit in LIMITS:
        subprocess.run(
            [sys.executable, __file__, limit],
            env={**os.environ, "ONEDNN_MAX_CPU_ISA": limit},
            check=True,
        )
    threads()
    CONSOLE.print("not compared: the kernel of intel-extension-for-transformers, LIBXSMM")
    return 0


if __name__ == "__main__":
    sys.exit(main())
