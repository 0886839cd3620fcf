"""The injector's policies: trained on a surrogate, tried on the envelope, kept on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from netwright.run import Silent
from netwright.studies import Context, Finding

pytest.importorskip("stable_baselines3", reason="needs the extra rl")

from netwright.studies import tbsac_injector as study


@pytest.mark.slow
def test_every_seed_is_tried_beside_no_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = replace(study.SETTINGS, steps=32, warmup=16, evaluations=1, batch_size=4, hidden=(4,))
    for name, value in {
        "SAMPLES": 200, "EPOCHS": 1, "SETTINGS": few, "SEEDS": (0, 1), "MACHINES": 4
    }.items():  # fmt: skip
        monkeypatch.setattr(study, name, value)
    found = study.injector(Context("full", tmp_path, Silent()))
    assert isinstance(found, Finding)
    assert (found.ours.unit, found.ours.fidelity) == ("%", "simulated")
    assert 0 <= found.ours.value <= 100
    for told in ("seeds ", "on the surrogate", "nothing ", "random "):
        assert told in found.remark
    assert {path.suffix for path in (tmp_path / "injector").iterdir()} > {".json"}
