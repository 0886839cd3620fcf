"""What ``netwright map`` and ``estimate`` do with ``--mapper split``: networks on unlike halves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli.completion import among, networks
from netwright.cli.console import columns, emit, emit_json, paced
from netwright.cli.figures import real

if TYPE_CHECKING:
    from netwright.arch import Architecture
    from netwright.cost import NetworkSplit
    from netwright.workload import Workload


class AimName(StrEnum):
    """What a split minimizes."""

    latency = "latency"
    energy = "energy"


class MethodName(StrEnum):
    """How a split is found."""

    exact = "exact"
    greedy = "greedy"


ModelsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="NETWORK...",
        help="A network's name, an ONNX file (.onnx) or a graph (.npz); several for a split.",
        autocompletion=among(networks),
    ),
]
AimOption = Annotated[AimName, typer.Option("--aim", help="What a split minimizes.")]
WithinOption = Annotated[
    float | None,
    typer.Option(
        "--within-s",
        parser=real(least=1e-12, most=1e6),
        metavar="X",
        help="Seconds that a split may take.",
    ),
]
MethodOption = Annotated[
    MethodName, typer.Option("--method", help="How a split is found: with proof, or greedily.")
]


def only_one(models: Sequence[str]) -> str:
    """The network of a mapper that takes one.

    Raises:
        ConfigError: There are several.
    """
    from netwright.errors import ConfigError

    if len(models) > 1:
        raise ConfigError(
            f"this mapper takes one network, not {len(models)}: {', '.join(models)}",
            hint="--mapper split takes several",
        )
    return models[0]


def refuse_unused(mapper: str, options: Mapping[str, bool]) -> None:
    """Refuse options that a mapper has no use for.

    Args:
        mapper: Its name.
        options: For options of other mappers, whether they are given.

    Raises:
        ConfigError: Some are.
    """
    from netwright.errors import ConfigError

    given = [name for name, is_given in options.items() if is_given]
    if given:
        what = "it" if len(given) == 1 else "them"
        raise ConfigError(f"{', '.join(given)}: the mapper {mapper} has no use for {what}",
                          hint="leave out what belongs to another mapper")  # fmt: skip


def is_split_option(aim: AimName, within_s: float | None, method: MethodName) -> dict[str, bool]:
    """For options of a split, whether they are given."""
    return {
        f"--aim {aim.value}": aim is not AimName.latency,
        "--within-s": within_s is not None,
        f"--method {method.value}": method is not MethodName.exact,
    }


def split_networks(
    workloads: Sequence[Workload],
    machine: Architecture,
    *,
    aim: str,
    within_s: float | None,
    method: str,
    time_limit_s: float,
    write: Path | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Split networks and tell, write and draw the result."""
    from netwright.cli.map import coverage_as_dict, require_whole, write_mapping
    from netwright.cost import split

    found = split(
        workloads, machine, aim="latency" if aim == "latency" else "energy", limit_s=within_s,
        method="exact" if method == "exact" else "greedy", time_limit_s=time_limit_s,
        progress=paced("operators, next"),
    )  # fmt: skip
    if write is not None:
        write_mapping(write, found.mapping)
    if picture is not None:
        from netwright.report.split_chart import split_chart

        split_chart(found, machine, picture)
    if as_json:
        from dataclasses import asdict

        emit_json({
            "networks": [workload.name for workload in workloads], "architecture": machine.name,
            "seconds": found.seconds, "joules": found.joules, "area_m2": found.area_m2,
            "aim": aim, "optimal": found.split.is_optimal, "bound": found.split.bound,
            "method": found.split.method, "runs": [asdict(run) for run in found.runs],
            "busy": {unit: found.busy(unit) for unit in found.units},
            "assumptions": list(found.assumptions),
            "coverage": coverage_as_dict(found.coverage), "when": {"seconds": found.spent_s},
        })  # fmt: skip
    else:
        emit(_table(found, machine, aim=aim))
        if picture is not None:
            emit(f"picture: {picture}")
    require_whole(found.coverage)


def _table(found: NetworkSplit, machine: Architecture, *, aim: str) -> str:
    from netwright.arch.diagram import scaled

    rows = [("step", "accelerator", "from", "to", "energy")]
    rows += [
        (run.name, run.unit, scaled(run.start_s, "s"), scaled(run.end_s, "s"),
         scaled(run.joules, "J"))
        for run in found.runs
    ]  # fmt: skip
    proof = "proven best" if found.split.is_optimal else f"{found.split.method}, not proven"
    summary = [
        ("networks", found.workload.name),
        ("covers", str(found.coverage)),
        ("machine", machine.name),
        ("time", scaled(found.seconds, "s") + (f" ({proof})" if aim == "latency" else "")),
        ("energy", scaled(found.joules, "J") + (f" ({proof})" if aim == "energy" else "")),
        *((f"{unit} works", f"{found.busy(unit):.0%} of the time") for unit in found.units),
    ]
    if found.area_m2 is not None:
        summary.append(("area", f"{found.area_m2 * 1e6:.4g} mm2 (units, memories, interconnect; "
                                "modelled)"))  # fmt: skip
    summary.append(("found in", f"{found.spent_s:.2f} s"))
    notes = "\n".join(f"taken for granted: {text}" for text in found.assumptions)
    return "\n\n".join([columns(rows), columns(summary), notes])
