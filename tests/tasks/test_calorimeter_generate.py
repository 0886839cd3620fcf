"""The table of wafers: reproducible, resumable, described."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.tasks import calorimeter_generate, chunks
from netwright.tasks.calorimeter_generate import generate_calorimeter
from netwright.tasks.calorimeter_table import digest, read_table
from netwright.tasks.card import card_path, read_card


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def threads(workers: int) -> Iterator[ThreadPoolExecutor]:
        with ThreadPoolExecutor(workers) as executor:
            yield executor

    monkeypatch.setattr(chunks, "_pool", threads)
    monkeypatch.setattr(calorimeter_generate, "WAFERS_PER_CHUNK", 8)


def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    card = generate_calorimeter(one, num_wafers=50, seed=3, workers=1)
    generate_calorimeter(two, num_wafers=50, seed=3, workers=2)
    assert one.read_bytes() == two.read_bytes()
    table = read_table(one)
    assert np.bincount(table.region).tolist() == [17, 17, 16]
    assert digest(table) == card.sha256


def test_card_says_what_the_wafers_are(tmp_path: Path) -> None:
    out = tmp_path / "t.npz"
    card = generate_calorimeter(out, num_wafers=15, seed=5)
    raw = tomllib.loads(card_path(out).read_text())
    assert raw["counts"] == {"inner": 5, "middle": 5, "outer": 5}
    assert raw["seeds"] == {"simulation": 5}
    assert "not Geant4" in raw["recipe"]
    assert read_card(card_path(out)) == card


def test_interrupted_generation_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, out = tmp_path / "whole.npz", tmp_path / "out.npz"
    generate_calorimeter(whole, num_wafers=60, seed=1, workers=1)
    make, made = calorimeter_generate.generate_wafers, []

    def stop_at_the_fifth(label: int, number: int, rows: int, seed: int) -> np.ndarray:
        if len(made) == 4:
            raise KeyboardInterrupt
        made.append((label, number))
        return make(label, number, rows, seed)

    monkeypatch.setattr(calorimeter_generate, "generate_wafers", stop_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        generate_calorimeter(out, num_wafers=60, seed=1, workers=1)
    assert not out.exists()
    kept = len(list((tmp_path / "out.npz.parts").iterdir()))
    assert 0 < kept <= 4
    monkeypatch.setattr(calorimeter_generate, "generate_wafers", make)
    seen: list[tuple[float, float, str]] = []
    generate_calorimeter(
        out, num_wafers=60, seed=1, workers=1, progress=lambda *step: seen.append(step)
    )
    assert seen[0][0] > 0
    assert seen[-1] == (60, 60, "wafers")
    assert out.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "out.npz.parts").exists()


def test_too_few_wafers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="wafers must be 15 to 10000000, not 14"):
        generate_calorimeter(tmp_path / "t.npz", num_wafers=14)
