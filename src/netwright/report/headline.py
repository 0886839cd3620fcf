"""The few figures that a reader wants first; they follow from what a document holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from netwright.report import numbers
from netwright.report.certificate import compared_rows
from netwright.report.document import AccuracyRow, Document
from netwright.report.hardware import Hardware
from netwright.report.measure import Measure
from netwright.report.numbers import THIN
from netwright.report.when import When

TABLES_IN_HARDWARE = "network of tables, in hardware"
"""Name of the stage whose accuracy is that of the one network of tables that was implemented."""


@dataclass(frozen=True, slots=True)
class Card:
    """A figure and what it is.

    Attributes:
        value: As shown.
        name: What it is, and of which network.
        note: How it was obtained, in a few words.
    """

    value: str
    name: str
    note: str = ""


def headline(document: Document) -> list[Card]:
    """The cards of a document, the most important first."""
    cards = [*_accuracies(document), *_certificate(document), *_claims(document)]
    for name, made in designs_of(document):
        cards += _routed(name, made)
    cards += [*_plan(document), *_cells(document)]
    if document.when:
        cards += _when(document.when)
    return cards


def designs_of(document: Document) -> Iterator[tuple[str, Hardware]]:
    """The designs of a document, by the name of their network."""
    if document.hardware:
        yield "quantized network", document.hardware
    if document.tables:
        yield "network of tables", document.tables


def _accuracies(document: Document) -> Iterator[Card]:
    """Of the network that became a graph, and of the network of tables in hardware, if any."""
    if not document.accuracy:
        return
    shown = [document.accuracy[-1]]
    shown += [row for row in document.accuracy[:-1] if row.stage == TABLES_IN_HARDWARE]
    for row in shown:
        yield _accuracy(row, document.measure)


def _accuracy(row: AccuracyRow, measure: Measure) -> Card:
    error = row.binomial_error
    if error is None:
        return Card(measure.text(row.accuracy), f"{measure.name}, {row.stage}")
    value = f"{100 * row.accuracy.value:.2f} ± {100 * error:.2f}{THIN}%"
    seeds = f"; mean of {len(row.seeds)} seeds" if len(row.seeds) > 1 else ""
    assert row.num_rows is not None  # there is an error
    note = f"± binomial error of {numbers.count(row.num_rows)} rows{seeds}"
    return Card(value, f"{measure.name}, {row.stage}", note)


def _certificate(document: Document) -> Iterator[Card]:
    if not document.certificate:
        return
    same, rows = compared_rows(document.certificate)
    stages = len({row.stage for row in document.certificate})
    yield Card(
        f"{numbers.count(same)} of {numbers.count(rows)}",
        "rows identical in every integer",
        "one stage against the graph" if stages == 1 else f"each of {stages} stages and the graph",
    )


def _claims(document: Document) -> Iterator[Card]:
    counts = Counter(row.verdict for row in document.claims)
    for verdict, number in counts.items():
        yield Card(f"{number} of {len(document.claims)}", f"claims: {verdict}")


def _routed(name: str, made: Hardware) -> Iterator[Card]:
    """Latency and frequency, where place and route found them."""
    if made.routing is None:
        return
    where, routing = f"{name}, placed and routed on {made.routing.part}", made.routing
    met = "met" if routing.met else "not met"
    yield Card(
        f"{numbers.figure(routing.latency)} at {numbers.figure(routing.fmax)}",
        f"latency at the largest clock frequency: {where}",
        f"{numbers.count(made.latency_cycles)} clocks and the registers around them; "
        f"{numbers.figure(routing.clock)} asked for, {met}",
    )


def _plan(document: Document) -> Iterator[Card]:
    if not document.plan:
        return
    weights = sum(row.num_weights for row in document.plan)
    bits = sum(row.num_weights * row.weight_bits for row in document.plan)
    if weights:
        yield Card(f"{bits / weights:.3g}", "bits per weight, on average")
    bops = sum(row.bops.value for row in document.plan)
    yield Card(numbers.count(bops), "bit operations for one inference")


def _cells(document: Document) -> Iterator[Card]:
    for name, made in designs_of(document):
        if made.cells:
            cells = made.cells[0]
            value = f"{numbers.count(cells.num_tables)} {cells.table_name}"
            yield Card(
                value, f"lookup tables of the {name} on {cells.part}", "counted by open tools"
            )


def _when(when: When) -> Iterator[Card]:
    day, _, hour = when.finished.partition("T")
    yield Card(day, "date", f"{hour[:5]} UTC" if hour else "")
    version = when.versions.get("netwright", "")
    if when.commit:
        yield Card(when.commit[:9], "commit", f"netwright {version}".strip())
    elif version:
        yield Card(version, "version of netwright", "no commit: it is installed")
    cores = f"{when.cores} {'core' if when.cores == 1 else 'cores'}"
    yield Card(when.machine or when.system or "unknown", "machine", f"{cores}, {when.system}")
