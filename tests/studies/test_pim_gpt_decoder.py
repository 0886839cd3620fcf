"""The claims about values: what needs no file of weights, and the perplexity of a small decoder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.backends.rtl.graphs import needs_verilator

from netwright.run import Silent
from netwright.studies import Context
from netwright.studies import pim_gpt_decoder as claims

torch = pytest.importorskip("torch")
from netwright.models import Decoder, NextTokenBits  # noqa: E402


def test_perplexity_is_kept_and_counts_what_the_banks_need_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model = NextTokenBits(Decoder(claims.SMALL).eval())
    words = np.random.default_rng(0).integers(0, claims.SMALL.words, (2, 6))
    task = SimpleNamespace(
        card=SimpleNamespace(sha256="0" * 64), test=SimpleNamespace(arrays={"tokens": words})
    )
    monkeypatch.setattr(claims, "smollm2", lambda: model)
    monkeypatch.setattr(claims, "smollm2_novels", lambda rows: task)
    context = Context("full", tmp_path, Silent())
    found = claims.perplexity(context)
    kept = np.load(tmp_path / f"bits-{'0' * 12}.npz")
    ratio = 2.0 ** (kept["banks"].mean() - kept["real"].astype(np.float64).mean())
    assert found.ours.value == pytest.approx(100 * (ratio - 1), rel=1e-9)
    assert 0 < abs(found.ours.value) < 20
    monkeypatch.setattr(claims, "smollm2", None)  # what is kept is not computed again
    assert claims.perplexity(context) == found


@pytest.mark.tool("g++")
@needs_verilator
def test_the_unit_is_compared_on_any_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "VECTORS", 300)
    monkeypatch.setattr(claims, "WIDTH", 2)
    found = claims.unit_exact(Context("full", tmp_path, Silent()))
    assert found.ours.value == 0
    assert found.remark.startswith("300 vectors, 2")
