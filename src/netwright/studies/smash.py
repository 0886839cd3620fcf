"""Functions that check the claims in ``smash.toml``, one for each id."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy import sparse

from netwright.kernels import ACCUMULATORS, Pool, SparseRows, multiply_rows, rmat, spgemm
from netwright.quantities import Quantity
from netwright.studies import Context, Finding
from netwright.studies.smash_merges import SCALES, SENSITIVITY_SCALE, outcomes, varied

MEASURED_SCALE = 14
ROUNDS = 5


def _scale(context: Context) -> tuple[int, str]:
    scale = SCALES[context.profile]
    return scale, f"R-MAT of scale {scale}, edge factor 8, on a machine of assumed figures"


def _ratio(context: Context, over: str, under: str) -> Finding:
    scale, what = _scale(context)
    found = outcomes(scale)
    ratio = found[over].cycles / found[under].cycles
    remark = ", ".join(
        f"{name} {made.cycles} cycles, memory busy {made.dram_utilization:.0%}, cores idle "
        f"{made.idle:.0%}" for name, made in found.items()
    )  # fmt: skip
    return Finding(Quantity(ratio, "x", "hash_merge", "modelled"), remark, what)


def entries_exact(context: Context) -> Finding:
    """Entries of the simulated tables that the kernel does not have."""
    scale, _ = _scale(context)
    expected = multiply_rows(rmat(scale), rmat(scale)).matrix.num_entries
    differing = sum(abs(made.entries - expected) for made in outcomes(scale).values())
    return Finding(Quantity(differing, "entries", "hash_merge", "modelled"))


def product_exact(context: Context) -> Finding:
    """Values of the kernel that are not SciPy's."""
    graph = rmat(SCALES[context.profile])
    matrix = _matrix(graph)
    expected = matrix @ matrix
    expected.sort_indices()
    differing = 0
    for accumulator in ACCUMULATORS:
        for num_threads in (1, 2):
            found = spgemm(matrix, matrix, accumulator=accumulator, num_threads=num_threads)
            found.sort_indices()
            same = found.nnz == expected.nnz and (found.indices == expected.indices).all()
            differing += int((found.data != expected.data).sum()) if same else expected.nnz
    return Finding(Quantity(differing, "values", "SciPy", "measured"))


def low_bits_collide_less(context: Context) -> Finding:
    """Looks into the table by lower bits over those by upper bits."""
    scale, what = _scale(context)
    found = outcomes(scale)
    remark = ", ".join(f"{name} {made.probes / made.products:.2f}" for name, made in found.items())
    ratio = found["V2"].probes / found["V1"].probes
    return Finding(Quantity(ratio, "", "tags", "modelled"), f"looks a product: {remark}", what)


def fragments_beat_tokens(context: Context) -> Finding:
    """Cycles of V2 over those of V3."""
    return _ratio(context, "V2", "V3")


def tokens_beat_static_rows(context: Context) -> Finding:
    """Cycles of V1 over those of V2."""
    return _ratio(context, "V1", "V2")


def speedup(context: Context) -> Finding:
    """Cycles of V1 over those of V3."""
    return _ratio(context, "V1", "V3")


def assumptions_do_not_decide(context: Context) -> Finding:
    """Percentage of the changed machines on which V3 is the fastest."""
    found = varied()
    fastest = [min((c, name) for name, c in cycles.items())[1] for cycles in found.values()]
    ratios = {label: cycles["V1"] / cycles["V3"] for label, cycles in found.items()}
    low, high = min(ratios, key=lambda k: ratios[k]), max(ratios, key=lambda k: ratios[k])
    remark = f"V1:V3 from {ratios[low]:.2f} ({low}) to {ratios[high]:.2f} ({high})"
    share = Quantity(100 * fastest.count("V3") / len(fastest), "%", "variations", "modelled")
    return Finding(share, remark, f"R-MAT of scale {SENSITIVITY_SCALE}, edge factor 8")


def faster_than_scipy(context: Context) -> Finding:
    """CPU time of SciPy over that of the kernel, the least of some rounds of each."""
    matrix, pool = _matrix(rmat(MEASURED_SCALE)), Pool()
    ours = _least(lambda: spgemm(matrix, matrix, pool=pool))
    theirs = _least(lambda: matrix @ matrix)
    remark = f"{1e3 * ours:.0f} ms against {1e3 * theirs:.0f} ms, scale {MEASURED_SCALE}"
    return Finding(Quantity(theirs / ours, "x", "CPU time", "measured"), remark)


def _least(run: Callable[[], object]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        started = time.thread_time()
        run()
        seconds.append(time.thread_time() - started)
    return min(seconds)


def _matrix(graph: SparseRows) -> sparse.csr_array:
    parts = (graph.values, graph.columns, graph.offsets.astype(np.int32))
    return sparse.csr_array(parts, shape=graph.shape)
