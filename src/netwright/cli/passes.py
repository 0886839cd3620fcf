"""``netwright passes``: how often a cascade must go over its ranks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli.console import columns, emit, emit_json
from netwright.cli.run import JsonOption

if TYPE_CHECKING:
    from netwright.workload import Workload
    from netwright.workload.passes import Passes

MOST_ROWS = 40
"""Ranks that are listed at most."""

MOST_REASONS = 3
"""Reasons that are listed for each of them."""


def passes(
    model: Annotated[
        str,
        typer.Argument(
            metavar="CASCADE",
            help="A cascade's name or text (.einsum), a network's name, an ONNX file or a graph.",
        ),
    ],
    rank: Annotated[
        str, typer.Option("--rank", help="Show this rank alone, Einsum by Einsum.")
    ] = "",
    sizes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="RANK=SIZE", help="Size of a rank of a cascade."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Derive how often a cascade must go over each rank, which Einsum forces that, and why."""
    from netwright.errors import GraphError
    from netwright.workload.passes import passes as derive
    from netwright.workload.passes import rank_names

    workload = _found(model, _sizes(sizes or []))
    if rank:
        found = derive(workload, rank)
        emit_json(_as_dict(found)) if as_json else emit(_one(workload, found))
        return
    analyzed: dict[str, Passes] = {}
    endless: dict[str, str] = {}
    for name in rank_names(workload):
        try:
            analyzed[name] = derive(workload, name)
        except GraphError as error:
            endless[name] = str(error)
    if as_json:
        known = {name: _as_dict(found) for name, found in analyzed.items()}
        emit_json(known | {name: {"passes": None, "reason": why} for name, why in endless.items()})
        return
    again = [f"{name} has no number of passes: {why}" for name, why in endless.items()]
    emit("\n".join([_all(workload, analyzed), *again]))


def _sizes(texts: list[str]) -> dict[str, int]:
    """Sizes by rank.

    Raises:
        ConfigError: A text is no rank, ``=`` and whole number, or gives a rank a second size.
    """
    from netwright.errors import ConfigError

    found: dict[str, int] = {}
    for text in texts:
        name, _, size = text.partition("=")
        if not (name and size.isascii() and size.isdigit() and len(size) < 19):
            raise ConfigError(f"--set {text}: must be a rank and a size", hint="as in --set m1=64")
        if name in found:
            raise ConfigError(f"--set {text}: {name} was given the size {found[name]} before")
        found[name] = int(size)
    return found


def _found(model: str, sizes: Mapping[str, int]) -> Workload:
    from netwright.errors import ConfigError
    from netwright.exchange.find import find_workload
    from netwright.workload import cascade
    from netwright.workload.unified import unified

    if model in cascade.published() or model.endswith(cascade.SUFFIX):
        return cascade.find(model, extents=sizes)
    if sizes:
        raise ConfigError("--set is for cascades alone: a network's sizes are in its shapes")
    return unified(find_workload(model))


def _all(workload: Workload, analyzed: Mapping[str, Passes]) -> str:
    """Ranks with most passes first; what is live is counted for the rows that are shown."""
    rows = sorted(analyzed.items(), key=lambda item: -item[1].count)
    many = [item for item in rows if item[1].count > 1] if len(rows) > MOST_ROWS else rows
    shown = many[:MOST_ROWS]
    head = ("rank", "extent", "passes", "live elements", "kept whole", "read again")
    table = [head, *(_row(name, found) for name, found in shown)]
    lines = [f"{workload.name}: {len(workload.einsums)} Einsums", columns(table)]
    if len(shown) < len(rows):
        rest = len(rows) - len(shown)
        most = shown[-1][1].count if len(many) > len(shown) else 1
        lines.append(f"{rest} more ranks have {most} {'pass' if most == 1 else 'passes'} or fewer")
    for name, found in shown:
        lines += [f"{name}, {reason}" for reason in found.reasons[:MOST_REASONS]]
        if len(found.reasons) > MOST_REASONS:
            lines.append(f"{name}, and so on; --rank {name} shows all")
    return "\n".join(lines)


def _row(name: str, found: Passes) -> tuple[str, ...]:
    live = found.live
    return (
        name, f"{found.streaming.extent}", f"{found.count}", f"{live.elements}",
        _few(live.kept), _few(found.read_again),
    )  # fmt: skip


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") or "-"


def _one(workload: Workload, found: Passes) -> str:
    live = found.live
    rows = [("Einsum", "runs", "reads along the rank")]
    for step in found.steps:
        when = (
            f"in pass {found.levels[step.einsum]}"
            if step.einsum in found.levels
            else (
                f"in traversal {step.traversal}"
                if step.when == "during"
                else "before the first pass"
                if step.traversal == 0
                else f"after traversal {step.traversal}"
            )
        )
        rows.append((step.einsum, when, ", ".join(step.reads) or "-"))
    whole = _few(live.kept)
    summary = [
        ("cascade", workload.name),
        ("rank", f"{' x '.join(found.rank)}, extent of {found.rank[0]} {found.streaming.extent}"),
        ("passes", f"{found.count}"),
        ("live", f'{live.elements} elements at most, in "{live.peak}"'),
        (
            "kept whole",
            whole if live.kept else "nothing: what is live does not depend on the extent",
        ),
        ("read again", _few(found.read_again)),
    ]
    return "\n".join([columns(rows), "", columns(summary), *found.reasons])


def _as_dict(found: Passes) -> dict[str, object]:
    return {
        "rank": list(found.rank),
        "extent": found.streaming.extent,
        "passes": found.count,
        "levels": dict(found.levels),
        "live_elements": found.live.elements,
        "peak": found.live.peak,
        "kept_whole": list(found.live.kept),
        "read_again": list(found.read_again),
        "reasons": list(found.reasons),
    }
