"""The study of merging in a scratchpad: claims have functions, and what takes seconds holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.run import Silent
from netwright.studies import Context, find_study, judge, smash, smash_merges, smash_pictures
from netwright.studies.study import functions_of


def test_every_claim_has_a_function() -> None:
    found = find_study("smash")
    assert set(functions_of(found)) == {claim.id for claim in found.claims}


def test_claims_of_the_smoke_profile_hold(tmp_path: Path) -> None:
    found = find_study("smash")
    functions = functions_of(found)
    context = Context("smoke", tmp_path, Silent())
    claims = [claim for claim in found.claims if claim.profile == "smoke"]
    assert [claim.id for claim in claims] == ["entries-exact", "product-exact"]
    for claim in claims:
        assert judge(claim, functions[claim.id](context)).verdict == "reproduced"


def test_ratios_are_those_of_the_cycles(tmp_path: Path) -> None:
    context = Context("smoke", tmp_path, Silent())
    made = smash_merges.outcomes(smash_merges.SCALES["smoke"])
    finding = smash.speedup(context)
    assert finding.ours.value == made["V1"].cycles / made["V3"].cycles
    assert finding.ours.fidelity == "modelled"
    assert finding.smaller_scale.startswith("R-MAT of scale 7")


def test_pictures_show_all_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    monkeypatch.setattr(smash_pictures, "SCALES", {"full": 6})
    changed = {"banks x2": {"V1": 3, "V2": 2, "V3": 1}}
    monkeypatch.setattr(smash_pictures, "varied", lambda: changed)
    versions, sensitivity = smash_pictures.draw(tmp_path)
    assert versions.read_text(encoding="utf-8").count("<path") > 6
    assert sensitivity.read_text(encoding="utf-8").count("<path") > 2
