"""Groups that ``netwright map --mapper fusion`` finds, for traffic, time or energy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netwright.cli.console import columns, emit, emit_json, paced
from netwright.cli.map import coverage_as_dict, require_whole, write_mapping

if TYPE_CHECKING:
    from netwright.arch import Architecture
    from netwright.cost import Goal
    from netwright.mapping import Group, Mapping
    from netwright.workload import Coverage, Workload

MANY = 4
"""Names in a cell of a table; of more the number is told."""


def fuse_network(
    workload: Workload,
    machine: Architecture,
    fixed: Mapping | None,
    write: Path | None,
    *,
    goal: str,
    is_whole: bool,
    time_limit_s: float | None,
    as_json: bool,
) -> None:
    """Fuse, and tell what the groups are."""
    from netwright.cost import products_undone
    from netwright.workload import coverage, opaque_operators

    missing = opaque_operators(workload)
    if goal != "traffic":
        missing += products_undone(workload, machine)
    covered = coverage(workload, missing)
    limit = float("inf") if time_limit_s is None else time_limit_s
    if goal == "traffic":
        _for_traffic(
            workload, machine, fixed, write, covered, time_limit_s=limit, as_json=as_json
        )  # fmt: skip
    else:
        _for_cost(
            workload, machine, fixed, write, covered, goal=goal, is_whole=is_whole,
            time_limit_s=limit, as_json=as_json,
        )  # fmt: skip
    require_whole(covered)


def _for_traffic(
    workload: Workload,
    machine: Architecture,
    fixed: Mapping | None,
    write: Path | None,
    covered: Coverage,
    *,
    time_limit_s: float,
    as_json: bool,
) -> None:
    from netwright.mapping import fusion, kib

    found = fusion(
        workload, machine, fixed=fixed, time_limit_s=time_limit_s, progress=paced("Einsums, next")
    )
    if write is not None:
        write_mapping(write, found.mapping)
    if as_json:
        emit_json({
            **_head(workload, machine, covered, found.mapping), "bytes": found.num_bytes,
            "is_optimal": found.is_optimal, "unfused_bytes": found.unfused_bytes,
            "room_bytes": found.room,
            "when": {"seconds": found.seconds},
        })  # fmt: skip
        return
    told = "the least of the mapspace for this order" if found.is_optimal else "the time was over"
    rows = [
        *_rows(workload, machine, covered),
        ("off-chip", f"{kib(found.num_bytes)} ({told})"),
        ("unfused", kib(found.unfused_bytes)),
        ("most room", kib(found.room)),
        ("time", f"{found.seconds:.2f} s, {found.num_solved[0]} distinct runs solved"),
    ]
    emit(columns(rows) + "\n\n" + columns(_groups(found.mapping.groups)))


def _for_cost(
    workload: Workload,
    machine: Architecture,
    fixed: Mapping | None,
    write: Path | None,
    covered: Coverage,
    *,
    goal: str,
    is_whole: bool,
    time_limit_s: float,
    as_json: bool,
) -> None:
    from netwright.arch.diagram import scaled
    from netwright.cost import assumed_figures, fused, pipeline
    from netwright.mapping import kib
    from netwright.mapping.binding import undone

    wanted: dict[str, Goal] = {"latency": "latency", "energy": "energy", "edp": "edp"}
    found = fused(
        workload, machine, goal=wanted[goal], fixed=fixed, is_whole=is_whole,
        time_limit_s=time_limit_s, progress=paced("Einsums, next"),
    )  # fmt: skip
    if write is not None:
        write_mapping(write, found.mapping)
    spent = pipeline.estimate(workload, machine, found.mapping)
    if as_json:
        emit_json({
            **_head(workload, machine, covered, found.mapping), "goal": goal,
            "bytes": found.num_bytes, "seconds": found.seconds, "joules": found.joules,
            "bound": found.bound or None, "utilization": dict(spent.utilization_by),
            "assumed_figures": assumed_figures(machine),
            "when": {"seconds": found.search_seconds},
        })  # fmt: skip
        return
    best = "the proven best" if found.is_optimal else f"at most {found.gap:.1%} from the best"
    used = ", ".join(f"{name} {share:.1%}" for name, share in spent.utilization_by.items())
    rows = [
        *_rows(workload, machine, covered),
        ("time", f"{scaled(found.seconds, 's')}, mapped for {goal}, bound by {spent.bound}"),
        ("energy", scaled(found.joules, "J")),
        ("off-chip", kib(found.num_bytes)),
        ("used", used),
        *([("mapspace", best)] if found.bound else []),
        ("fidelity", spent.fidelity),
        ("found in", f"{found.search_seconds:.2f} s, {found.num_solved[0]} distinct runs solved"),
    ]
    body = [("Einsums", "unit", "runs behind")]
    for own in found.mapping.groups:
        for unit in dict.fromkeys(found.mapping.bindings.get(n, "none") for n in own.einsums):
            names = [n for n in own.einsums if found.mapping.bindings.get(n, "none") == unit]
            lags = [own.lags.get(name, 0) for name in names]
            least, most = min(lags), max(lags)
            behind = f"{least}" if least == most else f"{least} to {most}"
            body.append((_short(names), unit, f"{behind} tiles" if own.phases else "in turn"))
    parts = [columns(rows), columns(_groups(found.mapping.groups)), columns(body)]
    notes = [f"taken for granted: {text}" for text in spent.assumptions]
    free = {
        name
        for einsum in workload.einsums
        if einsum.name not in found.mapping.bindings and not einsum.is_sum_of_products
        for name in undone(einsum, machine)
    }
    if free:
        notes.append(
            f"taken for granted: no unit does {', '.join(sorted(free))} ({machine.abilities}): "
            "they take the time and energy of their bytes alone"
        )
    if assumed := assumed_figures(machine):
        notes.append("assumed figures: " + ", ".join(assumed))
    emit("\n\n".join([*parts, "\n".join(notes)]))


def _head(
    workload: Workload, machine: Architecture, covered: Coverage, mapping: Mapping
) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "network": workload.name, "granularity": workload.granularity,
        "architecture": machine.name, "groups": [asdict(group) for group in mapping.groups],
        "coverage": coverage_as_dict(covered),
    }  # fmt: skip


def _rows(workload: Workload, machine: Architecture, covered: Coverage) -> list[tuple[str, str]]:
    return [
        ("network", f"{workload.name}, {workload.granularity}"),
        ("covers", str(covered)),
        *(("taken for granted", text) for text in workload.assumptions),
        ("machine", f"{machine.name}, fusion"),
    ]


def _groups(groups: tuple[Group, ...]) -> list[tuple[str, ...]]:
    body: list[tuple[str, ...]] = [("Einsums", "loops", "kept")]
    for own in groups:
        loops = ", ".join(
            f"{loop.rank} by {loop.tile}"
            + (f" along {loop.array}[{loop.axis}]" if loop.is_spatial else "")
            for loop in own.loops
        )
        kept = [f"{keep.tensor} in {keep.memory} from {keep.position}" for keep in own.keeps]
        more = [f"and {len(kept) - MANY} more"] if len(kept) > MANY else []
        names = _short(own.einsums)
        body.append((names, loops or "none", ", ".join([*kept[:MANY], *more]) or "none"))
    return body


def _short(names: list[str] | tuple[str, ...]) -> str:
    """A few names in full, many as the first and the last."""
    if len(names) < MANY:
        return " ".join(names)
    return f"{names[0]} to {names[-1]} ({len(names)})"
