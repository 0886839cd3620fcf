"""The published integer program, equation by equation: an oracle for small workloads.

It is the wrong tool for large ones: its big-M rows make free solvers crawl. Variables and numbers
follow arXiv 2311.18246, section III; what the paper leaves out is marked as added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from netwright.errors import ConfigError, require
from netwright.mapping.schedule import Schedule
from netwright.solvers import quiet

MAX_STEPS = 60
"""Largest workload that is accepted."""

Terms = list[tuple[int, float]]
Column = Callable[[int, int, int], int]
"""Column of a kind (P, S or R), a tensor and a step."""


@dataclass(slots=True)
class _Program:
    """Rows and columns while they are collected."""

    num_columns: int
    rows: list[Terms]
    upper: list[float]

    def at_most(self, terms: Iterable[tuple[int, float]], limit: float) -> None:
        self.rows.append(list(terms))
        self.upper.append(limit)


def solve_published(
    schedule: Schedule, capacity: int, *, places: bool = False, time_limit_s: float = 60.0
) -> int:
    """Optimal non-compulsory bytes of the published program for a fixed order.

    Args:
        schedule: Workload and order (the paper's fixed-schedule mode: creation is given).
        capacity: Bytes of the scratchpad (MB in the paper).
        places: Whether addresses are part of the program (equations 9 to 11); else one capacity
            row a step takes their place.
        time_limit_s: Limit of the solver.

    Raises:
        ConfigError: The workload has more than :data:`MAX_STEPS` steps, or no proof was found.
        Infeasible: The operands of some step do not fit.
    """
    num_steps, names = len(schedule.order), list(schedule.uses)
    if num_steps > MAX_STEPS:
        raise ConfigError(
            f"the published program takes at most {MAX_STEPS} steps, not {num_steps}",
            hint="netwright.mapping.cosma solves the same problem at any size",
        )
    schedule.check_capacity(capacity)
    program = _Program(3 * num_steps * len(names), [], [])

    def var(kind: int, tensor: int, step: int) -> int:
        """Column of P (0), S (1) or R (2)."""
        return (kind * len(names) + tensor) * num_steps + step

    fixed = [schedule.uses[name][0] for name in names]
    for a, name in enumerate(names):
        _life(program, schedule, var, a, name, fixed[a], num_steps)
    if places:
        _addresses(program, schedule, var, fixed, capacity)
    else:
        for t in range(num_steps):
            held = [
                (var(kind, a, t), float(schedule.sizes[n]))
                for a, n in enumerate(names)
                for kind in (0, 2)
            ]
            made = sum(schedule.sizes[n] for a, n in enumerate(names) if fixed[a] == t)
            program.at_most(held, capacity - made)
    return _minimum(program, schedule, var, time_limit_s)


def _life(
    program: _Program, schedule: Schedule, var: Column, a: int, name: str, born: int, num_steps: int
) -> None:
    """Equations 1 to 5 and 8 for one tensor; C is the constant "t equals born"."""
    free = name in schedule.has_copy
    for t in range(num_steps):
        created, before = float(t == born), float(t - 1 == born)
        p, s, r = (var(kind, a, t) for kind in range(3))
        program.at_most([(p, 1), (s, 1), (r, 1)], 1 - created)  # 1
        earlier = [(var(0, a, t - 1), -1.0)] if t else []
        again = [(var(2, a, t - 1), -1.0)] if t else []
        program.at_most([(p, 1), *earlier, *again], before)  # 2; added: P = 0 at the first step
        program.at_most([(s, 1), *earlier], before)  # 3; added: S = 0 at the first step
        if free:  # added: an input or stored output has a copy from its first use on
            program.at_most([(r, 1)], float(t > born))
        else:
            program.at_most([(r, 1), *((var(1, a, k), -1.0) for k in range(t + 1))], 0)  # 4
        if t in schedule.uses[name] and t != born:
            program.at_most([(p, -1), (r, -1)], -1)  # 5
        if t > schedule.uses[name][-1]:  # added: nothing stays past its last use
            program.at_most([(p, 1), (r, 1)], 0)
    program.at_most([(var(1, a, t), 1.0) for t in range(num_steps)], 1)  # 8


def _addresses(
    program: _Program, schedule: Schedule, var: Column, born: list[int], capacity: int
) -> None:
    """Equations 9 to 11 for every pair of tensors at every step."""
    names, num_steps = list(schedule.uses), len(schedule.order)
    first = program.num_columns
    program.num_columns += len(names) * num_steps

    def place(a: int, t: int) -> int:
        return first + a * num_steps + t

    for a, name in enumerate(names):
        size = schedule.sizes[name]
        for t in range(num_steps):
            program.at_most([(place(a, t), 1)], capacity - size)  # 9
            if t:  # 11: V = P, because P implies residency one step before
                kept = (var(0, a, t), float(capacity))
                now, then = place(a, t), place(a, t - 1)
                program.at_most([(now, 1), (then, -1), kept], capacity)
                program.at_most([(now, -1), (then, 1), kept], capacity)
        for b in range(a):
            for t in range(num_steps):
                u, d = program.num_columns, program.num_columns + 1
                program.num_columns += 2
                other = schedule.sizes[names[b]]
                low, high = place(a, t), place(b, t)  # 10
                program.at_most([(low, -1), (high, 1), (u, capacity)], capacity - other)
                program.at_most([(high, -1), (low, 1), (d, capacity)], capacity - size)
                present = [(var(kind, c, t), 1.0) for c in (a, b) for kind in (0, 2)]
                made = float(born[a] == t) + float(born[b] == t)
                program.at_most([*present, (u, -1), (d, -1)], 1 - made)
                program.at_most([(u, 1), (d, 1)], 1)


def _minimum(program: _Program, schedule: Schedule, var: Column, time_limit_s: float) -> int:
    """Equation 12."""
    optimize = require("scipy.optimize", extra="solve", purpose="the published program")
    sparse = require("scipy.sparse", extra="solve", purpose="the published program")
    names, num_steps = list(schedule.uses), len(schedule.order)
    cost = np.zeros(program.num_columns)
    for a, name in enumerate(names):
        for t in range(num_steps):
            for kind in (1, 2):
                stored = kind == 1 and name in schedule.has_copy
                cost[var(kind, a, t)] = 0 if stored else schedule.sizes[name]
    flat = [(row, *term) for row, terms in enumerate(program.rows) for term in terms]
    rows, columns, values = zip(*flat, strict=True)
    shape = (len(program.rows), program.num_columns)
    matrix = sparse.coo_array((np.array(values, float), (rows, columns)), shape=shape).tocsr()
    ones = np.ones(program.num_columns)
    high = ones.copy()
    is_place = np.zeros(program.num_columns, dtype=bool)
    if program.num_columns > 3 * num_steps * len(names):
        start = 3 * num_steps * len(names)
        is_place[start : start + num_steps * len(names)] = True
    high[is_place] = np.inf
    with quiet():
        found = optimize.milp(
            cost,
            constraints=optimize.LinearConstraint(matrix, -np.inf, np.array(program.upper)),
            bounds=optimize.Bounds(0, high),
            integrality=ones,
            options={"mip_rel_gap": 0.0, "time_limit": time_limit_s},
        )
    if found.status != 0:
        raise ConfigError(f"the published program was not solved: {found.message}")
    return round(found.fun)
