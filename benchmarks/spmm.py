"""Compare the block-sparse product with its peers, in one run on one thread.

Every table alternates the contestants and takes medians of CPU time. oneDNN is measured twice, in
processes of its own: limited to AVX512-VNNI, and with everything the processor has (AMX, where
there is any). Our own paths are named in every row: 8x1 blocks have one with AMX. A peer that does
not run here is named.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from benchmarks.spmm_peers import (  # noqa: E402
    ABSENT,
    PEERS,
    SCALE,
    TOKENS,
    Contestant,
    aligned,
    itrex,
    onednn,
)
from benchmarks.timing import medians  # noqa: E402
from netwright.kernels import (  # noqa: E402
    Requantize,
    available_isas,
    gelu_table,
    pack,
    prepare,
    selected_isa,
)
from netwright.kernels.isa import native  # noqa: E402

SHAPES = ((768, 768), (3072, 768), (768, 3072))
SPARSITIES = (0.9, 0.8)
CURVE = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
CALLS = 20
"""Calls in a turn: the first find the caches as another contestant left them."""
ROUNDS = 15
PEAK_COUNT = 5000
PEAK_PRODUCTS = 16 * 64
"""Products of one round of the peak: 16 registers of 64 bytes."""
LIMITS = ("AVX512_CORE_VNNI", "ALL")
CONSOLE = Console(width=150)


def block_sparse(rows: int, columns: int, block_rows: int, sparsity: float) -> np.ndarray:
    random = np.random.default_rng(1)
    kept = random.random((rows // block_rows, columns)) >= sparsity
    weights = random.integers(-127, 128, (rows, columns), dtype=np.int8)
    return weights * np.repeat(kept, block_rows, axis=0).astype(np.int8)


def variants() -> list[tuple[int, str]]:
    """Rows of a block, and a path for it."""
    paths = [selected_isa()]
    if paths == ["amx-int8"]:
        paths.insert(0, "avx512-vnni")
    return [(4, paths[0]), *((8, path) for path in paths)]


def ours(
    weights: np.ndarray,
    block_rows: int,
    num_threads: int = 1,
    output: str = "uint8",
    isa: str | None = None,
    tokens: int = TOKENS,
    **options: Any,
) -> Contestant:
    activation = aligned((weights.shape[1], tokens), "uint8")
    activation[:] = np.random.default_rng(2).integers(0, 256, activation.shape)
    scale = np.full(len(weights), SCALE, np.float32)
    zero_point = 128 if output == "uint8" else 0
    epilogue = Requantize(scale=scale, zero_point=zero_point, output=output, **options)
    out = aligned((len(weights), tokens), output)
    product = prepare(pack(weights, block_rows=block_rows), epilogue=epilogue, isa=isa)
    residual = None
    if epilogue.residual:
        residual = aligned((len(weights), tokens), "float32")
        residual[:] = 0.25
    return lambda: product(activation, residual=residual, out=out, num_threads=num_threads)


def repeated(call: Contestant) -> Callable[[], None]:
    def run() -> None:
        for _ in range(CALLS):
            call()

    return run


def peak() -> None:
    """The most 8-bit products that one core can issue, about as long as a small contestant."""
    assert native is not None
    native.vnni_products(PEAK_COUNT)


def measure(contestants: dict[str, Contestant]) -> dict[str, float]:
    """Median microseconds of one call."""
    runs = {name: repeated(call) for name, call in contestants.items()}
    return {name: s / CALLS * 1e6 for name, s in medians(runs, rounds=ROUNDS).items()}


def gops(num_products: float, microseconds: float) -> float:
    """Giga-operations a second, two for each product."""
    return 2 * num_products / microseconds / 1e3


def peers_table(limit: str) -> None:
    missing: dict[str, str] = {}
    has_vnni = "avx512-vnni" in available_isas()
    table = Table(title=f"{TOKENS} tokens, one thread, uint8 out, oneDNN limited to {limit}")
    peers = [name for name in PEERS if limit == LIMITS[0] or name.startswith("oneDNN")]
    for column in ("shape", "zeros", "R", "path", "ours us", "GOPS", "of VNNI peak", *peers):
        table.add_column(column, justify="right")
    for rows, inputs in SHAPES:
        for sparsity in SPARSITIES:
            for block_rows, isa in variants():
                weights = block_sparse(rows, inputs, block_rows, sparsity)
                contestants = {"ours": ours(weights, block_rows, isa=isa)}
                if has_vnni:
                    contestants["peak"] = peak
                for name in peers:
                    try:
                        contestants[name] = PEERS[name](weights)
                    except (ImportError, OSError, RuntimeError) as error:
                        missing[name] = str(error).splitlines()[0]
                found = measure(contestants)
                own = found["ours"]
                kept = np.count_nonzero(weights.reshape(-1, block_rows, inputs).any(axis=1))
                rate = gops(kept * block_rows * TOKENS, own)
                cells = [
                    f"{found[name]:.0f} us = {found[name] / own:.2f}x" if name in found else "-"
                    for name in peers
                ]
                most = gops(PEAK_COUNT * PEAK_PRODUCTS, found["peak"]) if has_vnni else 0.0
                table.add_row(
                    f"{rows}x{inputs}", f"{sparsity:.0%}", str(block_rows), isa, f"{own:.1f}",
                    f"{rate:.0f}", f"{rate / most:.2f}" if has_vnni else "-", *cells,
                )  # fmt: skip
    CONSOLE.print(table)
    for name, reason in sorted(missing.items()):
        CONSOLE.print(f"not run here: {name} ({reason})")


def original_table() -> None:
    table = Table(title=f"{TOKENS} tokens, one thread, 4x1 blocks, float32 out, ITREX 1.4.2")
    for column in ("shape", "zeros", "ours us", "ITREX us", "ratio"):
        table.add_column(column, justify="right")
    for rows, inputs in SHAPES:
        for sparsity in SPARSITIES:
            weights = block_sparse(rows, inputs, 4, sparsity)
            try:
                peer = itrex(weights)
            except (ImportError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
                CONSOLE.print(f"not run here: ITREX ({error})")
                return
            found = measure({"ours": ours(weights, 4, output="float32"), "peer": peer})
            table.add_row(
                f"{rows}x{inputs}", f"{sparsity:.0%}", f"{found['ours']:.1f}",
                f"{found['peer']:.1f}", f"{found['peer'] / found['ours']:.2f}x",
            )  # fmt: skip
    CONSOLE.print(table)


def epilogues() -> None:
    """What follows the sums, in shares of the product that only requantizes."""
    weights = block_sparse(3072, 768, 4, 0.9)
    contestants = {
        "uint8": ours(weights, 4),
        "uint8, GELU by a table": ours(weights, 4, table=gelu_table(0.05, 128, 0.04, 0)),
        "uint8, GELU of real values": ours(weights, 4, gelu=True, multiplier=20.0),
        "float32": ours(weights, 4, output="float32"),
        "float32, residual": ours(weights, 4, output="float32", residual=True),
    }
    found = measure(contestants)
    table = Table(title=f"3072x768, 90% zeros, 4x1 blocks, {TOKENS} tokens: what follows the sums")
    for column in ("result", "us", "of uint8"):
        table.add_column(column, justify="left" if column == "result" else "right")
    for name, taken in found.items():
        table.add_row(name, f"{taken:.1f}", f"{taken / found['uint8']:.2f}")
    CONSOLE.print(table)


def curve(limit: str) -> None:
    table = Table(title=f"768x768, us, against oneDNN int8 dense limited to {limit}")
    rows = {f"{block_rows}x1 {isa}": (block_rows, isa) for block_rows, isa in variants()}
    for column in ("zeros", "dense", *rows):
        table.add_column(column, justify="right")
    for sparsity in CURVE:
        contestants = {"dense": onednn(block_sparse(768, 768, 4, sparsity))}
        for name, (block_rows, isa) in rows.items():
            weights = block_sparse(768, 768, block_rows, sparsity)
            contestants[name] = ours(weights, block_rows, isa=isa)
        found = measure(contestants)
        cells = [f"{found[name]:.1f} = {found['dense'] / found[name]:.2f}x" for name in rows]
        table.add_row(f"{sparsity:.0%}", f"{found['dense']:.1f}", *cells)
    CONSOLE.print(table)


def threads() -> None:
    """Best wall-clock times in alternation: CPU time cannot show what a second thread saves."""
    weights = block_sparse(3072, 768, 4, 0.9)
    calls = {num_threads: ours(weights, 4, num_threads) for num_threads in (1, 2)}
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(100):
        for num_threads, call in calls.items():
            for _ in range(30):  # one after the other, as in a network: the helper stays awake
                started = time.perf_counter()
                call()
                best[num_threads] = min(best[num_threads], time.perf_counter() - started)
    CONSOLE.print(
        f"3072x768, 90% zeros: best of 3000, one thread {best[1] * 1e6:.1f} us, "
        f"two {best[2] * 1e6:.1f} us = {best[1] / best[2]:.2f}x"
    )


def processor() -> str:
    """What the operating system calls the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    fields = dict(line.split("\t: ", 1) for line in lines if "\t: " in line)
    return fields.get("model name", "unknown processor")


def main() -> int:
    if len(sys.argv) == 2:
        peers_table(sys.argv[1])
        curve(sys.argv[1])
        if sys.argv[1] == LIMITS[0]:
            original_table()
        return 0
    load = os.getloadavg()[0]
    CONSOLE.print(f"{processor()}; {os.cpu_count()} cores, load {load:.1f} at the start")
    CONSOLE.print(f"path {selected_isa()}; medians of {ROUNDS} rounds in alternation, CPU time")
    for limit in LIMITS:
        subprocess.run(
            [sys.executable, __file__, limit],
            env={**os.environ, "ONEDNN_MAX_CPU_ISA": limit},
            check=True,
        )
    epilogues()
    threads()
    for name, reason in ABSENT.items():
        CONSOLE.print(f"not run: {name} ({reason})")
    CONSOLE.print(f"load {os.getloadavg()[0]:.1f} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
