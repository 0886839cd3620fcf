"""The best assignment and schedule on unlike units, by proof."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from netwright.errors import Infeasible, require
from netwright.mapping.split import (
    Split,
    SplitProblem,
    cheapest,
    split_greedily,
    split_towards,
)
from netwright.solvers import rounded_up, run_cp_sat

Aim = Literal["latency", "energy"]
"""What is minimized; of equal splits in ``latency`` the one of the least energy, and vice versa."""


def split_exactly(
    problem: SplitProblem,
    *,
    aim: Aim = "latency",
    limit: int | None = None,
    time_limit_s: float = 10.0,
    seed: int = 0,
) -> Split:
    """The split with the least time or energy.

    Args:
        problem: Steps and units.
        aim: What is minimized first.
        limit: Cycles in which all must be done; none if not given.
        time_limit_s: Limit of each of two solver calls; at the limit the best split known is
            returned with its bound.
        seed: Of the constraint solver.

    Raises:
        Infeasible: No split ends in time, by proof; the message says what the shortest one takes.
        MissingExtra: OR-Tools is not installed.
    """
    hint = _first(problem, aim, limit)
    found, is_final = _solve(problem, aim, limit, None, hint, time_limit_s, seed)
    if found is None and hint is not None:
        return hint
    if found is None and not is_final:
        raise Infeasible(
            f"no split of the steps that ends in {limit} cycles was found in {time_limit_s:g} s",
            smallest=0,
            hint="raise the time limit; whether there is one is not known",
        )
    if found is None:
        shortest = split_exactly(problem, aim="latency", time_limit_s=time_limit_s, seed=seed)
        proof = "the shortest takes" if shortest.is_optimal else "the shortest known takes"
        raise Infeasible(
            f"no split of the steps ends in {limit} cycles; {proof} {shortest.makespan}",
            smallest=shortest.makespan,
            hint=f"allow {shortest.makespan} cycles, or enlarge a unit",
        )
    first = found.makespan if aim == "latency" else found.energy
    if not found.is_optimal:
        return found
    other: Aim = "energy" if aim == "latency" else "latency"
    ceilings = (first, None) if aim == "latency" else (limit, first)
    again, _ = _solve(problem, other, ceilings[0], ceilings[1], found, time_limit_s, seed)
    best = again or found
    return Split(
        best.units, best.starts, best.makespan, best.energy, "CP-SAT",
        is_optimal=again is not None and again.is_optimal, bound=first,
    )  # fmt: skip


def check_solver() -> None:
    """Refuse at once where no exact split can be found.

    Raises:
        MissingExtra: OR-Tools is not installed.
    """
    _solver()


def _solver() -> Any:
    return require("ortools.sat.python.cp_model", extra="solve", purpose="an exact split")


def split_within(
    problem: SplitProblem, limit: int, *, always: bool = False, work_s: float = 1.0
) -> Split:
    """A cheap split that ends in time: the greedy one, or what a solver finds where that is late.

    The same problem gets the same answer on any machine, however busy.

    Args:
        problem: Steps and units.
        limit: Cycles in which all should be done.
        always: Whether the solver looks for a cheaper one also where the greedy one is in time.
        work_s: Limit of the solver, in seconds of a machine at rest.

    Returns:
        A split that ends in time; where none was found, the last one of the greedy way there.
        ``is_optimal`` says that it is the cheapest, or that none ends in time, by proof.

    Raises:
        MissingExtra: The solver is needed, and OR-Tools is not installed.
    """
    found = split_towards(problem, limit)
    if problem.least_makespan > limit:
        return replace(found, is_optimal=True, bound=problem.least_makespan)
    if found.makespan <= limit and not always:
        return found
    hint = found if found.makespan <= limit else None
    better, is_final = _solve(problem, "energy", limit, None, hint, work_s, 0, is_repeatable=True)
    if better is None:
        return replace(found, is_optimal=is_final)
    return better


def _first(problem: SplitProblem, aim: Aim, limit: int | None) -> Split | None:
    """A split to start from."""
    if limit is not None or aim == "energy":
        units = cheapest(problem)
        return split_greedily(problem, problem.starts_of(units)[1] if limit is None else limit)
    best = None
    least = 1 + sum(max(c for c in step.cycles if c is not None) for step in problem.steps)
    while (found := split_greedily(problem, least - 1)) is not None:
        best, least = found, found.makespan
    return best


def _solve(
    problem: SplitProblem,
    aim: Aim,
    most_cycles: int | None,
    most_energy: int | None,
    hint: Split | None,
    time_limit_s: float,
    seed: int,
    *,
    is_repeatable: bool = False,
) -> tuple[Split | None, bool]:
    """The best split within limits, if one was found, and whether that is final."""
    cp = _solver()
    model = cp.CpModel()
    horizon = sum(max(c for c in step.cycles if c is not None) for step in problem.steps)
    horizon = horizon if most_cycles is None else min(horizon, most_cycles)
    lines: list[list[Any]] = [[] for _ in problem.units]
    starts: list[Any] = []
    ends: list[Any] = []
    chosen: list[dict[int, Any]] = []
    energy = []
    for place, (step, able) in enumerate(zip(problem.steps, problem.able, strict=True)):
        start = model.new_int_var(0, horizon, f"start{place}")
        end = model.new_int_var(0, horizon, f"end{place}")
        options: dict[int, Any] = {}
        for unit in able:
            own = model.new_bool_var(f"on{place}_{unit}")
            cycles = step.cycles[unit]
            lines[unit].append(
                model.new_optional_fixed_size_interval_var(start, cycles, own, f"run{place}_{unit}")
            )
            energy.append(step.energy[unit] * own)
            options[unit] = own
        model.add_exactly_one(options.values())
        # Apart from the intervals: where several of other sizes shared their end, OR-Tools 9.15
        # called splits optimal that were not.
        model.add(end == start + sum(step.cycles[unit] * own for unit, own in options.items()))
        for need in step.needs:
            model.add(start >= ends[need])
        starts.append(start)
        ends.append(end)
        chosen.append(options)
    for line in lines:
        model.add_no_overlap(line)
    makespan = model.new_int_var(0, horizon, "makespan")
    model.add_max_equality(makespan, ends)
    total = sum(energy)
    if most_energy is not None:
        model.add(total <= most_energy)
    model.minimize(makespan if aim == "latency" else total)
    if hint is not None:
        for place, options in enumerate(chosen):
            model.add_hint(starts[place], hint.starts[place])
            for unit, own in options.items():
                model.add_hint(own, hint.units[place] == unit)
    solver, status = run_cp_sat(
        cp, model, time_limit_s=time_limit_s, seed=seed, is_repeatable=is_repeatable
    )
    if status not in (cp.OPTIMAL, cp.FEASIBLE):
        return None, bool(status == cp.INFEASIBLE)
    units = tuple(next(u for u, own in o.items() if solver.value(own)) for o in chosen)
    return Split(
        units, tuple(solver.value(start) for start in starts), solver.value(makespan),
        problem.energy_of(units), "CP-SAT", status == cp.OPTIMAL,
        rounded_up(solver.best_objective_bound, default=0),
    ), status == cp.OPTIMAL  # fmt: skip
