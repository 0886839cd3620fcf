from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.report.sample import document, hardware, share

from netwright.quantities import Quantity
from netwright.report import CertificateRow, ClaimRow, Document, RocCurve, SensitivityRow
from netwright.report.document import MAX_CURVE_POINTS


def test_document_survives_the_way_through_json():
    original = document()
    assert Document.model_validate_json(original.to_json()) == original


def test_document_json_is_stable():
    assert document().to_json() == document().to_json()


@given(st.integers(2, 5000))
def test_roc_curve_keeps_its_ends_and_its_order(num_points):
    rates = [index / (num_points - 1) for index in range(num_points)]
    curve = RocCurve.of("t", rates, rates, share(0.5))
    kept = curve.false_positive_rate
    assert len(kept) == min(num_points, MAX_CURVE_POINTS)
    assert (kept[0], kept[-1]) == (0.0, 1.0)
    assert all(a < b for a, b in itertools.pairwise(kept))


def test_roc_curve_of_unequal_rates_is_refused():
    with pytest.raises(ValidationError, match="2 to 200 points in both rates, not 2 and 3"):
        RocCurve(
            label="t",
            false_positive_rate=(0, 1),
            true_positive_rate=(0, 0.5, 1),
            area=share(0.5),
        )


def test_figure_that_is_not_a_number_is_refused():
    with pytest.raises(ValidationError, match="finite number"):
        SensitivityRow(
            layer="fc1",
            trace=Quantity(float("nan"), "", "Hutchinson", "measured"),
            num_parameters=3,
            num_probes=1,
        )


def test_unknown_section_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs"):
        Document.model_validate({"name": "a", "title": "b", "summary": "c"})


def test_trace_per_parameter():
    row = SensitivityRow(layer="a", trace=share(8.0), num_parameters=4, num_probes=1)
    assert row.trace_per_parameter == 2.0


@pytest.mark.parametrize(("num_rows", "num_identical", "same"), [(3, 3, True), (3, 2, False)])
def test_certificate_row_is_identical_only_when_all_rows_are(num_rows, num_identical, same):
    row = _compared(num_rows, num_identical)
    assert row.identical is same


def test_certificate_of_nothing_proves_nothing():
    assert not _compared(0, 0).identical
    assert not Document(name="a", title="b").certified
    assert not Document(name="a", title="b", certificate=(_compared(0, 0),)).certified
    certified = Document(name="a", title="b", certificate=(_compared(2, 2),), hardware=hardware())
    assert certified.certified
    failed = hardware().proofs[0].model_copy(update={"counter_example": "x_0 = 3"})
    refuted = hardware().model_copy(update={"proofs": (failed,)})
    assert not certified.model_copy(update={"hardware": refuted}).certified
    assert not certified.model_copy(update={"tables": refuted}).certified


def test_more_rows_identical_than_checked_is_refused():
    with pytest.raises(ValidationError, match="num_identical must be at most num_rows, 3, not 4"):
        _compared(3, 4)


@pytest.mark.parametrize(
    ("published", "ours", "ratio"), [(4.0, 5.0, 1.25), (0.0, 5.0, None), (None, 5.0, None)]
)
def test_claim_ratio(published, ours, ratio):
    row = ClaimRow(
        id="a",
        text="b",
        published=None if published is None else share(published),
        ours=share(ours),
        verdict="differs",
        why="",
    )
    assert row.ratio == ratio


def _compared(num_rows: int, num_identical: int) -> CertificateRow:
    return CertificateRow(
        stage="graph",
        against="torch",
        stimuli="test set",
        num_rows=num_rows,
        num_identical=num_identical,
    )


def test_a_depth_that_gives_other_integers_is_not_certified():
    made = hardware()
    wrong = made.depths[1].model_copy(update={"num_identical": 1_999})
    other = made.model_copy(update={"depths": (made.depths[0], wrong)})
    row = _compared(2, 2)
    assert Document(name="a", title="b", certificate=(row,), hardware=made).certified
    assert not Document(name="a", title="b", certificate=(row,), hardware=other).certified
