"""The study of outlier-victim pairs: every claim has a function, and what takes seconds holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.files import write_npz
from netwright.run import Silent
from netwright.studies import (
    Context,
    find_study,
    judge,
    olive_figures,
    olive_networks,
    olive_pictures,
)
from netwright.studies import olive as study
from netwright.studies.study import functions_of
from netwright.tasks import Split, Task


def test_every_claim_has_a_function() -> None:
    found = find_study("olive")
    assert set(functions_of(found)) == {claim.id for claim in found.claims}


def test_claims_of_the_smoke_profile_hold(tmp_path: Path) -> None:
    found = find_study("olive")
    functions = functions_of(found)
    context = Context("smoke", tmp_path, Silent())
    smoke = [claim for claim in found.claims if claim.profile == "smoke"]
    assert len(smoke) == 5
    for claim in smoke:
        outcome = judge(claim, functions[claim.id](context))
        assert outcome.verdict in ("reproduced", "modelled", "smaller-scale"), outcome.why
    assert list(tmp_path.iterdir()) == []


def test_points_are_paired_by_snippet() -> None:
    left = np.array([[1, 1, 0, 1], [1, 1, 1, 1]], np.bool_)
    other = np.array([[1, 0, 0, 1], [1, 0, 1, 0]], np.bool_)
    mean, error, text = olive_figures.paired(left, other)
    by_snippet = np.array([0, 100, 0, 50])
    assert mean == pytest.approx(by_snippet.mean())
    assert error == pytest.approx(by_snippet.std(ddof=1) / 2)
    assert text.endswith("right where the other is wrong 3, the other way 0; 2 seeds")
    assert olive_figures.paired(left, left)[:2] == (0, 0)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """Logits of every contestant as a run before would have left them, and a task of ten rows."""
    task = olive_networks.tiny_task()
    few = Split({name: a[:10] for name, a in task.test.arrays.items()}, task.test.targets[:10])
    made = Task(
        "ten", few, few, few, loss=task.loss, score=task.score, card=task.card, classes=task.classes
    )
    monkeypatch.setattr(olive_networks, "snippets", lambda: made)
    folder = tmp_path / "olive" / "full" / "work"
    (folder / "logits").mkdir(parents=True)
    names = ("fp32", "W4A4 outlier, trained on", *olive_networks.PLANS)
    for number, name in enumerate(names):
        for seed in olive_networks.SEEDS:
            logits = np.eye(2)[few.targets]
            wrong = slice(0, min(number, 9))
            logits[wrong] = logits[wrong, ::-1]
            write_npz(folder / "logits" / f"seed-{seed} {name}.npz", {"logits": logits})
    return Context("full", folder, Silent())


def test_contestants_are_compared_on_what_is_kept(kept: Context) -> None:
    order = ["fp32", "W4A4 outlier, trained on", *olive_networks.PLANS]
    worse = 100 * order.index("W4A4 outlier") / 10
    assert study.post_training(kept).ours.value == pytest.approx(worse)
    assert study.trained_on(kept).ours.value == pytest.approx(10)
    assert study.largest_integers(kept).ours.value < 0
    best = study.best_of_four_bits(kept)
    assert "the best other is W4A4 absmax" in best.remark
    assert "3 seeds" in best.remark


def test_the_picture_shows_every_quantizer(kept: Context) -> None:
    pytest.importorskip("matplotlib")
    (path,) = olive_pictures.draw(kept.folder.parent.parent / "pictures")
    text = path.read_text()
    assert text.count("<path") > 2 * len(olive_networks.FOUR)
    assert "Test accuracy after quantization" in text
