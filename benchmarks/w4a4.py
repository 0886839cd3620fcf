"""Compare products in four bits, N:M products and block-sparse ones with dense int8, in one run.

The rival of every row is the faster of ONNX Runtime and oneDNN (through torch), each with all that
the processor has, AMX included where there is any. One thread; the contestants of a row take turns,
and the figures are medians of CPU time of one product, the rearrangement of the activations
included. With few tokens, a call goes through so many copies of the weights that these do not stay
in a cache. Every contestant of ours must first equal NumPy.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from benchmarks.spmm import block_sparse, ours, processor  # noqa: E402
from benchmarks.spmm_peers import (  # noqa: E402
    Contestant,
    aligned,
    onednn_products,
    onnxruntime_products,
)
from benchmarks.timing import medians  # noqa: E402
from netwright.formats import MXFP4, NVFP4, Int, NumberFormat, OutlierPairs  # noqa: E402
from netwright.kernels import (  # noqa: E402
    CodedInputs,
    CodedWeights,
    NMWeights,
    available_isas,
    coded_product,
    nm_product,
    pack_nm,
    selected_isa,
)
from netwright.kernels.coding import coding_of, pairs_that_occur  # noqa: E402

SHAPES = ((768, 768), (3072, 768), (768, 3072))
FEW = (1, 8)
MANY = (128, 512)
ROUNDS = 7
COPIED_BYTES = 96 << 20
"""Bytes of all copies of dense int8 weights where they must not stay in a cache."""
CALLS = 4
"""Products in a turn where they may."""
PAIRS = OutlierPairs()
FORMATS: dict[str, tuple[NumberFormat, NumberFormat]] = {
    "int4 pairs": (PAIRS, PAIRS),
    "int4 pairs x int8": (PAIRS, Int(8)),
    "flint4 pairs": (OutlierPairs("flint4"), OutlierPairs("flint4")),
    "MXFP4": (MXFP4, MXFP4),
    "NVFP4": (NVFP4, NVFP4),
}
PATTERNS = ((2, 4), (2, 8), (1, 8), (1, 16))
ZEROS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
TARGETS = {"compute": 0.5, "memory": 1.5}
BLOCK_TARGETS = {(768, 768): (2.8, 1.8), (3072, 768): (4.0, 2.2), (768, 3072): (4.0, 2.2)}
"""Asked of processors with AMX, whose dense products are faster, at 90 and 80 % zeros."""
CONSOLE = Console(width=160)


@lru_cache(maxsize=1)
def rivals(rows: int, inputs: int, copies: int) -> dict[str, Callable[[int], Contestant]]:
    """Dense products, for a number of tokens that is said later."""
    random = np.random.default_rng(1)
    weights = [random.integers(-127, 128, (rows, inputs), np.int8) for _ in range(copies)]
    return {"ONNX Runtime": onnxruntime_products(weights), "oneDNN": onednn_products(weights)}


def words(number: NumberFormat, shape: tuple[int, int], axis: int) -> dict[str, Any]:
    """Any bytes of a format that can occur, and scales of groups along `axis` near 1."""
    random = np.random.default_rng(1)
    coding = coding_of(number)
    bytes_that_occur = np.arange(256)
    if isinstance(number, OutlierPairs):
        bytes_that_occur = np.flatnonzero(pairs_that_occur(number))
    halved = 2 if coding.bits == 4 else 1
    wanted = tuple(n // halved if i == axis else n for i, n in enumerate(shape))
    codes = random.choice(bytes_that_occur, wanted).astype(np.uint8)
    scales = None
    if coding.group:
        few = tuple(n // coding.group if i == axis else n for i, n in enumerate(shape))
        scales = random.integers(110, 120, few, dtype=np.uint8) - (56 if number is NVFP4 else 0)
    return {"codes": codes if coding.bits == 4 else codes.view(np.int8), "scales": scales}


@lru_cache(maxsize=len(FORMATS))
def coded_weights(name: str, rows: int, inputs: int, copies: int) -> list[CodedWeights]:
    """Copies that differ: bytes of other rows are weights as good as any."""
    number = FORMATS[name][0]
    made = words(number, (rows, inputs), 1)
    codes, scales = made["codes"], made["scales"]
    return [CodedWeights(number, np.roll(codes, i, 0), scales) for i in range(copies)]


def coded(name: str, rows: int, inputs: int, tokens: int, copies: int) -> Contestant:
    weights = coded_weights(name, rows, inputs, copies)
    number = FORMATS[name][1]
    activation = CodedInputs(number, **words(number, (inputs, tokens), 0))
    out = aligned((rows, tokens), "float32" if weights[0].coding.group else "int32")
    isa = selected_isa()
    expected = coded_product(weights[0], activation, isa="numpy")
    calls = [lambda w=w: coded_product(w, activation, out=out, isa=isa) for w in weights]
    return checked(expected, out, calls)


@lru_cache(maxsize=len(PATTERNS))
def nm_weights(name: str, rows: int, inputs: int, copies: int) -> list[NMWeights]:
    """Copies that differ."""
    kept, group = map(int, name.split(":"))
    random = np.random.default_rng(1)
    dense = random.integers(-127, 128, (rows, inputs // group, group), dtype=np.int8)
    order = random.random(dense.shape).argsort(axis=2)
    first = pack_nm((dense * (order < kept)).reshape(rows, inputs), kept=kept, group=group)
    fields = (inputs, kept, group)
    return [
        NMWeights(*fields, np.roll(first.values, i, 0), np.roll(first.places, i, 0))
        for i in range(copies)
    ]


def sparse(name: str, rows: int, inputs: int, tokens: int, copies: int) -> Contestant:
    weights = nm_weights(name, rows, inputs, copies)
    activation = aligned((inputs, tokens), "uint8")
    activation[:] = np.random.default_rng(1).integers(0, 256, activation.shape)
    out = aligned((rows, tokens), "int32")
    isa = selected_isa()
    expected = nm_product(weights[0], activation, isa="numpy")
    calls = [lambda w=w: nm_product(w, activation, out=out, isa=isa) for w in weights]
    return checked(expected, out, calls)


def checked(expected: np.ndarray, out: np.ndarray, calls: Sequence[Contestant]) -> Contestant:
    """All calls one after the other; the first must give what NumPy gives."""
    calls[0]()
    if not np.array_equal(out, expected):
        raise RuntimeError("a kernel gives another product than NumPy")

    def run() -> None:
        for call in calls:
            call()

    return run


def measure(contestants: dict[str, Contestant], copies: int) -> dict[str, float]:
    """Median microseconds of one product."""
    found = medians(contestants, rounds=ROUNDS)
    return {name: seconds / copies * 1e6 for name, seconds in found.items()}


def table_of(
    title: str,
    columns: Sequence[str],
    tokens: Sequence[int],
    make: Callable[[str, int, int, int, int], Contestant],
) -> dict[str, list[float]]:
    """Print a table; return how often faster than the best rival each column is, row after row."""
    table = Table(title=title)
    for column in ("shape", "tokens", "ONNX Runtime", "oneDNN", *columns):
        table.add_column(column, justify="right")
    ratios: dict[str, list[float]] = {column: [] for column in columns}
    for rows, inputs in SHAPES:
        for count in tokens:
            copies = -(-COPIED_BYTES // (rows * inputs)) if count in FEW else CALLS
            dense = rivals(rows, inputs, copies)
            contestants = {name: contestant(count) for name, contestant in dense.items()}
            contestants |= {name: make(name, rows, inputs, count, copies) for name in columns}
            found = measure(contestants, copies)
            best = min(found["ONNX Runtime"], found["oneDNN"])
            cells = [f"{found['ONNX Runtime']:.0f} us", f"{found['oneDNN']:.0f} us"]
            for name in columns:
                ratios[name].append(best / found[name])
                cells.append(f"{found[name]:.0f} us = {best / found[name]:.2f}x")
            table.add_row(f"{rows}x{inputs}", str(count), *cells)
    CONSOLE.print(table)
    return ratios


def verdict(what: str, ratios: Sequence[float], target: float) -> None:
    reached = sum(ratio >= target for ratio in ratios)
    CONSOLE.print(
        f"{what}: {min(ratios):.2f} to {max(ratios):.2f} times the best dense int8; at least "
        f"{target} in {reached} of {len(ratios)} rows"
    )


def four_bits() -> None:
    for what, tokens, target in (
        ("weights out of cache", FEW, TARGETS["memory"]),
        ("weights in cache", MANY, TARGETS["compute"]),
    ):
        title = f"four bits, {what}: time of one product, and the best dense int8 divided by it"
        ratios = table_of(title, tuple(FORMATS), tokens, coded)
        for name in FORMATS:
            verdict(f"{name}, {what}", ratios[name], target)
    coded_weights.cache_clear()


def n_of_m() -> None:
    names = tuple(f"{kept}:{group}" for kept, group in PATTERNS)
    for what, tokens in (("weights out of cache", FEW), ("weights in cache", MANY)):
        table_of(f"int8 N:M, {what}: as above", names, tokens, sparse)
    nm_weights.cache_clear()


def blocks() -> None:
    """Block-sparse int8 against dense int8, and from how many zeros on it is faster."""
    table = Table(title="block-sparse int8: the best dense int8 divided by ours")
    for column in ("shape", "tokens", "R", *(f"{zeros:.0%}" for zeros in ZEROS), "even at"):
        table.add_column(column, justify="right")
    for rows, inputs in SHAPES:
        for tokens in MANY:
            dense = rivals(rows, inputs, 1)
            contestants = {name: contestant(tokens) for name, contestant in dense.items()}
            for block_rows, zeros in product((4, 8), ZEROS):
                weights = block_sparse(rows, inputs, block_rows, zeros)
                contestants[f"{block_rows} {zeros}"] = ours(weights, block_rows, tokens=tokens)
            taken = measure(contestants, 1)
            best = min(taken["ONNX Runtime"], taken["oneDNN"])
            for block_rows in (4, 8):
                found = {zeros: best / taken[f"{block_rows} {zeros}"] for zeros in ZEROS}
                table.add_row(
                    f"{rows}x{inputs}", str(tokens), f"{block_rows}x1",
                    *(f"{ratio:.2f}" for ratio in found.values()), break_even(found),
                )  # fmt: skip
    CONSOLE.print(table)
    asked = "; ".join(
        f"{rows}x{inputs} {high} and {low}" for (rows, inputs), (high, low) in BLOCK_TARGETS.items()
    )
    CONSOLE.print(f"asked of processors with AMX, at 90 and 80 % zeros: {asked}; even at 55 %")
    if "amx-int8" not in available_isas():
        CONSOLE.print(
            "this processor has no AMX: the dense rivals use VNNI, and these do not apply"
        )


def break_even(ratios: dict[float, float]) -> str:
    """From which share of zeros on ours is faster, between the shares measured."""
    shares = list(ratios)
    for low, high in zip(shares[::-1][1:], shares[::-1], strict=False):
        if ratios[low] < 1.0:
            if ratios[high] < 1.0:
                return "never"
            part = (1.0 - ratios[low]) / (ratios[high] - ratios[low])
            return f"{low + part * (high - low):.0%}"
    return "0%"


def main() -> int:
    load = os.getloadavg()[0]
    CONSOLE.print(f"{processor()}; {os.cpu_count()} cores, load {load:.1f} at the start")
    CONSOLE.print(
        f"path {selected_isa()} of {', '.join(available_isas())}; one thread, medians of {ROUNDS} "
        "rounds in alternation, CPU time"
    )
    four_bits()
    n_of_m()
    blocks()
    CONSOLE.print(f"load {os.getloadavg()[0]:.1f} at the end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
