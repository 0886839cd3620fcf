"""Compare the sparse product with its peers, in one run, on one and on two threads.

Contestants alternate. On one thread the least CPU time of the calling thread counts, which other
programs on the machine disturb least. Two threads are measured by the clock on the wall, which
shows what is saved only on a machine that is free, and by the CPU time of all threads together,
which says what the work would allow: `2 x CPU of one / CPU of two`. Every result is compared with
SciPy's.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "2"
os.environ["MKL_DYNAMIC"] = "FALSE"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from benchmarks.spgemm_cases import Case, cases  # noqa: E402
from benchmarks.spgemm_peers import CONTESTANTS, Contestant  # noqa: E402
from benchmarks.spmm import processor  # noqa: E402
from netwright.kernels import selected_isa, spgemm  # noqa: E402

PEERS = ("SciPy", "MKL", "GraphBLAS")
MOST_PRODUCTS = 1e8
"""Of all rounds of a case together, for each contestant; there are from 2 to 7 rounds."""
CONSOLE = Console(width=170)


class Measured:
    """Least seconds of each contestant, by what they were measured with."""

    def __init__(self) -> None:
        self.cpu: dict[tuple[str, int], float] = {}
        self.wall: dict[tuple[str, int], float] = {}
        self.megabytes: dict[str, float] = {}


def rounds_of(products: int) -> int:
    return int(min(7, max(2, MOST_PRODUCTS / max(products, 1))))


def num_products(case: Case) -> int:
    return int(np.diff(case.right.indptr)[case.left.indices].sum())


def equal(found: Any, expected: Any) -> bool:
    """Equal entries; values within rounding, because peers may add in another order."""
    if not hasattr(found, "indptr"):
        return int(found.nvals) == expected.nnz
    found = found.copy()
    found.sort_indices()
    same = found.nnz == expected.nnz and np.array_equal(found.indices, expected.indices)
    return bool(same and np.allclose(found.data, expected.data, rtol=1e-9, atol=0))


def prepared(case: Case, missing: dict[str, str]) -> dict[tuple[str, int], Contestant]:
    expected = case.left @ case.right
    expected.sort_indices()
    found = {}
    for num_threads in (1, 2):
        for name, make in CONTESTANTS.items():
            if name == "SciPy" and num_threads == 2:
                continue
            try:
                run = make(case.left, case.right, num_threads)
                made = run()
            except (ImportError, OSError, RuntimeError, AttributeError) as error:
                missing[name] = str(error).splitlines()[0]
                continue
            if num_threads == 1 and not equal(made, expected):
                raise SystemExit(f"{case.name}: {name} gives another product")
            del made
            found[name, num_threads] = run
    exact = spgemm(case.left, case.right, ascending=True)
    if not np.array_equal(exact.data, expected.data):
        raise SystemExit(f"{case.name}: not equal to SciPy in every bit")
    return found


def peak_megabytes(run: Contestant) -> float:
    """The most that one call takes beyond what was there before, in a process of its own."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            ctypes.CDLL(None).malloc_trim(0)  # what was used before must not serve again
            before = _status("VmRSS")
            Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
            made = run()
            os.write(send, f"{(_status('VmHWM') - before) / 1024:.3f}".encode())
            del made
        finally:
            os._exit(0)
    os.close(send)
    with os.fdopen(receive) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return float(text) if text else math.nan


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def measure(case: Case, missing: dict[str, str]) -> Measured:
    contestants = prepared(case, missing)
    found = Measured()
    for _ in range(rounds_of(num_products(case))):
        for key, run in contestants.items():
            clock: Callable[[], float] = time.thread_time if key[1] == 1 else time.process_time
            cpu, wall = clock(), time.perf_counter()
            made = run()
            cpu, wall = clock() - cpu, time.perf_counter() - wall
            del made
            found.cpu[key] = min(cpu, found.cpu.get(key, math.inf))
            found.wall[key] = min(wall, found.wall.get(key, math.inf))
    for name, make in CONTESTANTS.items():
        if (name, 1) in contestants and name != "pooled":
            found.megabytes[name] = peak_megabytes(make(case.left, case.right, 1))
    return found


def mean(ratios: list[float]) -> str:
    if not ratios:
        return "-"
    return f"{math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}x, least {min(ratios):.2f}x"


def tables(all_found: dict[str, tuple[Case, Measured]]) -> None:
    speed = Table(title="one thread: milliseconds of CPU time, least of some rounds")
    for column in ("case", "products", "entries", "pooled", "fresh", *PEERS):
        speed.add_column(column, justify="left" if column == "case" else "right")
    threads = Table(
        title="two threads: milliseconds by the wall, and speedup by wall | by CPU time"
    )
    for column in ("case", "pooled", "speedup", "fresh", "speedup", "MKL", "GraphBLAS"):
        threads.add_column(column, justify="left" if column == "case" else "right")
    memory = Table(title="most memory that one call takes, MB; the result alone beside it")
    for column in ("case", "result", "ours", *PEERS):
        memory.add_column(column, justify="left" if column == "case" else "right")
    for name, (case, found) in all_found.items():
        products, entries = num_products(case), spgemm(case.left, case.right).nnz
        cpu = found.cpu
        peers = [
            f"{cpu[peer, 1] * 1e3:.1f} = {cpu[peer, 1] / cpu['pooled', 1]:.2f}x | "
            f"{cpu[peer, 1] / cpu['fresh', 1]:.2f}x" if (peer, 1) in cpu else "-"
            for peer in PEERS
        ]  # fmt: skip
        own = [f"{cpu[mine, 1] * 1e3:.1f}" for mine in ("pooled", "fresh")]
        speed.add_row(name, f"{products / 1e6:.2f} M", f"{entries / 1e6:.2f} M", *own, *peers)
        cells = []
        for mine in ("pooled", "fresh"):
            cells += [f"{found.wall[mine, 2] * 1e3:.1f}", f"{speedup(found, mine)}"]
        cells += [
            f"{found.wall[peer, 2] * 1e3:.1f}, {speedup(found, peer)}"
            if (peer, 2) in found.wall else "-" for peer in PEERS[1:]
        ]  # fmt: skip
        threads.add_row(name, *cells)
        sizes = [found.megabytes.get(each, math.nan) for each in ("fresh", *PEERS)]
        memory.add_row(name, f"{entries * 12 / 1e6:.1f}", *(f"{size:.1f}" for size in sizes))
    for table in (speed, threads, memory):
        CONSOLE.print(table)
    for peer in PEERS:
        for mine in ("pooled", "fresh"):
            ratios = [
                found.cpu[peer, 1] / found.cpu[mine, 1]
                for _, found in all_found.values() if (peer, 1) in found.cpu
            ]  # fmt: skip
            CONSOLE.print(f"{peer} over {mine}, geometric mean of {len(ratios)}: {mean(ratios)}")
    large = [found for case, found in all_found.values() if case.large]
    by_work = [2 * found.cpu["pooled", 1] / found.cpu["pooled", 2] for found in large]
    by_wall = [found.wall["pooled", 1] / found.wall["pooled", 2] for found in large]
    CONSOLE.print(f"two threads, pooled, larger ones: {mean(by_wall)} by the wall")
    CONSOLE.print(f"two threads, pooled, larger ones: {mean(by_work)} by CPU time")


def speedup(found: Measured, name: str) -> str:
    wall = found.wall[name, 1] / found.wall[name, 2]
    return f"{wall:.2f}x | {2 * found.cpu[name, 1] / found.cpu[name, 2]:.2f}x"


def main() -> int:
    wanted = sys.argv[1:]
    load = os.getloadavg()[0]
    CONSOLE.print(f"{processor()}; {os.cpu_count()} cores, load {load:.1f} at the start")
    CONSOLE.print(f"path {selected_isa()}, fp64; a peer's time, its ratio to pooled | to fresh")
    missing: dict[str, str] = {}
    all_found = {}
    for case in cases():
        if not wanted or any(word in case.name for word in wanted):
            found = measure(case, missing)
            all_found[case.name] = case, found
            times = ", ".join(
                f"{name} {1e3 * s:.1f}" for (name, k), s in found.cpu.items() if k == 1
            )
            CONSOLE.print(f"{case.name}: {times} ms")
    tables(all_found)
    for name, reason in sorted(missing.items()):
        CONSOLE.print(f"not run here: {name} ({reason})")
    CONSOLE.print(f"load {os.getloadavg()[0]:.1f} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
