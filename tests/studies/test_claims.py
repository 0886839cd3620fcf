from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from netwright.quantities import Quantity
from netwright.studies import Claim, Finding, NotAttempted, judge


def claim(kind: str, **more) -> Claim:
    return Claim(id="a", text="A claim.", kind=kind, source="table 1", **more)


def finding(value: float, fidelity: str = "measured", **more) -> Finding:
    return Finding(Quantity(value, "", "test", fidelity), **more)


@pytest.mark.parametrize(
    ("it", "value", "verdict", "why"),
    [
        (claim("exact", published=7), 7, "reproduced", "equal"),
        (claim("exact", published=7), 8, "differs", "off by +1 (tolerance 0)"),
        (
            claim("anchor", published=0.7, tolerance=0.1, unit="s"),
            0.8,
            "reproduced",
            "off by +0.1 s (tolerance 0.1)",
        ),
        (claim("anchor", published=0.7, tolerance=0.1), 0.81, "differs", None),
        (
            claim("ratio", published=4, tolerance=0.25),
            3.2,
            "reproduced",
            "-20.0% (tolerance 25.0%)",
        ),
        (claim("ratio", published=-4, tolerance=0.25), -5.2, "differs", None),
        (claim("trend", at_least=2.0), 2.0, "trend", "must be at least 2"),
        (claim("trend", at_least=2.0, published=9), 1.9, "differs", None),
        (
            claim("trend", at_most=2.0, tolerance=0.5, unit="ns"),
            2.5,
            "trend",
            "must be at most 2 ± 0.5 ns",
        ),
        (claim("trend", at_most=2.0), 2.1, "differs", "must be at most 2"),
    ],
)
def test_verdict_follows_from_the_figures(it, value, verdict, why):
    outcome = judge(it, finding(value))
    assert outcome.verdict == verdict
    assert why is None or outcome.why == why


@pytest.mark.parametrize("fidelity", ["modelled", "assumed"])
def test_modelled_figures_reproduce_arithmetic_only(fidelity):
    anchor = claim("anchor", published=7, tolerance=1)
    assert judge(anchor, finding(7, fidelity)).verdict == "modelled"
    assert judge(claim("exact", published=7), finding(7, fidelity)).verdict == "reproduced"
    assert judge(claim("trend", at_least=1), finding(7, fidelity)).verdict == "trend"
    assert judge(anchor, finding(9, fidelity)).verdict == "differs"


def test_smaller_scale_never_hides_a_difference():
    trend = claim("trend", at_least=1)
    small = judge(trend, finding(2, smaller_scale="2 seeds, not 10", remark="seen twice"))
    assert small.verdict == "smaller-scale"
    assert small.why == "must be at least 1; 2 seeds, not 10; seen twice"
    assert judge(trend, finding(0, smaller_scale="2 seeds, not 10")).verdict == "differs"


def test_declined_claim_is_not_attempted():
    outcome = judge(claim("exact", published=7), NotAttempted("no compiler"))
    assert (outcome.verdict, outcome.why, outcome.ours) == ("not-attempted", "no compiler", None)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e3), st.floats(-1e6, 1e6))
def test_wider_tolerance_never_makes_a_claim_differ(published, tolerance, ours):
    narrow = judge(claim("anchor", published=published, tolerance=tolerance), finding(ours))
    wide = judge(claim("anchor", published=published, tolerance=tolerance + 1), finding(ours))
    assert not (narrow.verdict == "reproduced" and wide.verdict == "differs")


def test_outcome_becomes_a_row_with_sources():
    row = judge(claim("exact", published=4, unit="ns"), finding(5)).to_row()
    assert row.published == Quantity(4, "ns", "table 1", "published")
    assert row.ratio == 1.25
    assert judge(claim("trend", at_least=0), finding(5)).to_row().published is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "trend"}, 'claim "a": a trend needs one of at_least and at_most'),
        ({"kind": "trend", "at_least": 1, "at_most": 2}, "needs one of at_least and at_most"),
        ({"kind": "exact", "published": 1, "at_most": 2}, 'belong to kind "trend"'),
        ({"kind": "exact"}, 'kind "exact" needs a published value'),
        ({"kind": "ratio", "published": 0}, "a published value other than 0"),
        ({"kind": "anchor", "published": 1, "tolerance": -1}, "greater than or equal to 0"),
    ],
)
def test_claim_that_cannot_be_judged_is_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        claim(**fields)


def test_identifier_must_name_a_function():
    with pytest.raises(ValidationError, match="pattern"):
        Claim(id="Not a name", text="", kind="exact", published=1, source="")
    name = Claim(id="bops-w4a7", text="", kind="exact", published=1, source="").function
    assert name == "bops_w4a7"
