"""``netwright estimate``: what a network costs on a machine that may not exist yet."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli.banks import PlaceOption, placed, refuse_search
from netwright.cli.completion import among, machines
from netwright.cli.console import check_output, columns, emit, emit_json, paced
from netwright.cli.figures import real
from netwright.cli.map import coverage_as_dict, require_whole, write_mapping
from netwright.cli.run import JsonOption
from netwright.cli.split import (
    AimName,
    AimOption,
    MethodName,
    MethodOption,
    ModelsArgument,
    WithinOption,
    is_split_option,
    only_one,
    refuse_unused,
    split_networks,
)
from netwright.cli.workloads import (
    BatchOption,
    BitsOption,
    SetOption,
    ShapeOption,
    TokensOption,
)

if TYPE_CHECKING:
    from netwright.arch import Architecture
    from netwright.cost import Estimate, Goal, Layer, NetworkEstimate
    from netwright.workload import Workload


SPLIT_S = 60.0
"""Seconds for each solver call of a split, if not given."""


class Mapper(StrEnum):
    """How the mapping is found."""

    nests = "nests"
    splitting = "split"


class GoalName(StrEnum):
    """What is minimized for each operation."""

    edp = "edp"
    energy = "energy"
    latency = "latency"


def estimate(
    models: ModelsArgument,
    arch: Annotated[
        str,
        typer.Option(
            "--arch",
            metavar="NAME",
            help="An architecture's name, or its TOML file.",
            autocompletion=among(machines),
        ),
    ] = "scratchpad",
    goal: Annotated[
        GoalName | None,
        typer.Option(help="What is minimized; edp, joules times seconds, if not given."),
    ] = None,
    mapper: Annotated[
        Mapper,
        typer.Option(
            "--mapper",
            help="nests: the best loop nest of each operation, one after the other; split: layers "
            "on the unlike accelerators of the machine at the same time.",
        ),
    ] = Mapper.nests,
    show: Annotated[
        str, typer.Option("--show", help="Print the loop nest of this operation too.")
    ] = "",
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Draw time and energy (.svg or .png)."),
    ] = None,
    time_limit_s: Annotated[
        float | None,
        typer.Option(
            "--time-limit-s",
            parser=real(least=0.0),
            metavar="X",
            help="Seconds to search all operations together.",
        ),
    ] = None,
    settings: SetOption = None,
    batch: BatchOption = None,
    bits: BitsOption = None,
    shape: ShapeOption = None,
    tokens: TokensOption = None,
    place: PlaceOption = None,
    fix: Annotated[
        Path | None,
        typer.Option("--fix", metavar="FILE", help="Parts of the mapping that are given (.toml)."),
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Write the mapping (.toml).")
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(
            "--trace",
            metavar="FILE",
            help="Write every command of a memory with units beside its banks (.csv, .jsonl), or "
            "draw its banks over time (.svg).",
        ),
    ] = None,
    aim: AimOption = AimName.latency,
    within_s: WithinOption = None,
    method: MethodOption = MethodName.exact,
    as_json: JsonOption = False,
) -> None:
    """Find the best mapping of every operation and print what the network costs.

    Exit code 1 if operators are missing in the totals.
    """
    from netwright import arch as machines
    from netwright.cost import as_steps, estimate_network
    from netwright.errors import ConfigError
    from netwright.exchange.find import find_workload
    from netwright.mapping import load

    check_output("--picture", picture, ".svg", ".png")
    check_output("--trace", trace, ".csv", ".jsonl", ".svg")
    check_output("--write", write, ".toml")
    machine = machines.with_settings(machines.find(arch), settings or ())
    workloads = [
        as_steps(
            find_workload(model, batch=batch, bits=bits, shapes=shape or (), tokens=tokens), machine
        )
        for model in models
    ]
    if mapper is Mapper.splitting:
        refuse_unused("split", {
            "--goal": goal is not None, "--show": bool(show), "--place": bool(place),
            "--fix": fix is not None, "--trace": trace is not None,
        })  # fmt: skip
        split_networks(
            workloads, machine, aim=aim.value, within_s=within_s, method=method.value,
            time_limit_s=SPLIT_S if time_limit_s is None else time_limit_s, write=write,
            picture=picture, as_json=as_json,
        )  # fmt: skip
        return
    refuse_unused("nests", is_split_option(aim, within_s, method))
    only_one(models)
    workload = workloads[0]
    names = [einsum.name for einsum in workload.einsums]
    if show and show not in names:
        raise ConfigError(f'--show: "{show}" is no operation of {workload.name}',
                          hint=f"operations: {', '.join(names)}")  # fmt: skip
    refuse_search(machine, goal=goal, time_limit_s=time_limit_s)
    if place and fix is not None:
        raise ConfigError("give either --place or --fix: both say where matrices lie")
    aimed: Goal = (goal or GoalName.edp).value
    started = time.monotonic()
    given = placed(workload, machine, place or ())
    found = estimate_network(
        workload, machine, goal=aimed, time_limit_s=time_limit_s,
        fixed=given if fix is None else load(fix, granularity=workload.granularity),
        progress=paced("operations, next"),
    )  # fmt: skip
    seconds = time.monotonic() - started
    if write is not None:
        write_mapping(write, found.mapping)
    if trace is not None:
        _trace(trace, workload, machine, found)
    if picture is not None:
        from netwright.report.cost_chart import cost_chart

        cost_chart(found, machine, picture)
    if as_json:
        emit_json(_as_dict(found, machine, goal=aimed, seconds=seconds))
        require_whole(found.coverage)
        return
    emit(_table(found, machine, goal=aimed, seconds=seconds))
    if show in found.mapping.nests:
        from netwright.mapping import operation

        einsum = next(e for e in workload.einsums if e.name == show)
        emit(f"\n{show}\n" + found.mapping.nests[show].show(operation(workload, einsum)))
    elif show:
        emit(f"\n{show}\nno loop nest: see its line of the table")
    for label, path in (("picture", picture), ("trace", trace)):
        if path is not None:
            emit(f"{label}: {path}")
    require_whole(found.coverage)


def _trace(
    path: Path, workload: Workload, machine: Architecture, found: NetworkEstimate
) -> None:  # fmt: skip
    """Write what a memory did, or draw it."""
    from netwright.cost.events import execute, write_trace
    from netwright.files import write_text
    from netwright.mapping.layout import banked
    from netwright.report.bank_times import bank_times

    memory = banked(machine)
    done = execute(workload, machine, found.mapping, trace=True, progress=paced("commands"))
    if path.suffix != ".svg":
        write_trace(path, done.outcome)
    elif memory is not None and memory.dram is not None:
        write_text(path, bank_times(done.outcome, memory.dram))


def _table(found: NetworkEstimate, machine: Architecture, *, goal: str, seconds: float) -> str:
    from netwright.arch.diagram import scaled
    from netwright.cost import assumed_figures

    head = ("Einsum", "operations", "time", "energy", "used", "bound by", "mapping")
    rows = [head, *(_row(layer) for layer in found.layers), _total_row(found.total)]
    moved = [(name, scaled(float(size), "B")) for name, size in found.total.bytes_moved.items()]
    summary = [
        ("network", found.total.name),
        ("covers", str(found.coverage)),
        ("machine", machine.name + ("" if found.mapping.layouts else f", mapped for {goal}")),
        ("time", scaled(found.total.seconds, "s")),
        ("energy", scaled(found.total.joules, "J")),
        ("used", f"{found.total.utilization:.1%} of the compute units"),
        *_silicon(machine),
        *((f"moved by {name}", size) for name, size in moved),
        ("mappings", _proof(found)),
        ("fidelity", found.total.fidelity),
        ("found in", f"{seconds:.1f} s"),
    ]
    lines = [columns(rows), columns(summary)]
    assumed = assumed_figures(machine)
    notes = [f"not counted: {name}, {reason}" for name, reason in found.left_out]
    notes += [f"taken for granted: {text}" for text in found.total.assumptions]
    if assumed:
        notes.append("assumed figures: " + ", ".join(assumed))
    return "\n\n".join([*lines, "\n".join(notes)])


def _silicon(machine: Architecture) -> list[tuple[str, str]]:
    """Area and leakage, where the machine's file has figures for them."""
    rows = []
    if machine.area_m2 is not None:
        known = sum(node.area is not None for node in machine.nodes)
        rows.append(("area", f"{machine.area_m2 * 1e6:.4g} mm2 ({known} of {len(machine.nodes)} "
                             "nodes have a figure)"))  # fmt: skip
    if machine.leakage_w:
        from netwright.arch.diagram import scaled

        rows.append(("leakage", f"{scaled(sum(machine.leakage_w.values()), 'W')}, in the energy"))
    return rows


def _row(layer: Layer) -> tuple[str, ...]:
    mapping = "given" if layer.is_fixed else "streamed"
    if layer.engine == "pipeline" and not layer.is_fixed:
        mapping = "point by point"
    if layer.engine in ("transfers", "in_place"):
        mapping = "stays" if layer.engine == "transfers" else "in place"
    if layer.mapped is not None:
        mapping = _mapping(layer)
    return (layer.name, *_cells(layer.estimate), mapping)


def _mapping(layer: Layer) -> str:
    assert layer.mapped is not None
    if layer.same_as:
        return f"as {layer.same_as}"
    return "best" if layer.mapped.is_optimal else (
        f"at most {layer.mapped.value / layer.mapped.bound - 1:.1%} from the best"
    )  # fmt: skip


def _total_row(total: Estimate) -> tuple[str, ...]:
    return ("sum", *_cells(total), "")


def _cells(estimate: Estimate) -> tuple[str, ...]:
    from netwright.arch.diagram import scaled

    return (
        f"{estimate.num_operations:,}".replace(",", " "), scaled(estimate.seconds, "s"),
        scaled(estimate.joules, "J"), f"{estimate.utilization:.1%}", estimate.bound,
    )  # fmt: skip


def _proof(found: NetworkEstimate) -> str:
    searched = [layer.mapped for layer in found.layers if layer.mapped and not layer.same_as]
    best = sum(mapped.is_optimal for mapped in searched)
    text = f"{best} of {len(searched)} distinct ones proven best of their mapspace"
    return text if found.coverage.is_whole else f"{text}; {len(found.left_out)} operators have none"


def _as_dict(
    found: NetworkEstimate, machine: Architecture, *, goal: str, seconds: float
) -> dict[str, object]:
    from dataclasses import asdict

    from netwright.cost import assumed_figures

    layers = []
    for layer in found.layers:
        row: dict[str, object] = {
            "name": layer.name,
            "engine": layer.engine,
            "same_as": layer.same_as,
            "estimate": asdict(layer.estimate),
        }
        if layer.mapped is not None:
            row |= {
                "optimal": layer.mapped.is_optimal,
                "value": layer.mapped.value,
                "bound": layer.mapped.bound,
                "steps": layer.mapped.counts.num_steps,
                "loops": [asdict(loop) for loop in layer.mapped.nest.loops],
                "keeps": [asdict(keep) for keep in layer.mapped.nest.keeps],
            }
        layers.append(row)
    return {
        "network": found.total.name,
        "architecture": machine.name,
        "area_m2": machine.area_m2,
        "leakage_w": sum(machine.leakage_w.values()),
        "goal": None if found.mapping.layouts else goal,
        "total": asdict(found.total),
        "coverage": coverage_as_dict(found.coverage),
        "optimal": found.is_optimal,
        "left_out": [{"name": name, "reason": reason} for name, reason in found.left_out],
        "assumed_figures": list(assumed_figures(machine)),
        "layers": layers,
        "when": {"seconds": seconds},
    }
