"""The study of the trend-based policy: its quick claims, and that every claim has a function."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.run import Silent
from netwright.studies import Context, find_study
from netwright.studies.study import functions_of

pytest.importorskip("stable_baselines3", reason="needs the extra rl")

STUDY = find_study("tbsac")


def test_every_claim_has_a_function() -> None:
    assert set(functions_of(STUDY)) == {claim.id for claim in STUDY.claims}


@pytest.mark.parametrize(
    ("claim", "value"), [("shaping", 0.2), ("actor-size", 98_920), ("actor-macs", 96_368)]
)
def test_arithmetic_is_that_of_the_published_code(claim: str, value: float, tmp_path) -> None:
    context = Context("smoke", tmp_path, Silent())
    found = functions_of(STUDY)[claim](context)
    assert found.ours.value == pytest.approx(value, abs=1e-9)


def test_machines_of_figures_are_none_of_those_on_which_policies_are_chosen() -> None:
    from netwright.registry import resolve
    from netwright.studies.tbsac_policies import drawn

    environment = resolve("environments", "beam")()
    for seed in (77, 0, 1, 2, 3, 4):
        chosen = environment.machines(200, seed).machines.offsets
        assert not np.isin(drawn().offsets, chosen).any()
