"""A small decoder in four bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from netwright.compress import VARIANTS, bits_with_interval, decoder_plan, decoder_variants
from netwright.errors import ConfigError
from netwright.exchange.gguf import read_gguf
from netwright.formats import OutlierPairs
from netwright.models import NextTokenBits, decoder_from
from netwright.tasks import TextRows, next_tokens
from netwright.train import predict
from tests.exchange.gguf.files import LAYERS, WORDS, write


def drawn(text: str) -> tuple[list[int], list[int]]:
    ids = np.random.default_rng(len(text)).integers(0, WORDS, 400).tolist()
    return ids, list(range(1, 401))


def test_variants_differ_in_what_they_quantize(tmp_path: Path) -> None:
    model = NextTokenBits(decoder_from(read_gguf(write(tmp_path / "small.gguf"))))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rows = TextRows(context=16, train=4, validation=1, test=4)
    task = next_tokens({"a": "x"}, drawn, rows=rows)
    plan = decoder_plan(model, "outlier")
    assert len(plan.layers) == 7 * LAYERS
    assert sum(layer.outputs is not None for layer in plan.layers) == 2 * LAYERS
    found = {}
    for variant, module in decoder_variants(model, task, "outlier", rows=2):
        found[variant] = predict(module, task.test.arrays)
        weight = module.get_submodule("decoder.layers.0.gate").layer.weight.detach().numpy()
        format = decoder_format(weight)
        assert format
    assert tuple(found) == VARIANTS
    own = predict(model, task.test.arrays)
    values = [own, *found.values()]
    assert len({value.tobytes() for value in values}) == 5
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def decoder_format(weight: np.ndarray) -> bool:
    """Whether every row is a multiple of pairs: few magnitudes, and no two outliers in a pair."""
    pairs = OutlierPairs()
    for row in weight[:8]:
        magnitudes = np.unique(np.abs(row[row != 0]))
        fits = any(
            np.all(pairs.allowed(np.round(row / (magnitudes[0] / k), 3)))
            for k in (*pairs.normals[1:], *pairs.outliers)
        )
        flint = OutlierPairs("flint4")
        fits |= any(
            np.all(flint.allowed(np.round(row / (magnitudes[0] / k), 3)))
            for k in (*flint.normals[1:], *flint.outliers)
        )
        if not fits:
            return False
    return True


def test_intervals_hold_the_value_and_are_narrower_in_pairs() -> None:
    random = np.random.default_rng(5)
    characters = random.integers(1, 9, (40, 30)).astype(np.float64)
    bits = characters * random.uniform(0.5, 1.5, (40, 1))
    worse = bits + 0.1 * characters
    found = bits_with_interval(worse, characters, beside=bits)
    assert found.value == pytest.approx(worse.sum() / characters.sum())
    assert found.low < found.value < found.high
    assert found.more == pytest.approx(0.1)
    assert found.more_high - found.more_low < 1e-9 < found.high - found.low
    with pytest.raises(ConfigError, match="must be of the same two rows or more"):
        bits_with_interval(bits[:1], characters[:1])
