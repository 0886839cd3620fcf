from __future__ import annotations

import pytest
from tests.report.sample import document, hardware

from netwright.quantities import Quantity
from netwright.report import (
    CertificateRow,
    ClaimRow,
    accuracy_table,
    certificate_table,
    claims_table,
    front_table,
    hardware_table,
    plan_table,
)
from netwright.report.numbers import THIN


def _plain(text: str) -> str:
    return text.replace(THIN, " ")


def _compared(num_identical: int, difference: str | None = None) -> CertificateRow:
    return CertificateRow(
        stage="HLS emulation",
        against="integer graph",
        stimuli="test set",
        num_rows=20_000,
        num_identical=num_identical,
        difference=difference,
    )


def test_certificate_table_of_equal_stages():
    text = _plain(certificate_table([_compared(20_000)]))
    assert text.splitlines() == [
        "stage           equals          stimuli      rows   identical   share",
        "─" * 69,
        "HLS emulation   integer graph   test set   20 000      20 000   100 %",
    ]


def test_certificate_table_ends_with_the_first_difference():
    text = _plain(certificate_table([_compared(19_999, "logits[4, 1]: 3, must be 2 [rounding]")]))
    assert text.splitlines()[-1] == (
        "HLS emulation differs from integer graph on test set: "
        "logits[4, 1]: 3, must be 2 [rounding]"
    )


def test_rows_that_were_left_out_are_told():
    row = _compared(20_000).model_copy(update={"num_wanted": 30_000})
    assert _plain(certificate_table([row])).splitlines()[-1] == (
        "HLS emulation on test set: 20 000 of the 30 000 rows asked for, since a row is large or "
        "this stage slow"
    )


def test_one_different_row_is_never_rounded_to_all():
    line = _plain(certificate_table([_compared(19_999)])).splitlines()[2]
    assert "19 999" in line
    assert "99.99 %" in line


def test_claims_table_shows_verdict_ratio_and_fidelity():
    row = ClaimRow(
        id="a",
        text="[bold]It[/bold] is fast",
        published=Quantity(4.0, "ns", "table 2", "published"),
        ours=Quantity(5.0, "ns", "model", "modelled"),
        verdict="modelled",
        why="off by 1",
    )
    text = _plain(claims_table([row], width=100))
    assert "[bold]It[/bold] is fast" in text
    line = text.splitlines()[2]
    assert line.split("  ")[0] == "[bold]It[/bold] is fast"
    assert [word for word in ("4 ns", "5 ns", "1.25", "modelled", "off by 1") if word in line]
    assert text.splitlines()[3].strip() == "modelled"


@pytest.mark.parametrize("width", [60, 80, 110, 200])
def test_claims_table_loses_no_word(width):
    rows = document().claims
    words = " ".join(claims_table(rows, width=width).split())
    for row in rows:
        for word in row.text.split():
            assert word in words
        assert row.verdict in words


def test_other_tables_end_without_trailing_spaces():
    sample = document()
    tables = (
        accuracy_table(sample.accuracy),
        plan_table(sample.plan),
        front_table(sample.front),
    )
    for text in tables:
        assert all(line == line.rstrip() for line in text.splitlines())
    assert "75.64 ± 0.09 %" in _plain(tables[0])
    assert _plain(tables[1]).splitlines()[-1].split("  ")[0] == "sum"
    assert "124 448" in _plain(tables[1]).splitlines()[-1]
    assert "*" in tables[2]


def test_tables_are_unchanged(golden):
    sample = document()
    tables = (
        accuracy_table(sample.accuracy),
        plan_table(sample.plan),
        front_table([point for point in sample.front if point.kind != "sampled"]),
        certificate_table(sample.certificate),
        claims_table(sample.claims),
    )
    golden("report/tables.txt", "\n\n".join(tables) + "\n")


def test_hardware_is_told_in_a_table_and_lines():
    text = _plain(hardware_table(hardware()))
    assert "ecp5-85k" in text
    assert "7 255 CCU2C" in text
    lines = text.splitlines()
    assert "latency: 17 clocks" in lines
    assert "proven for every input: 96 statements" in lines
    assert (
        "after place and route on ecp5-85k: 61.3 MHz (100 MHz asked for, not met), latency 293.6 ns"
    ) in lines
    assert any(line.startswith("in use: TRELLIS_COMB 21 700 of") for line in lines)


def test_refuted_layer_and_small_part_are_told():
    failed = hardware().proofs[1].model_copy(update={"counter_example": "x_0 = 3"})
    made = hardware().model_copy(
        update={"proofs": (failed,), "routing": None, "misfit": "does not fit", "depths": ()}
    )
    lines = hardware_table(made).splitlines()
    assert "jets_fc2 is not proven (products): x_0 = 3" in lines
    assert lines[-1] == "does not fit"


def test_depths_are_listed_with_what_the_path_is_made_of():
    lines = hardware_table(hardware(), width=120).splitlines()
    header = next(line for line in lines if line.startswith("adders a stage"))
    assert header.split("  ")[-1].strip() == "in wires"
    last = lines[-1].split()
    assert last[:2] == ["4", "9"]
    assert last[-4:] == ["6.56", "ns", "9.84", "ns"]
