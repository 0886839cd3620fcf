"""Tables as plain text, for terminals and logs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from netwright.quantities import Quantity
from netwright.report.comparison import Comparison
from netwright.report.document import AccuracyRow, CertificateRow, ClaimRow, FrontPoint, PlanRow
from netwright.report.hardware import DepthPoint, Hardware, Routing
from netwright.report.measure import ACCURACY, Measure
from netwright.report.numbers import count, figure, ratio

WIDTH = 110
"""Columns of a table when the caller does not say."""

MIN_WIDTH = 80
"""A narrower terminal breaks the lines itself: that is better than cut figures."""


def certificate_table(rows: Sequence[CertificateRow], *, width: int = WIDTH) -> str:
    """The comparisons of a certificate, then each first difference on a line of its own.

    Args:
        rows: In the order of the stages.
        width: Columns of the terminal.
    """
    table = _table("stage", "equals", "stimuli", "rows >", "identical >", "share >")
    for row in rows:
        _add(
            table,
            row.stage,
            row.against,
            row.stimuli,
            count(row.num_rows),
            count(row.num_identical),
            _share(row),
        )
    fewer = [
        f"{row.stage} on {row.stimuli}: {count(row.num_rows)} of the {count(row.num_wanted)} rows "
        "asked for, since a row is large or this stage slow"
        for row in rows
        if row.num_wanted > row.num_rows
    ]
    differences = [line for row in rows if not row.identical for line in _differences(row)]
    return "\n".join([_text(table, width), *fewer, *differences])


def _differences(row: CertificateRow) -> Iterable[str]:
    """What there is to say of a row that is not identical, a line each."""
    where = f"{row.stage} differs from {row.against} on {row.stimuli}"
    if row.num_rounded:
        yield (
            f"{where}: {count(row.num_rounded)} rows, by float rounding inside the file; computed "
            "in float64 they agree"
        )
    if row.num_noted:
        yield f"{where}: {count(row.num_noted)} rows, by what the notes name and no more"
    if row.num_within:
        yield f"{where} in {count(row.num_within)} rows within the stated tolerance: {row.compared}"
    if not row.holds:
        yield f"{where}: {row.difference or 'nothing was checked'}"
    if row.worst is not None and row.worst_steps is not None:
        yield f"{where}: at most by {row.worst:.3g}, {row.worst_steps:.3g} steps of the output"


def claims_table(rows: Sequence[ClaimRow], *, width: int = WIDTH) -> str:
    """Claims with the published figure, ours, their ratio, the verdict and its reason.

    A figure that no paper prints carries its fidelity on a second line.
    """
    table = _table("claim", "published >", "ours >", "ratio >", "verdict", "why")
    table.columns[0].min_width = width // 4
    for column in table.columns[1:-1]:
        column.no_wrap = True
    for row in rows:
        _add(
            table,
            row.text,
            _labelled(row.published),
            _labelled(row.ours),
            ratio(row.ratio),
            row.verdict,
            row.why,
        )
    return _text(table, width)


def comparison_table(found: Comparison, *, width: int = WIDTH) -> str:
    """Runs side by side: a row a thing; what differs carries a star, which a last line explains."""
    table = _table("", "", "", *found.runs, "difference")
    for section, rows in found.by_section():
        for number, row in enumerate(rows):
            mark = "*" if row.differs and section != "run" else ""
            _add(table, mark, section if number == 0 else "", row.name, *row.cells, row.remark)
    text = _text(table, width)
    return f"{text}\n* the runs differ" if any(row.differs for row in found.rows) else text


def accuracy_table(
    rows: Sequence[AccuracyRow], *, measure: Measure = ACCURACY, width: int = WIDTH
) -> str:
    """The score by stage, with the deviation over seeds."""
    table = _table("stage", f"{measure.name} >", "seeds >", "fidelity", "source")
    for row in rows:
        seeds = str(len(row.seeds)) if row.seeds else "–"
        accuracy = row.accuracy
        _add(table, row.stage, measure.text(accuracy), seeds, accuracy.fidelity, accuracy.source)
    return _text(table, width)


def plan_table(rows: Sequence[PlanRow], *, width: int = WIDTH) -> str:
    """Bit widths and cost by layer, with the sum."""
    sparse = any(row.pattern for row in rows)
    stored = ("pattern", "stored bytes >") if sparse else ()
    heads = ("layer", "weight bits >", "input bits >", "shape", "weights >", "BOPs >")
    table = _table(*heads, *stored)
    for row in rows:
        zeros = (row.pattern or "dense", count(row.stored_bytes or 0)) if sparse else ()
        _add(
            table,
            row.layer,
            str(row.weight_bits),
            str(row.input_bits),
            "×".join(map(str, row.shape)),
            count(row.num_weights),
            count(row.bops.value),
            *zeros,
        )
    weights, bops = sum(row.num_weights for row in rows), sum(row.bops.value for row in rows)
    total = ("", count(sum(row.stored_bytes or 0 for row in rows))) if sparse else ()
    _add(table, "sum", "", "", "", count(weights), count(bops), *total)
    return _text(table, width)


def front_table(
    points: Sequence[FrontPoint], *, measure: Measure = ACCURACY, width: int = WIDTH
) -> str:
    """Points of the front of score and BOPs, cheapest first; the chosen one carries a star."""
    table = _table("", "kind", "plan", "weight bits", "input bits", "BOPs >", f"{measure.name} >")
    for point in sorted(points, key=lambda point: (point.bops.value, point.kind, point.label)):
        _add(
            table,
            "*" if point.chosen else "",
            point.kind,
            point.label,
            "-".join(map(str, point.bits)),
            "-".join(map(str, point.input_bits)),
            count(point.bops.value),
            measure.text(point.accuracy),
        )
    return _text(table, width)


def hardware_table(hardware: Hardware, *, width: int = WIDTH) -> str:
    """Cells of every part, then what is proven and what place and route found, a line each."""
    table = _table("mapped to", "lookup tables >", "carry cells >", "registers >", "source")
    for row in hardware.cells:
        _add(table, row.part, figure(row.lut), figure(row.carry), figure(row.ff), row.lut.source)
    lines = [_text(table, width), f"latency: {hardware.latency_cycles} clocks"]
    proven = sum(proof.num_proven for proof in hardware.proofs)
    lines.append(f"proven for every input: {count(proven)} statements")
    lines += [
        f"{proof.layer} is not proven ({proof.what}): "
        f"{proof.counter_example or f'{count(proof.num_open)} statements are open'}"
        for proof in hardware.proofs
        if not proof.holds
    ]
    if hardware.misfit:
        lines.append(hardware.misfit)
    if hardware.routing:
        lines += _routing_lines(hardware.routing)
    if hardware.depths:
        lines.append(_depths_table(hardware.depths, width))
    return "\n".join(lines)


def _depths_table(points: Sequence[DepthPoint], width: int) -> str:
    table = _table(
        "adders a stage >", "clocks >", "LUT >", "registers >", "frequency >", "latency >",
        "in cells >", "in wires >",
    )  # fmt: skip
    for point in points:
        routing, cells = point.routing, point.cells
        figures = (cells.lut, cells.ff, routing.fmax, routing.latency, routing.logic)
        _add(
            table, str(point.adders_per_stage), str(point.latency_cycles),
            *map(figure, (*figures, routing.wiring)),
        )  # fmt: skip
    return _text(table, width)


def _routing_lines(routing: Routing) -> list[str]:
    used = ", ".join(
        f"{row.cell} {count(row.used)} of {count(row.available)} ({row.share:.1%})"
        for row in routing.utilization
    )
    met = "met" if routing.met else "not met"
    return [
        f"after place and route on {routing.part}: {figure(routing.fmax)} "
        f"({figure(routing.clock)} asked for, {met}), latency {figure(routing.latency)}",
        f"critical path: {figure(routing.logic)} in cells, {figure(routing.wiring)} in wires "
        f"({routing.wiring_share:.0%}), "
        f"{routing.critical_path}",
        f"in use: {used}",
        f"source: {routing.fmax.source}",
    ]


def _share(row: CertificateRow) -> str:
    if row.num_rows == 0:
        return "–"
    if row.identical:
        return "100 %"
    # Rounded down: only all rows are 100 %.
    return f"{10_000 * row.num_identical // row.num_rows / 100:.2f} %"


def _labelled(quantity: Quantity | None) -> str:
    if quantity is None:
        return "–"
    label = "" if quantity.fidelity == "published" else f"\n{quantity.fidelity}"
    return figure(quantity) + label


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        right = column.endswith(" >")
        table.add_column(
            column.removesuffix(" >"), justify="right" if right else "left", overflow="fold"
        )
    return table


def _add(table: Table, *cells: str) -> None:
    # Text, not str: a name with brackets is a name, not markup.
    table.add_row(*(Text(cell) for cell in cells))


def _text(table: Table, width: int) -> str:
    buffer = StringIO()
    Console(file=buffer, width=max(width, MIN_WIDTH), color_system=None).print(table)
    return "\n".join(_stripped(buffer.getvalue().splitlines()))


def _stripped(lines: Iterable[str]) -> list[str]:
    return [line.rstrip() for line in lines]
