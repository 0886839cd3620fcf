"""The verdict of a conversion: it never claims more than was compared."""

from __future__ import annotations

import pytest

from netwright.report import Certificate, CertificateRow, FirstStage
from netwright.report.certificate import compared_rows
from netwright.report.numbers import THIN

FILE = "your file (qonnx 1.0.0)"


def row(stage: str, rows: int, identical: int | None = None, **more: object) -> CertificateRow:
    return CertificateRow(
        stage=stage,
        against="graph",
        stimuli="random",
        num_rows=rows,
        num_identical=rows if identical is None else identical,
        **more,
    )


def certificate(*rows: CertificateRow, missing: str | None = None, **more: object) -> Certificate:
    first = FirstStage(file="mine.onnx", sha256="0" * 64, missing=missing)
    return Certificate(first=first, graph="1" * 64, rows=rows, made_by="netwright", **more)


@pytest.mark.parametrize(
    ("made", "verdict", "holds"),
    [
        (
            certificate(row(FILE, 12345), row("QONNX", 12345), row("HLS emulation", 12345)),
            "mine.onnx = graph = QONNX = HLS emulation on 12 345 of 12 345 rows",
            True,
        ),
        (
            certificate(row(FILE, 5000), row("QONNX", 200), row("HLS emulation", 5000)),
            "mine.onnx = graph on 5 000 of 5 000 rows; graph = HLS emulation on 5 000 of 5 000 "
            "rows; graph = QONNX on 200 of 200 rows",
            True,
        ),
        (
            certificate(row("QONNX", 9), missing="qonnx 1.0.0 cannot run mine.onnx: no such thing"),
            "FIRST STAGE MISSING: qonnx 1.0.0 cannot run mine.onnx: no such thing; graph = QONNX "
            "on 9 of 9 rows",
            True,
        ),
        (
            certificate(row(FILE, 9, 6, num_rounded=3, worst=0.1, worst_steps=1.0), row("HLS", 9)),
            "3 of 9 rows differ from mine.onnx by at most 0.1 (1 step): float rounding inside the "
            "file; graph = HLS on 9 of 9 rows",
            True,
        ),
        (
            certificate(row(FILE, 9), row(FILE, 4, 0, difference='output "y" holds NaN')),
            'FAILED: 4 of 13 rows of mine.onnx cannot be compared: output "y" holds NaN',
            False,
        ),
        (
            certificate(row(FILE, 9, 4, num_rounded=3, num_noted=2, worst=0.1, worst_steps=2.5)),
            "5 of 9 rows differ from mine.onnx by at most 0.1 (2.5 steps): float rounding inside "
            "the file and what the notes name",
            True,
        ),
        (
            certificate(row(FILE, 9, 4, num_noted=3, worst=0.1, worst_steps=2.5)),
            "FAILED: 5 of 9 rows differ from mine.onnx by at most 0.1 (2.5 steps), 2 of them "
            "without an explanation",
            False,
        ),
        (
            certificate(row(FILE, 9), row("HLS", 9, 8)),
            "FAILED: HLS differs on 1 of 9 rows from the graph; mine.onnx = graph on 9 of 9 rows",
            False,
        ),
        (
            certificate(row(FILE, 9), refuted=("fc1 is not proven (products)",)),
            "FAILED: fc1 is not proven (products); mine.onnx = graph on 9 of 9 rows",
            False,
        ),
        (
            certificate(row(FILE, 9), unavailable={"QONNX": "too wide"}),
            "QONNX MISSING: too wide; mine.onnx = graph on 9 of 9 rows",
            True,
        ),
    ],
)
def test_verdict(made: Certificate, verdict: str, holds: bool) -> None:
    assert made.verdict.replace(THIN, " ") == verdict
    assert made.holds is holds


@pytest.mark.parametrize(
    "made",
    [
        certificate(),
        certificate(missing="nothing runs it"),
        certificate(row("QONNX", 9)),
        certificate(row(FILE, 0), row("QONNX", 9)),
        certificate(row(FILE, 9), row("QONNX", 0)),
    ],
    ids=["nothing", "nothing and missing", "no file", "no row of the file", "no row of a stage"],
)
def test_nothing_compared_never_holds(made: Certificate) -> None:
    assert not made.holds
    assert "mine.onnx = graph = " not in made.verdict
    assert "FAILED" in made.verdict or "MISSING" in made.verdict


def test_rows_cannot_be_counted_twice() -> None:
    with pytest.raises(
        ValueError, match="num_identical, num_rounded, num_noted and num_within must be at most"
    ):
        row(FILE, 9, 8, num_rounded=2)


def test_a_row_counts_once_however_many_stages_were_compared_on_it() -> None:
    both = [row("HLS", 300), row("HLS", 46), row("RTL", 300, 299), row("RTL", 46)]
    assert compared_rows(both) == (345, 346)
    assert compared_rows([*both, row("QONNX", 64)]) == (64, 64)
