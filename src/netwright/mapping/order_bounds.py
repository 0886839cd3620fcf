"""What no order goes below: bytes on the chip, and bytes that travel."""

from __future__ import annotations

import time
from math import gcd

from netwright.errors import NumericsError
from netwright.mapping.cuts import least_live
from netwright.mapping.precedence import Precedence
from netwright.solvers import CHECK_S, Program, Row


def peak_bound(precedence: Precedence) -> int:
    """Bytes below which no order keeps everything on the chip."""
    best = 0
    for step, demand in enumerate(precedence.schedule.demand):
        best = max(best, demand + least_live(precedence, step, enough=best - demand))
    return best


def bound_of_all_orders(
    precedence: Precedence, capacity: int, *, time_limit_s: float = 60.0
) -> int:
    """Non-compulsory bytes that no order goes below.

    While an operator runs, some bytes live in every order, by a minimum cut. If they do not all
    fit, some of the tensors that may live are away, and each of these comes back for one of the
    uses that can follow the operator. One binary says whether a tensor is away during an operator,
    one whether it returns for a use, one whether it is ever written out. What else orders may
    choose is left out, so this is a relaxation.

    Args:
        precedence: Of a schedule.
        capacity: Bytes of the scratchpad.
        time_limit_s: Limit of the cuts, and of the solver; what is proven by then counts.

    Raises:
        NumericsError: The solver that found a bound was wrong.
        MissingExtra: SciPy or OR-Tools is not installed.
    """
    schedule = precedence.schedule
    sizes = schedule.sizes
    rows: list[Row] = []
    columns: dict[tuple[str, str, int], int] = {}
    unit = gcd(*sizes.values())

    def column(kind: str, name: str, step: int = 0) -> int:
        return columns.setdefault((kind, name, step), len(columns))

    started = time.perf_counter()
    for step, demand in enumerate(schedule.demand):
        if time.perf_counter() - started > time_limit_s:
            break
        room = capacity - demand
        must, may = precedence.lives[step], precedence.may_live[step]
        forced = sum(sizes[name] for name in must)
        least = least_live(precedence, step, enough=room)
        if least <= room:
            continue
        for names, live in ((must, forced), ((*must, *may), least)):
            if names and live > room:
                away = {column("away", n, step): sizes[n] // unit for n in names}
                rows.append(Row(away, low=-(-(live - room) // unit)))
        for name in (*must, *may):
            later = {
                column("returns", name, use): 1
                for use in schedule.uses[name]
                if not precedence.ancestors[step] >> use & 1
                and (name not in precedence.made or use != schedule.uses[name][0])
            }
            rows.append(Row({**later, column("away", name, step): -1}, low=0))
            if name not in schedule.has_copy:
                spilled = {column("spilled", name): 1, column("away", name, step): -1}
                rows.append(Row(spilled, low=0))
    if not rows:
        return 0
    costs = [0 if kind == "away" else sizes[name] // unit for kind, name, _ in columns]
    program = Program(tuple(costs), tuple(rows))
    bound = program.solve(purpose="the bound of all orders", time_limit_s=time_limit_s).bound
    # What is not proven in integers too, in the time that is left, is not said.
    left = max(time_limit_s - (time.perf_counter() - started), 1.0)
    holds = program.has_none_below(bound, time_limit_s=min(left, CHECK_S))
    if holds is False:
        raise NumericsError(f"a choice below the bound of all orders, {bound * unit} bytes, exists")
    return bound * unit if holds else 0
