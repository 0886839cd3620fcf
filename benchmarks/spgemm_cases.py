"""Sparse matrices for products: random graphs, and ten of the kinds that collections hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from netwright.kernels.graphs import SKEWED, UNIFORM, rmat


class Case(NamedTuple):
    name: str
    left: Any
    right: Any
    large: bool


def graph(scale: int, edge_factor: int, shares: tuple[float, float, float, float]) -> Any:
    made = rmat(scale, edge_factor=edge_factor, shares=shares)
    parts = (made.values, made.columns, made.offsets.astype(np.int32))
    return sparse.csr_array(parts, shape=made.shape)


def grid(shape: tuple[int, ...], reach: int, *, corners: bool) -> Any:
    """Every point and its neighbors, as finite differences and elements have them."""
    near = [
        sparse.diags_array([1.0 + k for k in range(2 * reach + 1)],
                           offsets=list(range(-reach, reach + 1)), shape=(n, n))
        for n in shape
    ]  # fmt: skip
    if corners:
        found = near[0]
        for each in near[1:]:
            found = sparse.kron(found, each)
        return found.tocsr()
    total = sparse.csr_array((int(np.prod(shape)),) * 2)
    for axis, each in enumerate(near):
        term = sparse.eye_array(1)
        for other, n in enumerate(shape):
            term = sparse.kron(term, each if other == axis else sparse.eye_array(n))
        total = total + term.tocsr()
    return total.tocsr()


def power_law(rows: int, entries: int, seed: int) -> Any:
    """Some rows have most entries, columns likewise: webs and social graphs."""
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, rows + 1) ** 0.8
    weights /= weights.sum()
    names = random.permutation(rows)
    ends = [names[random.choice(rows, entries, p=weights)] for _ in range(2)]
    return summed(random.random(entries), ends, (rows, rows))


def summed(values: Any, ends: Any, shape: tuple[int, int]) -> Any:
    found = sparse.coo_array((values, tuple(ends)), shape=shape).tocsr()
    found.sum_duplicates()
    return found


def blocks(rows: int, size: int, each: int, seed: int) -> Any:
    """Dense blocks at random places and on the diagonal: several unknowns at a point."""
    random = np.random.default_rng(seed)
    n = rows // size
    pattern = summed(np.ones(n * each), random.integers(0, n, (2, n * each)), (n, n))
    return sparse.kron(pattern + sparse.eye_array(n), random.random((size, size))).tocsr()


def banded(rows: int, band: int, entries: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    at = random.integers(0, rows, rows * entries)
    to = np.clip(at + random.integers(-band, band + 1, len(at)), 0, rows - 1)
    return summed(random.random(len(at)), (at, to), (rows, rows))


def circuit(rows: int, seed: int) -> Any:
    """A diagonal, few entries elsewhere, and some rows and columns that nearly all meet."""
    random = np.random.default_rng(seed)
    ends = random.integers(0, rows, (2, 3 * rows))
    rails = random.choice(rows, 4, replace=False)
    ends[0, : rows // 20] = random.choice(rails, rows // 20)
    ends[1, rows // 20 : rows // 10] = random.choice(rails, rows // 20)
    return (summed(random.random(3 * rows), ends, (rows, rows)) + sparse.eye_array(rows)).tocsr()


def pruned(rows: int, inputs: int, tokens: int, zeros: float, block: int, seed: int) -> Case:
    """A pruned layer times activations after a ReLU."""
    random = np.random.default_rng(seed)
    kept = np.repeat(random.random((rows // block, inputs)) >= zeros, block, axis=0)
    weights = sparse.csr_array(random.normal(size=(rows, inputs)) * kept)
    activation = sparse.csr_array(np.maximum(random.normal(size=(inputs, tokens)), 0))
    kind = f"{block}x1 blocks" if block > 1 else "single"
    return Case(f"layer {rows}x{inputs}, {zeros:.0%} {kind}", weights, activation, False)


def square(name: str, matrix: Any, large: bool = False) -> Case:
    return Case(name, matrix, matrix, large)


def cases() -> Iterator[Case]:
    yield square("grid 2D, 5 points", grid((250, 250), 1, corners=False))
    yield square("grid 2D, 9 points", grid((200, 200), 1, corners=True))
    yield square("grid 3D, 7 points", grid((36, 36, 36), 1, corners=False))
    yield square("grid 3D, 27 points", grid((24, 24, 24), 1, corners=True))
    yield square("banded", banded(30_000, 60, 12, 3))
    yield square("blocks of 4", blocks(16_000, 4, 4, 4))
    yield square("power law", power_law(20_000, 160_000, 5))
    yield square("circuit", circuit(60_000, 6))
    yield square("long diagonal band", grid((200_000,), 2, corners=True))
    random = np.random.default_rng(7)
    few = sparse.random_array((40_000, 40_000), density=8e-5, rng=random).tocsr()
    yield square("random, few", few)
    yield pruned(768, 3072, 128, 0.9, 1, 8)
    yield pruned(3072, 768, 128, 0.95, 1, 9)
    yield pruned(768, 768, 512, 0.9, 4, 10)
    for scale, factor in ((14, 16), (16, 16)):
        yield square(f"uniform s{scale} ef{factor}", graph(scale, factor, UNIFORM), scale > 14)
    for scale, factor in ((14, 8), (14, 16), (15, 8), (16, 8)):
        yield square(f"R-MAT s{scale} ef{factor}", graph(scale, factor, SKEWED), True)
