from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright import tasks
from netwright.studies import pulsedl2_pictures as pictures

pytest.importorskip("matplotlib", reason="the extra plots is not installed")


def test_every_picture_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def networks(_: object, widths: tuple[int, int, int]) -> dict[int, float]:
        asked.append(widths)
        return {1: 60.0, 2: 64.0}

    monkeypatch.setattr(pictures, "tuned", networks)
    monkeypatch.setattr(
        pictures, "late_ps", lambda rms, pulses: rms * np.sign(np.arange(len(pulses)) % 2 - 0.5)
    )
    monkeypatch.setattr(pictures, "SNRS_DB", (40.0, 47.4))
    few = tasks.draw(tasks.pulse_law(), 200, seed=1)
    monkeypatch.setattr(pictures, "drawn", lambda condition, snr_db: few)
    monkeypatch.setattr(pictures, "method_late_ps", lambda name, pulses: np.full(200, 90.0))
    paths = pictures.draw(tmp_path)
    assert [path.name for path in paths] == [
        "pulses.svg", "snr.svg", "weights.svg", "activations.svg",
    ]  # fmt: skip
    assert all(path.read_text().startswith("<svg") for path in paths)
    assert {(8, 16, 16), (4, 16, 16), (8, 8, 16), (8, 8, 8)} <= set(asked)
