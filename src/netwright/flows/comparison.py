"""Runs compared: settings that differ, accuracy, resources, latency, certificates."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from netwright.errors import ConfigError, NetwrightError
from netwright.flows.certificate import first_failure
from netwright.quantities import Quantity
from netwright.report import AccuracyRow, Document
from netwright.report.certificate import compared_rows
from netwright.report.comparison import ComparedRow, Comparison
from netwright.report.headline import designs_of
from netwright.report.numbers import count
from netwright.report.store import JSON_NAME, read
from netwright.run.manifest import FLOW, published


def compare(folders: Sequence[str | Path]) -> Comparison:
    """Put runs side by side.

    Args:
        folders: Run folders, two or more.

    Raises:
        ConfigError: There are fewer than two.
        RunError: One is no run.
        DataError: The report of one is missing or damaged.
        CorruptOutput: A report or the settings were changed since the run wrote them.
        StaleRun: One was written by another version.
    """
    places = [Path(folder) for folder in folders]
    if len({place.resolve() for place in places}) < 2:
        found = "one run given twice" if len(places) > 1 else f"{len(places)}"
        raise ConfigError(
            f"a comparison needs two different runs or more, not {found}",
            hint="netwright compare RUN RUN",
        )
    documents = [read(published(place, JSON_NAME)) for place in places]
    rows = [
        *_runs(documents),
        *_settings(places),
        *_accuracies(documents),
        *_hardware(documents),
        ComparedRow(
            section="certificate",
            name="verdict",
            values=tuple(_verdict(*pair) for pair in zip(places, documents, strict=True)),
        ),
    ]
    return Comparison(runs=_names(places), rows=tuple(rows))


def _names(places: Sequence[Path]) -> tuple[str, ...]:
    """The shortest ends of the paths that tell them apart."""
    parts = [place.resolve().parts for place in places]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return tuple(names)
    return tuple(map(str, places))


def _runs(documents: Sequence[Document]) -> Iterator[ComparedRow]:
    whens = [document.when for document in documents]
    for name, values in (
        ("date", [when and when.finished[:16].replace("T", " ") for when in whens]),
        ("commit", [when and (when.commit or "")[:9] for when in whens]),
        ("machine", [when and when.machine for when in whens]),
        ("netwright", [when and when.versions.get("netwright") for when in whens]),
    ):
        if any(values):
            yield ComparedRow(section="run", name=name, values=tuple(v or None for v in values))


def _settings(places: Sequence[Path]) -> Iterator[ComparedRow]:
    """Only those that differ."""
    tables = [_flat(_toml(published(place, FLOW))) for place in places]
    for name in dict.fromkeys(key for table in tables for key in table):
        values = tuple(table.get(name) for table in tables)
        if len(set(values)) > 1:
            yield ComparedRow(section="settings", name=name, values=values)


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot be read ({error})", path=str(path)) from None


def _flat(table: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = str(value)
    return found


def _accuracies(documents: Sequence[Document]) -> Iterator[ComparedRow]:
    found = [{row.stage: row for row in document.accuracy} for document in documents]
    for stage in dict.fromkeys(stage for rows in found for stage in rows):
        rows = [own.get(stage) for own in found]
        values = tuple(_with_error(row) if row else None for row in rows)
        yield ComparedRow(section="accuracy", name=stage, values=values, remark=_difference(rows))


def _with_error(row: AccuracyRow) -> Quantity:
    """The accuracy with the larger of its errors: over seeds, or of the number of rows."""
    errors = [error for error in (row.accuracy.deviation, row.binomial_error) if error is not None]
    return replace(row.accuracy, deviation=max(errors, default=None))


def _difference(rows: Sequence[AccuracyRow | None]) -> str:
    """Of two runs, how far apart they are, and whether that is more than the rows can tell."""
    if len(rows) != 2 or rows[0] is None or rows[1] is None:
        return ""
    change = rows[1].accuracy.value - rows[0].accuracy.value
    errors = [_with_error(row).deviation for row in rows if row is not None]
    if any(error is None for error in errors):
        return f"{100 * change:+.2f} points"
    error = math.hypot(*(error for error in errors if error is not None))
    within = " (within the error)" if abs(change) <= error else ""
    return f"{100 * change:+.2f} ± {100 * error:.2f} points{within}"


def _hardware(documents: Sequence[Document]) -> Iterator[ComparedRow]:
    made = [dict(designs_of(document)) for document in documents]
    for name in dict.fromkeys(name for designs in made for name in designs):
        parts = dict.fromkeys(
            cells.part for designs in made if name in designs for cells in designs[name].cells
        )
        for part in parts:
            cells = [
                next((c for c in designs[name].cells if c.part == part), None)
                if name in designs else None
                for designs in made
            ]  # fmt: skip
            for what, values in (
                (
                    "lookup tables",
                    [replace(c.lut, value=c.num_tables) if c else None for c in cells],
                ),
                ("registers", [c.ff if c else None for c in cells]),
            ):
                yield ComparedRow(
                    section="resources",
                    name=f"{what} of the {name}, {part}",
                    values=tuple(values),
                    remark=_change(values),
                )
        routes = [designs[name].routing if name in designs else None for designs in made]
        for what, values in (
            ("latency", [r.latency if r else None for r in routes]),
            ("clock frequency", [r.fmax if r else None for r in routes]),
        ):
            if any(values):
                yield ComparedRow(
                    section="latency",
                    name=f"{what} of the {name}",
                    values=tuple(values),
                    remark=_change(values),
                )


def _change(values: Sequence[Quantity | None]) -> str:
    """Of two runs, how much larger the second figure is, as a share of the first."""
    if len(values) != 2 or values[0] is None or values[1] is None or not values[0].value:
        return ""
    return f"{100 * (values[1].value / values[0].value - 1):+.1f} %"


def _verdict(place: Path, document: Document) -> str:
    """What the stages of a run say of its certificate."""
    try:
        failure = first_failure(place)
    except NetwrightError as error:
        return f"cannot be read: {str(error).splitlines()[0]}"
    if failure is not None:
        return f"FAILED: {failure}"
    same, rows = compared_rows(document.certificate)
    if not document.certified:
        return "nothing was compared" if not rows else "FAILED in the report"
    return f"identical in {count(same)} of {count(rows)} rows"
