"""What the sparse product is compared with. A peer that cannot run here says why.

MKL and GraphBLAS are looked for in `build/peers`, where `make bench-spgemm` installs them, so that
they do not become part of the environment.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netwright.kernels import Pool, spgemm

FOLDER = Path(__file__).resolve().parent.parent / "build" / "peers"

Contestant = Callable[[], object]


def pooled(a: Any, b: Any, num_threads: int) -> Contestant:
    pool = Pool()
    return lambda: spgemm(a, b, pool=pool, num_threads=num_threads)


def fresh(a: Any, b: Any, num_threads: int) -> Contestant:
    return lambda: spgemm(a, b, num_threads=num_threads)


def scipy(a: Any, b: Any, num_threads: int) -> Contestant:
    if num_threads > 1:
        raise RuntimeError("SciPy has one thread")
    return lambda: a @ b


def find_packages() -> None:
    for folder in FOLDER.glob("lib/python3*/site-packages"):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    for library in FOLDER.glob("lib/libmkl_rt.so*"):
        os.environ["MKL_RT"] = str(library)


def mkl(a: Any, b: Any, num_threads: int) -> Contestant:
    """Unsorted, as ours may be: its fastest."""
    find_packages()
    from sparse_dot_mkl import dot_product_mkl, mkl_set_num_threads

    mkl_set_num_threads(num_threads)

    def run() -> object:
        mkl_set_num_threads(num_threads)
        return dot_product_mkl(a, b)

    return run


def graphblas(a: Any, b: Any, num_threads: int) -> Contestant:
    find_packages()
    import graphblas

    left, right = graphblas.io.from_scipy_sparse(a), graphblas.io.from_scipy_sparse(b)
    plus_times = graphblas.semiring.plus_times

    def run() -> object:
        graphblas.ss.config["nthreads"] = num_threads
        found = left.mxm(right, plus_times).new()
        found.wait()
        return found

    return run


CONTESTANTS: dict[str, Callable[[Any, Any, int], Contestant]] = {
    "pooled": pooled,
    "fresh": fresh,
    "SciPy": scipy,
    "MKL": mkl,
    "GraphBLAS": graphblas,
}
