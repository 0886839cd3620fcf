from __future__ import annotations

import numpy as np
import pytest

from netwright.backends.cpu import minilm
from netwright.backends.cpu.encoders import build_engine, sparse_minilm
from netwright.backends.cpu.minilm import minilm_embeddings
from netwright.errors import DataError, MissingExtra
from netwright.exchange.bert.package import PACKAGE, minilm_folder


@pytest.fixture
def package():
    pytest.importorskip(PACKAGE, reason="needs the weights of MiniLM-L6")
    pytest.importorskip("safetensors", reason="needs safetensors")
    pytest.importorskip(minilm.WEIGHTS, reason="needs netwright-weights")


def test_missing_weights_of_ours_are_named(monkeypatch):
    monkeypatch.setattr(minilm, "WEIGHTS", "netwright_no_weights")
    with pytest.raises(MissingExtra) as caught:
        sparse_minilm(0.8)
    assert str(caught.value) == (
        'loading a sparse MiniLM-L6 needs the package "netwright-weights", which is not '
        "installed\nhint: pip install 'netwright[weights]'"
    )


def test_damaged_weights_are_refused(package, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_bytes((minilm_folder() / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    monkeypatch.setattr(minilm, "minilm_folder", lambda: tmp_path)
    with pytest.raises(DataError, match=r"not a file of tensors|cannot be read"):
        minilm_embeddings()


@pytest.mark.parametrize("sparsity", [0.7, 0.8, 0.85, 0.9])
def test_the_shipped_encoder_is_sparse_and_knows_good_from_bad(sparsity: float, package):
    tokenizers = pytest.importorskip("tokenizers", reason="needs tokenizers")
    stored = sparse_minilm(sparsity)
    engine = build_engine(stored.weights, way="sparse")
    total = sum(
        weight.size
        for name, weight in stored.weights.tensors.items()
        if name.startswith("encoder") and weight.ndim == 2
    )
    zeros = sum(
        int((weight == 0).sum())
        for name, weight in stored.weights.tensors.items()
        if name.startswith("encoder") and weight.ndim == 2
    )
    assert sparsity <= zeros / total < sparsity + 0.03
    reader = tokenizers.Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    reader.no_padding()
    texts = ["A wonderful, moving film.", "Dull, clumsy and far too long."]
    words = [np.array(reader.encode(text).ids, np.int32) for text in texts]
    assert engine(words).argmax(axis=1).tolist() == [1, 0]


def test_what_is_not_shipped_is_refused():
    pytest.importorskip(minilm.WEIGHTS, reason="needs netwright-weights")
    with pytest.raises(DataError, match="no sparse MiniLM-L6 with 33% zeros is shipped"):
        sparse_minilm(0.33)


@pytest.mark.parametrize("sparsity", ["0.8", None, True, float("nan")])
def test_a_share_that_is_no_number_is_refused(sparsity):
    with pytest.raises(DataError, match=r"sparsity must be a number such as 0\.8, not"):
        sparse_minilm(sparsity)
