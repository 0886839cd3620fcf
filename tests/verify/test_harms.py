"""Scores of flipped bits, and a log that is gone on with."""

from pathlib import Path

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.verify import WeightUpsets, weight_bits
from netwright.verify.harms import weight_harms
from tests.backends.hls.graphs import stimuli
from tests.verify.test_weight_upsets import encoder


def test_a_log_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwright.verify.harms.PIECE", 20)
    graph = encoder()
    upsets, bits = WeightUpsets(graph, stimuli(graph, 4)), weight_bits(graph)[:70]
    calls = []

    def score(codes: np.ndarray) -> np.ndarray:
        calls.append(len(codes))
        return np.abs(codes - upsets.golden).mean(axis=(1, 2)) / 3

    whole = weight_harms(upsets, bits, score, name="distance")
    assert list(whole) == list(bits)
    assert whole[bits[9]] == float(np.abs(upsets.output(bits[9]) - upsets.golden).mean()) / 3
    log = tmp_path / "harms.jsonl"

    def stop(done: float, total: float, text: str) -> None:
        if done == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weight_harms(upsets, bits, score, name="distance", log=log, progress=stop)
    calls.clear()
    assert weight_harms(upsets, bits, score, name="distance", log=log) == whole
    assert sum(calls) == 30
    weight_harms(upsets, bits, score, name="another", log=log)
    assert sum(calls) == 100


def test_a_score_gives_a_number_for_each_upset() -> None:
    graph = encoder()
    upsets, bits = WeightUpsets(graph, stimuli(graph, 4)), weight_bits(graph)[:3]
    with pytest.raises(ConfigError, match='"mean" must give 3 numbers for as many upsets'):
        weight_harms(upsets, bits, lambda codes: codes.mean(), name="mean")
