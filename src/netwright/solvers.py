"""Integer programs over zeros and ones: solved by HiGHS, checked again in exact integers.

HiGHS computes with floating-point numbers: a choice may break a limit by its tolerance, and a bound
may be off by rounding. So every choice is checked here in integers, every bound is rounded to the
side that is safe, and what shall be called proven is put to CP-SAT, which reasons in integers: is
there any choice of a smaller value?
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from netwright.errors import NumericsError, require

WORKERS = 2
"""Threads of CP-SAT."""

CHECK_S = 20.0
"""Longest that a bound is checked."""

_RELATIVE, _ABSOLUTE = 1e-9, 1e-6
"""How far a bound of HiGHS may be off by rounding."""

_TIME_LIMIT = 1
"""Status of ``scipy.optimize.milp``."""


@dataclass(frozen=True, slots=True)
class Row:
    """A constraint: the sum of some integers over the chosen columns lies between two others.

    Attributes:
        terms: The integer of each column that counts.
        low: Smallest sum; none if not given.
        high: Largest sum; none if not given.
    """

    terms: Mapping[int, int]
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a solver found, in integers.

    Attributes:
        chosen: The columns chosen; ``None`` if no choice is known that keeps every row.
        value: Their value, or 0.
        bound: No choice has a smaller value, says the solver.
    """

    chosen: frozenset[int] | None
    value: int
    bound: int


@dataclass(frozen=True)
class Program:
    """Choose columns for the least sum of costs.

    Attributes:
        costs: An integer for each column.
        rows: The constraints.
    """

    costs: Sequence[int]
    rows: Sequence[Row]

    def value(self, chosen: frozenset[int]) -> int:
        """Cost of a choice."""
        return sum(self.costs[column] for column in chosen)

    def holds(self, chosen: frozenset[int]) -> bool:
        """Whether a choice keeps every row."""
        for row in self.rows:
            total = sum(value for column, value in row.terms.items() if column in chosen)
            if row.low is not None and total < row.low:
                return False
            if row.high is not None and total > row.high:
                return False
        return True

    @property
    def least(self) -> int:
        """A value that no choice goes below, whatever the rows say."""
        return sum(cost for cost in self.costs if cost < 0)

    def solve(self, *, purpose: str, time_limit_s: float) -> Answer:
        """Let HiGHS choose; its choice and its bound are checked in integers.

        Args:
            purpose: For the message if SciPy is missing.
            time_limit_s: Wall-clock limit.

        Raises:
            NumericsError: The bound is above the value of a choice that keeps every row.
            MissingExtra: SciPy is not installed.
        """
        optimize = require("scipy.optimize", extra="solve", purpose=purpose)
        sparse = require("scipy.sparse", extra="solve", purpose=purpose)
        entries = [
            (number, column, value)
            for number, row in enumerate(self.rows)
            for column, value in row.terms.items()
        ]
        numbers, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
        shape = (len(self.rows), len(self.costs))
        matrix = sparse.coo_array((np.array(values, float), (numbers, columns)), shape=shape)
        low = [-np.inf if row.low is None else row.low for row in self.rows]
        high = [np.inf if row.high is None else row.high for row in self.rows]
        with quiet():
            found = optimize.milp(
                np.array(self.costs, float),
                constraints=optimize.LinearConstraint(matrix.tocsr(), low, high),
                bounds=optimize.Bounds(0, 1),
                integrality=np.ones(len(self.costs)),
                options={"mip_rel_gap": 0.0, "time_limit": time_limit_s},
            )
        bound = max(self.least, rounded_up(found.mip_dual_bound, default=self.least))
        if found.x is None:
            return Answer(None, 0, bound)
        chosen = frozenset(column for column, x in enumerate(found.x) if x > 0.5)
        if not self.holds(chosen):
            return Answer(None, 0, bound)
        value = self.value(chosen)
        if bound > value:
            raise NumericsError(
                f"the solver's bound, {bound}, is above the value of its own choice, {value}"
            )
        return Answer(chosen, value, bound)

    def has_none_below(self, value: int, *, time_limit_s: float = CHECK_S) -> bool | None:
        """Whether no choice has a smaller value, by CP-SAT in integers; ``None`` if not known.

        Raises:
            MissingExtra: OR-Tools is not installed.
        """
        if value <= self.least:
            return True
        cp_model = require("ortools.sat.python.cp_model", extra="solve", purpose="checking a bound")
        model = cp_model.CpModel()
        columns = [model.new_bool_var("") for _ in self.costs]
        for row in self.rows:
            total = sum(number * columns[column] for column, number in row.terms.items())
            if row.low is not None:
                model.add(total >= row.low)
            if row.high is not None:
                model.add(total <= row.high)
        costs = zip(self.costs, columns, strict=True)
        model.add(sum(cost * column for cost, column in costs) <= value - 1)
        solver, status = run_cp_sat(cp_model, model, time_limit_s=time_limit_s)
        if status == cp_model.INFEASIBLE:
            return True
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            chosen = frozenset(n for n, column in enumerate(columns) if solver.value(column))
            return False if self.holds(chosen) and self.value(chosen) < value else None
        return None


def run_cp_sat(
    cp_model: Any, model: Any, *, time_limit_s: float, seed: int = 0, is_repeatable: bool = False
) -> tuple[Any, object]:
    """Run CP-SAT; the solver with its answer, and the status.

    Repeatable answers come from one thread, and the limit counts work in place of time: about
    seconds, but the same on a busy machine.
    """
    solver = cp_model.CpSolver()
    if is_repeatable:
        solver.parameters.max_deterministic_time = time_limit_s
        solver.parameters.num_workers = 1
    else:
        solver.parameters.max_time_in_seconds = time_limit_s
        solver.parameters.num_workers = WORKERS
    solver.parameters.random_seed = seed
    with quiet():
        return solver, solver.solve(model)


def rounded_up(bound: float | None, *, default: int) -> int:
    """The smallest integer that a bound of a solver allows, on the safe side of its rounding.

    >>> rounded_up(3.0000002, default=0), rounded_up(3.2, default=0), rounded_up(None, default=7)
    (3, 4, 7)
    """
    if bound is None or not math.isfinite(bound):
        return default
    return math.ceil(bound - _ABSOLUTE - _RELATIVE * abs(bound))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what a library prints from C away from standard output; it goes nowhere."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # there is no standard output to protect
        yield
        return
    try:
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 1)
            try:
                yield
            finally:
                _flush_c()
                os.dup2(kept, 1)
    finally:
        os.close(kept)


def _flush_c() -> None:
    """Empty the buffers of the C library, which outlive the exchange of the descriptor."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).fflush(None)
