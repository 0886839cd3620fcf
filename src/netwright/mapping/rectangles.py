"""Addresses by constraint programming: exact, and joint with replacement where necessary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from types import ModuleType
from typing import Any

from netwright.errors import NumericsError, require
from netwright.mapping.gaps import traffic_of
from netwright.mapping.placement import Offsets, Stay
from netwright.mapping.schedule import Gap, Schedule
from netwright.solvers import rounded_up, run_cp_sat


def place_exactly(
    wanted: Sequence[Stay], capacity: int, *, time_limit_s: float, seed: int = 0
) -> tuple[Offsets | None, bool]:
    """Addresses of given stays by CP-SAT.

    Returns:
        The addresses, and whether the answer is final: ``(None, True)`` means that none exist.
    """
    cp_model = _cp_model()
    unit = gcd(*(stay.num_bytes for stay in wanted))
    model = cp_model.CpModel()
    spans, blocks, places = [], [], []
    for index, stay in enumerate(wanted):
        size, length = stay.num_bytes // unit, stay.last - stay.first + 1
        place = model.new_int_var(0, capacity // unit - size, f"offset{index}")
        places.append(place)
        spans.append(model.new_fixed_size_interval_var(stay.first, length, f"span{index}"))
        blocks.append(model.new_fixed_size_interval_var(place, size, f"block{index}"))
    model.add_no_overlap_2d(spans, blocks)
    solver, status = run_cp_sat(cp_model, model, time_limit_s=time_limit_s, seed=seed)
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return tuple(solver.value(place) * unit for place in places), True
    return None, status == cp_model.INFEASIBLE


@dataclass(frozen=True, slots=True)
class JointSolution:
    """Gaps kept for which addresses exist.

    Attributes:
        kept: Gaps over which the tensor stays; ``None`` if nothing was found in time.
        bound: Proven lower bound of the non-compulsory bytes.
        offsets: First byte of each tensor for each of its stays, by tensor and first step.
    """

    kept: frozenset[Gap] | None
    bound: int
    offsets: dict[tuple[str, int], int]


def solve_joint(
    schedule: Schedule,
    capacity: int,
    *,
    bound: int,
    hint: frozenset[Gap] = frozenset(),
    time_limit_s: float,
    seed: int = 0,
) -> JointSolution:
    """Replacement and addresses together: every gap is an optional rectangle.

    Args:
        schedule: Workload and order.
        capacity: Bytes of the scratchpad.
        bound: A known lower bound, in bytes; it ends the search when reached.
        hint: Gaps that are probably kept.
        time_limit_s: Wall-clock limit.
        seed: Of the solver.

    Raises:
        NumericsError: The solver contradicts itself.
        MissingExtra: OR-Tools is not installed.
    """
    cp_model = _cp_model()
    model = cp_model.CpModel()
    unit = gcd(*schedule.sizes.values())
    spans: list[Any] = []
    blocks: list[Any] = []
    starts: dict[tuple[str, int], Any] = {}
    keeps: dict[Gap, Any] = {}
    costs: list[Any] = []
    for name, steps in schedule.uses.items():
        size = schedule.sizes[name] // unit
        spilled = None if name in schedule.has_copy else model.new_bool_var(f"spilled {name}")
        if spilled is not None:
            costs.append(size * spilled)
        runs = _runs(steps)
        for index, (first, last) in enumerate(runs):
            place = model.new_int_var(0, capacity // unit - size, f"{name} {first}")
            starts[name, first] = place
            spans.append(model.new_fixed_size_interval_var(first, last - first + 1, ""))
            blocks.append(model.new_fixed_size_interval_var(place, size, ""))
            if index == 0:
                continue
            before_first, before = runs[index - 1]
            gap = Gap(before, first, name)
            keep = keeps[gap] = model.new_bool_var(f"keep {name} {before}")
            length = first - before - 1
            spans.append(model.new_optional_fixed_size_interval_var(before + 1, length, keep, ""))
            blocks.append(model.new_optional_fixed_size_interval_var(place, size, keep, ""))
            model.add(starts[name, before_first] == place).only_enforce_if(keep)
            model.add_hint(keep, gap in hint)
            costs.append(size * (1 - keep))
            if spilled is not None:
                model.add_bool_or([keep, spilled])
    model.add_no_overlap_2d(spans, blocks)
    objective = sum(costs)
    model.add(objective >= bound // unit)
    model.minimize(objective)
    solver, status = run_cp_sat(cp_model, model, time_limit_s=time_limit_s, seed=seed)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return JointSolution(None, bound, {})
    kept = frozenset(gap for gap, keep in keeps.items() if solver.value(keep))
    proven = max(bound, rounded_up(solver.best_objective_bound, default=0) * unit)
    value = traffic_of(schedule, kept)
    if proven > value:
        raise NumericsError(
            f"the solver's bound, {proven} bytes, is above the traffic of its own choice, {value}"
        )
    offsets = {key: solver.value(place) * unit for key, place in starts.items()}
    return JointSolution(kept, proven, offsets)


def _runs(steps: Sequence[int]) -> list[tuple[int, int]]:
    """Maximal stretches of uses at consecutive steps."""
    found = [(steps[0], steps[0])]
    for step in steps[1:]:
        if step - found[-1][1] > 1:
            found.append((step, step))
        else:
            found[-1] = (found[-1][0], step)
    return found


def _cp_model() -> ModuleType:
    return require("ortools.sat.python.cp_model", extra="solve", purpose="placing tensors exactly")
