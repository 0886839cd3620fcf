"""Fusion: which Einsums share tile loops, what stays on the chip, and how large tiles are.

The mapspace is written down in the documentation; the search is exact in it. An order is cut into
runs, each run is a group. Runs are solved for themselves, and equal ones once, so that the time is
about linear in the number of Einsums.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from netwright.arch import Architecture
from netwright.errors import ConfigError
from netwright.mapping.cosma import scratchpad_of
from netwright.mapping.given import Taker, check_given, check_granularity, check_taken
from netwright.mapping.legality import check_legal
from netwright.mapping.mapping import Group, Mapping
from netwright.mapping.ranks import aligned
from netwright.mapping.runs import MAX_EINSUMS, Runs, bindings_of
from netwright.mapping.schedule import ordered
from netwright.progress import Progress, silent
from netwright.workload import Workload


@dataclass(frozen=True, slots=True)
class Fusion:
    """The mapping with the least off-chip traffic of the mapspace.

    Attributes:
        mapping: Groups, with what they keep; it is legal.
        num_bytes: Bytes that cross the border of the chip.
        unfused_bytes: The least with every Einsum by itself.
        room: The most bytes that a group keeps.
        num_solved: Distinct runs that were solved, and all runs there are.
        is_optimal: Whether the whole mapspace was searched; not where time was over.
        seconds: Wall-clock time.
    """

    mapping: Mapping
    num_bytes: int
    unfused_bytes: int
    room: int
    num_solved: tuple[int, int]
    is_optimal: bool
    seconds: float


def given_to_fusion(
    workload: Workload,
    architecture: Architecture,
    fixed: Mapping | None,
    *,
    max_einsums: int,
    time_limit_s: float,
    decides_units: bool,
) -> tuple[Workload, Mapping]:
    """The workload in the order in which it runs, with shared ranks, and what is given.

    Args:
        workload: What shall be fused.
        architecture: The machine.
        fixed: Order, bindings and groups that are kept; nothing if ``None``.
        max_einsums: Most Einsums of a group.
        time_limit_s: Seconds of the search.
        decides_units: Whether units, arrays and time are decided too, or traffic alone.

    Raises:
        ConfigError: An order cannot be followed, steps are other ones, stays, layouts or loop nests
            are given, or a limit is below what is possible.
        MappingError: Something else that is given means nothing, or cannot be taken.
    """
    if max_einsums < 1:
        raise ConfigError(f"max_einsums must be 1 or more, not {max_einsums}")
    if not time_limit_s >= 0:
        raise ConfigError(f"time_limit_s must be 0 or more, not {time_limit_s}")
    fixed = Mapping(workload.granularity, ()) if fixed is None else fixed
    if fixed.residencies or fixed.nests or fixed.layouts or fixed.places_weights:
        raise ConfigError(
            "fusion takes an order, bindings and groups; stays and loop nests cannot be given, nor "
            "layouts or that weights are placed",
            hint="a group of one Einsum gives its loops and keeps",
        )
    check_granularity(workload, fixed)
    order = ordered(workload, fixed.order)
    by_name = {einsum.name: einsum for einsum in workload.einsums}
    workload = aligned(replace(workload, einsums=tuple(by_name[name] for name in order)))
    if fixed.groups or fixed.bindings:
        kept_in = () if decides_units else (scratchpad_of(architecture)[0].name,)
        taker = Taker("fusion for the least traffic", kept_in, decides_units, max_einsums)
        check_given(workload, architecture, fixed, taker)
    return workload, fixed


def fusion(
    workload: Workload,
    architecture: Architecture,
    *,
    max_einsums: int = MAX_EINSUMS,
    fixed: Mapping | None = None,
    time_limit_s: float = float("inf"),
    progress: Progress = silent,
) -> Fusion:
    """Fuse a workload, in its own order or a given one, for the least off-chip traffic.

    Args:
        workload: What is computed; results are the better the finer its Einsums are.
        architecture: Its scratchpad keeps the tiles.
        max_einsums: Most Einsums of a group; 1 fuses nothing.
        fixed: What is given: order and bindings, in whole or in part, and groups. The loops of a
            given group are taken as they are, or searched if there are none; tensors whose keep is
            given are kept there, the others as is best. Phases, lags, loops along arrays and keeps
            beside the scratchpad mean nothing here and are refused.
        time_limit_s: When this time is over, what is left is not fused any more.
        progress: Told how many Einsums are done.

    Raises:
        ConfigError: There is no memory of limited capacity, an order cannot be followed, or stays
            or loop nests are given.
        MappingError: A given binding or group is not legal, or cannot be taken.
        Infeasible: Some Einsum fits in no way; the message says which.
    """
    started = time.perf_counter()
    shared, fixed = given_to_fusion(
        workload, architecture, fixed, max_einsums=max_einsums, time_limit_s=time_limit_s,
        decides_units=False,
    )  # fmt: skip
    bindings = bindings_of(shared, architecture, fixed)
    solver = Runs(shared, architecture, max_einsums, fixed.groups, bindings)
    count = len(solver.shapes)
    best: dict[int, tuple[int, int]] = {0: (0, 0)}  # bits, and where the last group begins
    alone, before, is_optimal = 0, 0, True
    for end in range(1, count + 1):
        progress(end - 1, count, shared.einsums[end - 1].name)
        if end in solver.joined:
            continue
        options = []
        for begin in range(before, max(-1, before - max_einsums), -1):
            is_late = time.perf_counter() - started > time_limit_s
            if is_late and begin != before and (begin, end) not in solver.given:
                is_optimal = False
                continue
            solved = solver.solved(begin, end) if begin in best else None
            if solved is not None:
                options.append((best[begin][0] + solved[0], -begin))
                alone += solved[0] if begin == before else 0
            elif (begin, end) in solver.given:
                raise solver.not_possible(begin, end)
            elif begin == before and not solver.is_inside(begin, end):
                raise solver.nothing_fits(begin, end)
        if not options:  # the end lies inside a given group
            continue
        bits, begin = min(options)
        best[end] = bits, -begin
        before = end
    groups: list[Group] = []
    end, room = count, 0
    while end:
        begin = best[end][1]
        solved = solver.solved(begin, end)
        assert solved is not None
        groups.append(solver.group(begin, end, solved))
        room, end = max(room, solved[1]), begin
    mapping = Mapping(
        workload.granularity,
        tuple(einsum.name for einsum in shared.einsums),
        bindings=bindings,
        groups=tuple(reversed(groups)),
    )
    check_legal(workload, architecture, mapping)
    check_taken(fixed, mapping)
    return Fusion(
        mapping, -(-best[count][0] // 8), -(-alone // 8), room,
        (len(solver.known), solver.num_runs), is_optimal, time.perf_counter() - started,
    )  # fmt: skip
