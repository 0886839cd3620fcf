"""``netwright map``: run a network through a scratchpad with the least off-chip traffic."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli.completion import among, machines
from netwright.cli.console import check_output, columns, complain, emit, emit_json, note, paced
from netwright.cli.figures import real
from netwright.cli.run import JsonOption
from netwright.cli.sizes import parse_size
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
    from netwright.mapping import Curve, Mapping, OrderSolution, Schedule, Solution
    from netwright.workload import Coverage, Workload


SECONDS_BETWEEN_LINES = 1.0
"""Progress of a search is shown at most this often."""


class Mapper(StrEnum):
    """How the mapping is found."""

    cosma = "cosma"
    fusion = "fusion"
    splitting = "split"


class MapGoal(StrEnum):
    """What is minimized."""

    traffic = "traffic"
    latency = "latency"
    energy = "energy"
    edp = "edp"


SOLVER_S = 60.0
"""Seconds for a solver call where nothing is said."""


class GranularityName(StrEnum):
    """Which operators are steps of their own."""

    unfused = "unfused"
    operators = "operators"
    fused = "fused"
    grouped = "grouped"


class OrderName(StrEnum):
    """In which order the operators run."""

    given = "given"
    search = "search"


def map_network(
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
    scratchpad: Annotated[
        str, typer.Option("--scratchpad", help="Another capacity, such as 2MiB.")
    ] = "",
    mapper: Annotated[Mapper, typer.Option("--mapper", help="How to map.")] = Mapper.cosma,
    goal: Annotated[
        MapGoal,
        typer.Option(
            help="What is minimized; other than traffic with --mapper fusion only. edp is joules "
            "times seconds."
        ),
    ] = MapGoal.traffic,
    granularity: Annotated[
        GranularityName,
        typer.Option(
            help="unfused: every Einsum is a step; operators: every operator is one, its cascade "
            "inside; fused: normalization and activation work in place; grouped: elementwise "
            "operators too run inside the step that feeds them."
        ),
    ] = GranularityName.fused,
    places_weights: Annotated[
        bool,
        typer.Option(
            "--places-weights", "--weights", help="Weights pass through the scratchpad too."
        ),
    ] = False,
    order: Annotated[
        OrderName,
        typer.Option(help="given: the network's own; search: look for one with less traffic."),
    ] = OrderName.given,
    opaque_unknown: Annotated[
        bool, typer.Option("--opaque-unknown", help="Take unknown ONNX operators as opaque steps.")
    ] = False,
    time_limit_s: Annotated[
        float | None,
        typer.Option(
            "--time-limit-s",
            parser=real(least=0.1),
            metavar="X",
            help="Seconds for each solver call, 60 if not given; with --mapper fusion for all runs "
            "together, and no limit if not given.",
        ),
    ] = None,
    is_whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="With --mapper fusion, for time or energy: look at the whole mapspace. For a few "
            "Einsums on small machines.",
        ),
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--picture",
            metavar="FILE",
            help="Write the memory map over time, or the schedule (.svg).",
        ),
    ] = None,
    curve: Annotated[
        Path | None,
        typer.Option(
            "--curve", metavar="FILE", help="Write traffic against size, with the knee (.svg)."
        ),
    ] = None,
    settings: SetOption = None,
    batch: BatchOption = None,
    bits: BitsOption = None,
    shape: ShapeOption = None,
    tokens: TokensOption = None,
    fix: Annotated[
        Path | None,
        typer.Option(
            "--fix",
            metavar="FILE",
            help="Parts of the mapping that are given (.toml): order, groups.",
        ),
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Write the mapping (.toml).")
    ] = None,
    aim: AimOption = AimName.latency,
    within_s: WithinOption = None,
    method: MethodOption = MethodName.exact,
    as_json: JsonOption = False,
) -> None:
    """Choose what stays in the scratchpad, and where, for the fewest off-chip accesses.

    Exit code 1 if there are opaque operators: what they read is not known.
    """
    from netwright import arch as machines
    from netwright.errors import ConfigError
    from netwright.exchange.find import find_workload
    from netwright.mapping import Schedule, cosma, load, scratchpad_of, traffic_curve
    from netwright.workload import by_operator, fuse, group

    check_output("--picture", picture, ".svg")
    check_output("--curve", curve, ".svg")
    check_output("--write", write, ".toml")
    machine = machines.with_settings(machines.find(arch), settings or ())
    if scratchpad:
        machine = machine.with_scratchpad(parse_size(scratchpad, option="--scratchpad"))
    steps = {"operators": by_operator, "fused": fuse, "grouped": group}
    limit = SOLVER_S if time_limit_s is None else time_limit_s
    workloads = []
    for model in models:
        workload = find_workload(
            model, opaque_unknown=opaque_unknown, batch=batch, bits=bits, shapes=shape or (),
            tokens=tokens,
        )  # fmt: skip
        if mapper is not Mapper.fusion:
            _check_order(workload)
        step = steps.get(granularity.value)
        workloads.append(step(workload) if step else workload)
    of_split = is_split_option(aim, within_s, method)
    of_cosma = {
        "--places-weights": places_weights, "--order search": order is OrderName.search,
        "--curve": curve is not None,
    }  # fmt: skip
    if mapper is Mapper.splitting:
        refuse_unused("split", {
            **of_cosma, f"--goal {goal.value}": goal is not MapGoal.traffic, "--whole": is_whole,
            "--fix": fix is not None,
        })  # fmt: skip
        split_networks(
            workloads, machine, aim=aim.value, within_s=within_s, method=method.value,
            time_limit_s=limit, write=write, picture=picture, as_json=as_json,
        )  # fmt: skip
        return
    only_one(models)
    workload = workloads[0]
    fixed = None if fix is None else load(fix, granularity=workload.granularity)
    if is_whole and (mapper is not Mapper.fusion or goal is MapGoal.traffic):
        raise ConfigError(
            "--whole is for --mapper fusion with --goal latency, energy or edp",
            hint="fusion for the least traffic looks at its whole mapspace always",
        )
    if mapper is Mapper.fusion:
        from netwright.cli.fuse import fuse_network

        refuse_unused("fusion", {**of_split, **of_cosma, "--picture": picture is not None})

        fuse_network(
            workload, machine, fixed, write, goal=goal.value, is_whole=is_whole,
            time_limit_s=time_limit_s, as_json=as_json,
        )  # fmt: skip
        return
    if goal is not MapGoal.traffic:
        raise ConfigError(f"--goal {goal.value}: the mapper {mapper.value} minimizes traffic",
                          hint="--mapper fusion minimizes time and energy too")  # fmt: skip
    refuse_unused("cosma", of_split)
    memory, capacity = scratchpad_of(machine)
    searched = None
    if order is OrderName.search:
        searched = _searched(workload, machine, places_weights=places_weights, time_limit_s=limit)
    names = None if searched is None else searched.order
    if fixed is not None:
        names = _fixed_order(workload, fixed, is_searched=searched is not None)
        places_weights = places_weights or fixed.places_weights
    found = cosma(workload, machine, order=names, places_weights=places_weights, time_limit_s=limit)
    if write is not None:
        write_mapping(write, found.mapping)
    schedule = Schedule(workload, found.mapping.order, memory.line_bytes, places_weights)
    traded = None
    if curve is not None:
        traded = traffic_curve(workload, machine, order=names, places_weights=places_weights)
    _draw(found, workload, picture, curve, traded, capacity=capacity)
    if as_json:
        data = _as_dict(found, schedule, machine=machine.name, capacity=capacity)
        when = {"seconds": found.seconds}
        if searched is not None:
            when["order_search_seconds"] = searched.seconds
        shown = {**data, **_order_as_dict(searched), **_curve_as_dict(traded), "when": when}
        emit_json(shown)
        require_whole(found.coverage)
        return
    title = f"{machine.name}, {mapper.value}"
    emit(_table(found, schedule, searched, machine=title, capacity=capacity))
    for label, path in (("picture", picture), ("curve", curve)):
        if path is not None:
            emit(f"{label}: {path}")
    require_whole(found.coverage)


def write_mapping(path: Path, found: Mapping) -> None:
    """Write a mapping as TOML."""
    from netwright import mapping
    from netwright.files import write_text

    write_text(path, mapping.write(found))


def _fixed_order(workload: Workload, fixed: Mapping, *, is_searched: bool) -> tuple[str, ...]:
    """The order that a file gives; groups and nests mean nothing to this mapper."""
    from netwright.errors import ConfigError
    from netwright.mapping import check_granularity, ordered

    if is_searched:
        raise ConfigError("--fix: an order is given or searched, not both",
                          hint="leave out --order search")  # fmt: skip
    if fixed.groups or fixed.nests or fixed.residencies or fixed.bindings or fixed.layouts:
        raise ConfigError(
            "--fix: the mapper cosma takes an order only, and finds the stays",
            hint="groups are for --mapper fusion, loop nests and bindings for netwright estimate",
        )
    check_granularity(workload, fixed)
    return ordered(workload, fixed.order)


def require_whole(covered: Coverage) -> None:
    """End with exit code 1 where operators are missing in the totals, and name them."""
    if covered.is_whole:
        return
    for name, reason in covered.missing:
        complain(f"{name} is missing in the totals: {reason}")
    raise typer.Exit(1)


def coverage_as_dict(covered: Coverage) -> dict[str, object]:
    """A coverage as JSON."""
    return {
        "macs": covered.num_macs,
        "of_macs": covered.all_macs,
        "bytes": covered.num_bytes,
        "of_bytes": covered.all_bytes,
        "missing": [{"name": name, "reason": reason} for name, reason in covered.missing],
    }


def _searched(
    workload: Workload, machine: Architecture, *, places_weights: bool, time_limit_s: float
) -> OrderSolution:
    """Search an order, saying on the other stream how far it is."""
    from netwright.mapping import search_order

    searched = search_order(
        workload,
        machine,
        places_weights=places_weights,
        time_limit_s=time_limit_s,
        progress=paced("s:", interval_s=SECONDS_BETWEEN_LINES, at_once=True),
    )
    if searched.is_interrupted:
        note("interrupted; going on with the best order so far")
    return searched


def _draw(
    found: Solution,
    workload: Workload,
    picture: Path | None,
    curve: Path | None,
    shape: Curve | None,
    *,
    capacity: int,
) -> None:
    from netwright.files import write_text

    drawn: list[tuple[Path, str]] = []
    if picture is not None:
        from netwright.report.memory_map import memory_map

        drawn.append((picture, memory_map(workload, found.mapping, capacity_bytes=capacity)))
    if curve is not None and shape is not None:
        from netwright.report.traffic_curve import traffic_curve_picture

        granularity = workload.granularity
        svg = traffic_curve_picture(shape, name=workload.name, granularity=granularity)
        drawn.append((curve, svg))
    for path, svg in drawn:
        standalone = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        write_text(path, svg if "xmlns=" in svg else standalone)


def _check_order(workload: Workload) -> None:
    """Refuse cycles, which no schedule of whole Einsums runs.

    Raises:
        ConfigError: There are some.
    """
    from netwright.errors import ConfigError
    from netwright.workload.cycles import is_cyclic

    for members in workload.together:
        if is_cyclic(members):
            ranks = dict.fromkeys(rank for einsum in members for rank in einsum.iterative)
            raise ConfigError(
                f'"{workload.name}": its Einsums run point by point of {", ".join(ranks)}, not one '
                "after the other, so that they have no schedule",
                hint="netwright passes and estimate take it",
            )


def _table(
    found: Solution,
    schedule: Schedule,
    searched: OrderSolution | None,
    *,
    machine: str,
    capacity: int,
) -> str:
    from netwright.mapping import kib

    traffic = found.traffic
    weights = sum(t.num_bytes for t in schedule.workload.tensors if t.kind == "weight")
    beside = (
        "" if schedule.places_weights else f"; {kib(weights)} of weights pass by (--places-weights)"
    )
    rows = [
        ("network", f"{schedule.workload.name}, {found.mapping.granularity}"),
        ("covers", f"{found.coverage}{beside if weights else ''}"),
        *(("taken for granted", text) for text in schedule.workload.assumptions),
        ("machine", machine),
        ("steps", str(len(found.mapping.order))),
        ("scratchpad", kib(capacity)),
        ("smallest that runs", kib(schedule.largest_demand)),
        ("nothing leaves from", kib(schedule.peak)),
        ("compulsory", kib(traffic.compulsory_bytes)),
        ("spilled", kib(traffic.num_bytes("spill"))),
        ("retrieved", kib(traffic.num_bytes("retrieve"))),
        ("non-compulsory", f"{kib(found.num_bytes)} ({_proof(found)})"),
        *_order_rows(searched),
        ("addresses by", found.method),
        ("time", f"{found.seconds:.2f} s"),
    ]
    moved = [t for t in traffic.transfers if t.kind in ("spill", "retrieve")]
    text = columns(rows)
    if moved:
        head = ("step", "Einsum", "transfer", "tensor", "size")
        order = found.mapping.order
        body = [(str(t.step), order[t.step], t.kind, t.tensor, kib(t.num_bytes)) for t in moved]
        text += "\n\n" + columns([head, *body])
    return text


def _proof(found: Solution) -> str:
    from netwright.mapping import kib

    if found.is_optimal:
        return "optimal for this order"
    bound = f"bound {kib(found.bound)}"
    if not found.coverage.is_whole:
        return bound
    if found.is_optimal_without_moves:
        return f"optimal for this order if nothing moves on the chip; with moves {bound}"
    return bound


def _order_rows(searched: OrderSolution | None) -> list[tuple[str, str]]:
    from netwright.mapping import kib

    if searched is None:
        return []
    proof = "no order needs less" if searched.is_optimal else f"gap {searched.gap:.0%}"
    return [
        ("given order", kib(searched.first)),
        ("bound of all orders", f"{kib(searched.bound)} ({proof})"),
        ("order search", f"{searched.seconds:.1f} s"),
    ]


def _order_as_dict(searched: OrderSolution | None) -> dict[str, object]:
    if searched is None:
        return {}
    return {
        "given_order_bytes": searched.first,
        "bound_of_all_orders_bytes": searched.bound,
        "interrupted": searched.is_interrupted,
    }


def _curve_as_dict(curve: Curve | None) -> dict[str, object]:
    if curve is None:
        return {}
    points = [[point.capacity_bytes, point.num_bytes] for point in curve.points]
    return {"curve": points, "knee_bytes": curve.points[curve.knee].capacity_bytes}


def _as_dict(
    found: Solution, schedule: Schedule, *, machine: str, capacity: int
) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "network": schedule.workload.name,
        "granularity": found.mapping.granularity,
        "architecture": machine,
        "scratchpad_bytes": capacity,
        "smallest_bytes": schedule.largest_demand,
        "peak_bytes": schedule.peak,
        "compulsory_bytes": found.traffic.compulsory_bytes,
        "non_compulsory_bytes": found.num_bytes,
        "bound_bytes": found.bound,
        "bound_without_moves_bytes": found.bound_without_moves,
        "optimal": found.is_optimal,
        "optimal_without_moves": found.is_optimal_without_moves,
        "coverage": coverage_as_dict(found.coverage),
        "places_weights": schedule.places_weights,
        "assumptions": list(schedule.workload.assumptions),
        "method": found.method,
        "order": list(found.mapping.order),
        "residencies": [asdict(stay) for stay in found.mapping.residencies],
        "transfers": [asdict(transfer) for transfer in found.traffic.transfers],
    }
