"""The certificate of one conversion, and its verdict in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netwright.report.document import CertificateRow
from netwright.report.numbers import count
from netwright.report.part import Part
from netwright.report.quantization import Quantization


class Inexact(Part):
    """A note of the graph: what was not exact on the way to integers.

    Attributes:
        node: The node concerned.
        text: What was done.
        error: Largest change of a value, relative to those of its channel.
        output_bound: Largest change of an output that follows, in its own unit.
    """

    node: str
    text: str
    error: float
    output_bound: float = 0.0


class FirstStage(Part):
    """The user's file and what executed it.

    Attributes:
        file: Its name.
        sha256: Its digest.
        executor: Name and version of what executed the file; ``None`` where nothing could.
        missing: Why nothing could.
    """

    file: str
    sha256: str
    executor: str | None = None
    missing: str | None = None


class Certificate(Part):
    """Everything that was compared in one conversion.

    Two certificates of one file, made with the same options, differ in `when` only.

    Attributes:
        first: The user's file.
        graph: Digest of the graph.
        rows: The comparisons.
        unavailable: Stages that could not be compared, with the reason.
        notes: What is not exact.
        refuted: Statements about the hardware that a proof refuted.
        quantized: How the file was made of a float file; ``None`` if it was given.
        made_by: Version of this package.
        when: Date, and how many seconds it took.
    """

    first: FirstStage
    graph: str
    rows: tuple[CertificateRow, ...]
    unavailable: Mapping[str, str] = {}
    notes: tuple[Inexact, ...] = ()
    refuted: tuple[str, ...] = ()
    quantized: Quantization | None = None
    made_by: str
    when: Mapping[str, str] = {}

    @property
    def holds(self) -> bool:
        """Whether something was compared, nothing refuted, and every row equal or explained."""
        compared = self.first.missing is not None or any(_is_file(row.stage) for row in self.rows)
        held = bool(self.rows) and all(row.holds for row in self.rows)
        return compared and held and not self.refuted

    @property
    def verdict(self) -> str:
        """What the certificate says, in one line."""
        return verdict(self)


def verdict(certificate: Certificate) -> str:
    """One line that says which stages are equal on how many rows, the user's file first."""
    first, stages = certificate.first, _by_stage(certificate.rows)
    ours = {name: rows for name, rows in stages.items() if not _is_file(name)}
    file = next((rows for name, rows in stages.items() if _is_file(name)), ())
    parts = []
    if first.missing is not None:
        parts.append(f"FIRST STAGE MISSING: {first.missing}")
    elif not file or not sum(row.num_rows for row in file):
        parts.append(f"FAILED: {first.file} was compared with nothing")
    for name, reason in certificate.unavailable.items():
        parts.append(f"{name.upper()} MISSING: {reason}")
    for name, rows in ours.items():
        if not _hold(rows):
            parts.append(f"FAILED: {_differ(name, rows)} from the graph")
    parts += [f"FAILED: {text}" for text in certificate.refuted]
    real = any(row.compared for row in file)
    if real:
        parts.append(_first_stage(first.file, file))
    within = {name: rows for name, rows in ours.items() if any(row.num_within for row in rows)}
    parts += [_within(name, rows) for name, rows in within.items() if _hold(rows)]
    equal = [name for name, rows in ours.items() if _hold(rows) and name not in within]
    totals = {_total(ours[name]) for name in equal}
    clean = bool(file) and all(row.identical for row in file)
    together = clean and totals <= {_total(file)}
    if together:
        parts.append(_chain([first.file, "graph", *equal], _total(file)))
    else:
        if not real and file and sum(row.num_rows for row in file):
            parts.append(_first_stage(first.file, file))
        for total in sorted(totals, reverse=True):
            names = [name for name in equal if _total(ours[name]) == total]
            parts.append(_chain(["graph", *names], total))
    if certificate.quantized is not None:
        parts.append(certificate.quantized.sentence)
    return "; ".join(parts)


def _hold(rows: Sequence[CertificateRow]) -> bool:
    return all(row.holds for row in rows)


def _within(name: str, rows: Sequence[CertificateRow]) -> str:
    total, told = _total(rows), next(row.compared for row in rows if row.num_within)
    return f"{name} within tolerance of graph on {count(total)} of {count(total)} rows: {told}"


FILE_STAGE = "your file"
"""How the first stage is called, before the name of what executed it."""


def _is_file(stage: str) -> bool:
    return stage.startswith(FILE_STAGE)


def _by_stage(rows: Sequence[CertificateRow]) -> dict[str, tuple[CertificateRow, ...]]:
    found: dict[str, tuple[CertificateRow, ...]] = {}
    for row in rows:
        found[row.stage] = (*found.get(row.stage, ()), row)
    return found


def compared_rows(rows: Sequence[CertificateRow]) -> tuple[int, int]:
    """Rows identical, and rows compared, in the stage that has the fewest; each row counts once.

    >>> compared_rows([])
    (0, 0)
    """
    stages = _by_stage(rows).values()
    same = min((sum(row.num_identical for row in stage) for stage in stages), default=0)
    return same, min(map(_total, stages), default=0)


def _total(rows: Sequence[CertificateRow]) -> int:
    return sum(row.num_rows for row in rows)


def _chain(names: Sequence[str], total: int) -> str:
    return f"{' = '.join(names)} on {count(total)} of {count(total)} rows"


def _differ(name: str, rows: Sequence[CertificateRow]) -> str:
    total = _total(rows)
    if not total:
        return f"{name} was compared on no row, which is no agreement,"
    different = total - sum(row.num_identical + row.num_explained for row in rows)
    return f"{name} differs on {count(different)} of {count(total)} rows"


def _first_stage(file: str, rows: Sequence[CertificateRow]) -> str:
    total, same = _total(rows), sum(row.num_identical for row in rows)
    if any(row.compared for row in rows):
        if _hold(rows):
            return _within(file, rows)
        bad = total - sum(row.num_within for row in rows)
        told = next(row.difference for row in rows if not row.holds)
        return f"FAILED: {count(bad)} of {count(total)} rows of {file} are not the graph's: {told}"
    if same == total:
        return _chain([file, "graph"], total)
    refused = [row for row in rows if row.worst is None and not row.holds]
    if refused:
        bad = sum(row.num_rows - row.num_identical for row in refused)
        told = f"{count(bad)} of {count(total)} rows of {file} cannot be compared"
        return f"FAILED: {told}: {refused[0].difference}"
    explained = sum(row.num_explained for row in rows)
    steps = max(row.worst_steps or 0.0 for row in rows)
    text = f"{count(total - same)} of {count(total)} rows differ from {file}"
    largest = max(row.worst or 0.0 for row in rows)
    text += f" by at most {largest:.3g} ({steps:.3g} step{'' if f'{steps:.3g}' == '1' else 's'})"
    if explained < total - same:
        return f"FAILED: {text}, {count(total - same - explained)} of them without an explanation"
    kinds = []
    if any(row.num_rounded for row in rows):
        kinds.append("float rounding inside the file")
    if any(row.num_noted for row in rows):
        kinds.append("what the notes name")
    return f"{text}: {' and '.join(kinds)}"
