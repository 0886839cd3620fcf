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
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from benchmarks.spmm import block_sparse, ours, processor  # noqa: E402
from benchmarks.spmm_peers import Contestant, aligned, onednn, onnxruntime  # noqa: E402
from benchmarks.timing import medians  # noqa: E402
from netwright.formats import MXFP4, NVFP4, Int, NumberFormat, OutlierPairs  # noqa: E402
from netwright.kernels import (  # noqa: E402
    available_isas,
    coded_product,
    encode_inputs,
    encode_weights,
    nm_product,
    pack_nm,
    selected_isa,
)

SHAPES = ((768, 768), (3072, 768), (768, 3072))
FEW = (1, 8)
MANY = (128, 512)
ROUNDS = 7
COPIED_BYTES = 128 << 20
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


def rivals(rows: int, inputs: int, tokens: int, copies: int) -> dict[str, Contestant]:
    random = np.random.default_rng(1)
    weights = [random.integers(-127, 128, (rows, inputs), np.int8) for _ in range(copies)]
    return {
        "ONNX Runtime": onnxruntime(*weights, tokens=tokens),
        "oneDNN": onednn(*weights, tokens=tokens),
    }


def coded(
    formats: tuple[NumberFormat, NumberFormat], rows: int, inputs: int, tokens: int, copies: int
) -> Contestant:
    random = np.random.default_rng(1)
    far = np.where(random.random((rows, inputs)) < 0.01, 10.0, 1.0)
    values = random.normal(0, 3, (rows, inputs)) * far
    first = encode_weights(values, formats[0])
    # Bytes of rows that change places are other weights as good as any.
    shifted = [
        type(first)(first.number, np.roll(first.codes, i, 0), first.scales) for i in range(copies)
    ]
    activation = encode_inputs(random.normal(0, 3, (inputs, tokens)), formats[1])
    out = aligned((rows, tokens), "float32" if first.coding.group else "int32")
    isa = selected_isa()
    expected = coded_product(first, activation, isa="numpy")
    return checked(
        expected,
        out,
        [lambda w=w: coded_product(w, activation, out=out, isa=isa) for w in shifted],
    )


def sparse(kept: int, group: int, rows: int, inputs: int, tokens: int, copies: int) -> Contestant:
    random = np.random.default_rng(1)
    dense = random.integers(-127, 128, (rows, inputs // group, group), dtype=np.int8)
    order = random.random(dense.shape).argsort(axis=2)
    weights = pack_nm((dense * (order < kept)).reshape(rows, inputs), kept=kept, group=group)
    fields = (weights.inputs, kept, group)
    shifted = [
        type(weights)(*fields, np.roll(weights.values, i, 0), np.roll(weights.places, i, 0))
        for i in range(copies)
    ]
    activation = aligned((inputs, tokens), "uint8")
    activation[:] = random.integers(0, 256, activation.shape)
    out = aligned((rows, tokens), "int32")
    isa = selected_isa()
    expected = nm_product(weights, activation, isa="numpy")
    return checked(
        expected,
        out,
        [lambda w=w: nm_product(w, activation, out=out, isa=isa) for w in shifted],
    )


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
            contestants = rivals(rows, inputs, count, copies)
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
    def make(name: str, rows: int, inputs: int, tokens: int, copies: int) -> Contestant:
        return coded(FORMATS[name], rows, inputs, tokens, copies)

    title = "four bits, {}: time of one product, and the best dense int8 divided by it"
    for what, tokens, target in (
        ("weights out of cache", FEW, TARGETS["memory"]),
        ("weights in cache", MANY, TARGETS["compute"]),
    ):
        ratios = table_of(title.format(what), tuple(FORMATS), tokens, make)
        for name in FORMATS:
            verdict(f"{name}, {what}", ratios[name], target)


def n_of_m() -> None:
    def make(name: str, rows: int, inputs: int, tokens: int, copies: int) -> Contestant:
        kept, group = map(int, name.split(":"))
        return sparse(kept, group, rows, inputs, tokens, copies)

    names = tuple(f"{kept}:{group}" for kept, group in PATTERNS)
    for what, tokens in (("weights out of cache", FEW), ("weights in cache", MANY)):
        table_of(f"int8 N:M, {what}: as above", names, tokens, make)


def blocks() -> None:
    """Block-sparse int8 against dense int8, and from how many zeros on it is faster."""
    has_amx = "amx-int8" in available_isas()
    table = Table(title="block-sparse int8: the best dense int8 divided by ours")
    for column in ("shape", "tokens", "R", *(f"{zeros:.0%}" for zeros in ZEROS), "even at"):
        table.add_column(column, justify="right")
    for rows, inputs in SHAPES:
        for tokens in MANY:
            for block_rows in (4, 8):
                found = {}
                for zeros in ZEROS:
                    weights = block_sparse(rows, inputs, block_rows, zeros)
                    contestants = rivals(rows, inputs, tokens, 1)
                    contestants["ours"] = ours(weights, block_rows, tokens=tokens)
                    taken = measure(contestants, 1)
                    found[zeros] = min(taken["ONNX Runtime"], taken["oneDNN"]) / taken["ours"]
                table.add_row(
                    f"{rows}x{inputs}", str(tokens), f"{block_rows}x1",
                    *(f"{ratio:.2f}" for ratio in found.values()), break_even(found),
                )  # fmt: skip
    CONSOLE.print(table)
    asked = "; ".join(
        f"{rows}x{inputs} {high} and {low}" for (rows, inputs), (high, low) in BLOCK_TARGETS.items()
    )
    CONSOLE.print(f"asked of processors with AMX, at 90 and 80 % zeros: {asked}; even at 55 %")
    if not has_amx:
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
