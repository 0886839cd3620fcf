"""``netwright map``: run a network through a scratchpad with the least off-chip traffic."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli.console import columns, emit, emit_json
from netwright.cli.run import JsonOption

if TYPE_CHECKING:
    from netwright.mapping import Schedule, Solution
    from netwright.workload import Workload

_SIZE = re.compile(r"(-?\d+(?:\.\d+)?)\s*([KMG]i?)?B?", re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}

MAX_BYTES = 1 << 50
"""Largest capacity that is accepted; sums of many tensors stay exact below it."""


class Mapper(StrEnum):
    """How the mapping is found."""

    cosma = "cosma"


class GranularityName(StrEnum):
    """Which operators are steps of their own."""

    unfused = "unfused"
    fused = "fused"


def map_network(
    model: Annotated[
        str, typer.Argument(help="A network's name, a QONNX file (.onnx) or a graph (.npz).")
    ],
    arch: Annotated[
        str, typer.Option("--arch", help="An architecture's name, or its TOML file.")
    ] = "scratchpad",
    scratchpad: Annotated[
        str, typer.Option("--scratchpad", help="Another capacity, such as 2MiB.")
    ] = "",
    mapper: Annotated[Mapper, typer.Option("--mapper", help="How to map.")] = Mapper.cosma,
    granularity: Annotated[
        GranularityName,
        typer.Option(help="fused: normalization and activation work in place."),
    ] = GranularityName.fused,
    weights: Annotated[
        bool, typer.Option("--weights", help="Weights pass through the scratchpad too.")
    ] = False,
    time_limit: Annotated[
        float, typer.Option("--time-limit", min=0.1, help="Seconds for each solver call.")
    ] = 60.0,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Write the memory map over time (.svg).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Choose what stays in the scratchpad, and where, for the fewest off-chip accesses."""
    from netwright import arch as machines
    from netwright.errors import ConfigError
    from netwright.mapping import cosma, default_schedule, scratchpad_of
    from netwright.workload import fuse

    if picture is not None and picture.suffix != ".svg":
        raise ConfigError(f'--picture {picture}: must end in .svg, not "{picture.suffix}"')
    machine = machines.find(arch)
    if scratchpad:
        machine = machine.with_scratchpad(parse_size(scratchpad, option="--scratchpad"))
    workload = find_workload(model)
    if granularity is GranularityName.fused:
        workload = fuse(workload)
    memory, capacity = scratchpad_of(machine)
    found = cosma(workload, machine, places_weights=weights, time_limit_s=time_limit)
    schedule = default_schedule(workload, line_bytes=memory.line_bytes, places_weights=weights)
    if picture is not None:
        from netwright.files import write_text
        from netwright.report.memory_map import memory_map

        svg = memory_map(workload, found.mapping, capacity_bytes=capacity)
        standalone = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        write_text(picture, svg if "xmlns=" in svg else standalone)
    if as_json:
        emit_json(_as_dict(found, schedule, machine=machine.name, capacity=capacity))
        return
    emit(_table(found, schedule, machine=f"{machine.name}, {mapper.value}", capacity=capacity))
    if picture is not None:
        emit(f"picture: {picture}")


def parse_size(text: str, *, option: str) -> int:
    """A capacity in bytes from text such as ``2MiB``, ``512 KiB``, ``1.5MB`` or ``65536``.

    Raises:
        ConfigError: It is not a size, or not above 0.
    """
    from netwright.errors import ConfigError

    match = _SIZE.fullmatch(text.strip())
    hint = "for example 2MiB, 512KiB or 65536"
    if match is None:
        raise ConfigError(f'{option}: "{text}" is not a size', hint=hint)
    scaled = float(match[1]) * _UNITS[(match[2] or "").lower()]
    if scaled > MAX_BYTES:
        raise ConfigError(f'{option}: must be at most {MAX_BYTES} bytes, not "{text}"', hint=hint)
    size = int(scaled)
    if size <= 0:
        raise ConfigError(f'{option}: must be above 0, not "{text}"', hint=hint)
    return size


def find_workload(model: str) -> Workload:
    """The workload of a named network, a QONNX file or a graph file.

    Raises:
        ConfigError: No network has this name.
    """
    from difflib import get_close_matches

    from netwright.errors import ConfigError
    from netwright.workload import NETWORKS, from_graph

    if model in NETWORKS:
        return NETWORKS[model]()
    path = Path(model)
    if path.suffix == ".onnx":
        from netwright.exchange import read_qonnx

        return from_graph(read_qonnx(path))
    if path.suffix == ".npz":
        from netwright.ir import load

        return from_graph(load(path))
    near = get_close_matches(model, NETWORKS, n=1)
    meant = f'; did you mean "{near[0]}"?' if near else ""
    raise ConfigError(
        f'"{model}" is not one of the networks{meant}',
        hint=f"networks: {', '.join(NETWORKS)}; or a file that ends in .onnx or .npz",
    )


def _table(found: Solution, schedule: Schedule, *, machine: str, capacity: int) -> str:
    from netwright.mapping import kib

    traffic = found.traffic
    proof = "optimal for this order" if found.is_optimal else f"bound {kib(found.bound)}"
    rows = [
        ("network", f"{schedule.workload.name}, {found.mapping.granularity}"),
        ("machine", machine),
        ("steps", str(len(found.mapping.order))),
        ("scratchpad", kib(capacity)),
        ("smallest that runs", kib(schedule.largest_demand)),
        ("nothing leaves from", kib(schedule.peak)),
        ("compulsory", kib(traffic.compulsory_bytes)),
        ("spilled", kib(traffic.num_bytes("spill"))),
        ("retrieved", kib(traffic.num_bytes("retrieve"))),
        ("non-compulsory", f"{kib(found.num_bytes)} ({proof})"),
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
        "optimal": found.is_optimal,
        "method": found.method,
        "seconds": found.seconds,
        "order": list(found.mapping.order),
        "residencies": [asdict(stay) for stay in found.mapping.residencies],
        "transfers": [asdict(transfer) for transfer in found.traffic.transfers],
    }
