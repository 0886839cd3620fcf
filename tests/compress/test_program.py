from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from netwright.compress.program import Program


def brute(
    program: Program,
    objective: np.ndarray,
    rows: list[np.ndarray],
    limits: list[float],
    tie: int | None,
) -> float | None:
    """The least objective over all choices."""
    groups = [np.flatnonzero(program.layers == i) for i in range(program.layers[-1] + 1)]
    best = None
    for choice in product(*groups):
        pairs = [program.pairs[v] for v in choice]
        if tie is not None and any(
            later[2] != earlier[1] + tie for earlier, later in pairwise(pairs)
        ):
            continue
        if any(row[list(choice)].sum() > limit for row, limit in zip(rows, limits, strict=True)):
            continue
        value = float(objective[list(choice)].sum())
        best = value if best is None else min(best, value)
    return best


@pytest.mark.parametrize("tie", [None, 3])
@pytest.mark.parametrize("seed", range(10))
def test_any_objective_is_minimized(seed: int, tie: int | None) -> None:
    """Also negative ones, and rows that have nothing to do with widths."""
    rng = np.random.default_rng(seed)
    widths = (2, 3, 5)
    reads = [(8,), *[tuple(w + 3 for w in widths)] * 2]
    program = Program.of(widths, reads, tie=tie)
    objective = rng.normal(size=len(program.pairs)) * 10 ** rng.uniform(-6, 6)
    rows = [rng.uniform(1, 9, len(program.pairs)) for _ in range(2)]
    limits = [15.0, 16.0]
    wanted = brute(program, objective, rows, limits, tie)
    found = program.solve(objective, rows, limits)
    assert (found is None) == (wanted is None)
    if found is not None and wanted is not None:
        values, bound = found
        assert float(objective @ values) == pytest.approx(wanted, rel=1e-9)
        assert bound == pytest.approx(wanted, rel=1e-6)
        assert len(program.chosen(values)) == 3


def test_limits_hold_exactly_and_are_not_tightened() -> None:
    """Costs that differ from the limit by less than the solver's tolerance."""
    program = Program.of((2, 3, 4), [(8,)], tie=None)
    objective = np.array([3.0, 2.0, 1.0])
    costs = np.array([1.0, 1.0 + 1e-10, 1.0 + 2e-10])
    for limit, wanted in ((1.0, 2), (1.0 + 1e-10, 3), (1.0 + 2e-10, 4)):
        found = program.solve(objective, [costs], [limit])
        assert found is not None
        assert program.chosen(found[0]) == [(wanted, 8)]
    assert program.solve(objective, [costs], [1.0 - 1e-10]) is None


def test_small_differences_beside_large_values_decide() -> None:
    """The solver's absolute gap must not hide them."""
    program = Program.of((2, 3, 4), [(8,), (8,)], tie=None)
    objective = np.array([1e9, 2e-7, 1e-7, 1e9, 1e-7, 2e-7])
    found = program.solve(objective, [], [])
    assert found is not None
    assert program.chosen(found[0]) == [(4, 8), (3, 8)]
    assert found[1] == pytest.approx(2e-7, rel=1e-3)
