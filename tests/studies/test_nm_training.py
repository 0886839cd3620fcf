"""The study of N:M training: every claim has a function, and what takes seconds holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netwright.formats import NM
from netwright.run import Silent
from netwright.studies import Context, find_study, judge
from netwright.studies.nm_training_networks import LOG, METHODS, SEEDS, is_done, jobs_of, loss
from netwright.studies.study import functions_of


def test_every_claim_has_a_function() -> None:
    found = find_study("nm-training")
    assert set(functions_of(found)) == {claim.id for claim in found.claims}


def test_claims_of_the_smoke_profile_hold(tmp_path: Path) -> None:
    found = find_study("nm-training")
    functions = functions_of(found)
    context = Context("smoke", tmp_path, Silent())
    smoke = [claim for claim in found.claims if claim.profile == "smoke"]
    assert len(smoke) >= 8
    for claim in smoke:
        outcome = judge(claim, functions[claim.id](context))
        assert outcome.verdict in ("reproduced", "modelled", "trend"), outcome.why
    assert list(tmp_path.iterdir()) == []


def write(folder: Path, scores: dict[str, list[float]]) -> Context:
    """The file of trainings that are done."""
    lines = [
        {"key": job.key, "record": {"test": score, "validation": score, "macs": 0.5}}
        for method, own in scores.items()
        for job, score in zip(jobs_of("jets", method, NM(2, 8)), own, strict=True)
    ]
    (folder / LOG).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Context("full", folder, Silent())


def test_losses_are_paired_by_seed_and_trainings_are_not_repeated(tmp_path: Path) -> None:
    dense = [0.70, 0.71, 0.72, 0.73, 0.74]
    gaps = [0.010, 0.012, 0.008, 0.010, 0.010]
    own = [score - gap for score, gap in zip(dense, gaps, strict=True)]
    found = loss(write(tmp_path, {"dense": dense, "bdwp": own}), "jets", "bdwp", NM(2, 8))
    assert found.mean == pytest.approx(1.0)
    # Student's 2.776 of 4 degrees of freedom, times 0.1414 / sqrt(5).
    assert found.half == pytest.approx(2.776 * 0.141421 / 5**0.5, rel=1e-4)
    assert found.dense == pytest.approx(0.72)
    assert str(found) == "+1.00 ± 0.18"


def test_what_is_done_is_read_from_the_file(tmp_path: Path) -> None:
    context = write(tmp_path, {"dense": [0.7] * len(SEEDS)})
    assert not is_done(context, "jets")
    keys = {job.key for method in METHODS for job in jobs_of("jets", method, NM(2, 8))}
    assert len(keys) == len(METHODS) * len(SEEDS)
    assert "jets bdwp 2:8, 12 epochs: 1" in keys
