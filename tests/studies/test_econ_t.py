"""The study of the calorimeter chip: every claim has a function, and what takes seconds holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.run import Silent
from netwright.studies import Context, find_study, judge
from netwright.studies import econ_t as study
from netwright.studies.study import functions_of

pytest.importorskip("ot", reason="needs POT (extra data)")


def test_every_claim_has_a_function() -> None:
    found = find_study("econ-t")
    assert set(functions_of(found)) == {claim.id for claim in found.claims}


def test_claims_of_the_smoke_profile_hold(tmp_path: Path) -> None:
    found = find_study("econ-t")
    functions = functions_of(found)
    context = Context("smoke", tmp_path, Silent())
    smoke = [claim for claim in found.claims if claim.profile == "smoke"]
    assert len(smoke) >= 7
    for claim in smoke:
        outcome = judge(claim, functions[claim.id](context))
        assert outcome.verdict in ("reproduced", "modelled"), outcome.why
    assert list(tmp_path.iterdir()) == []


def test_ratio_is_of_means_and_its_error_of_wafers() -> None:
    theirs = np.array([2.0, 4.0, -0.5, 6.0])
    ours = np.array([[1.0, 2.0, 9.0, 3.0], [2.0, 4.0, 9.0, 6.0]])
    found = study._ratio(ours, theirs, "remark")
    assert found.ours.value == pytest.approx(0.75)
    assert found.remark == "2.000, 4.000 by seed against 4.000; remark"
    assert found.ours.deviation == pytest.approx(0.0, abs=1e-12)  # the same ratio in every wafer
