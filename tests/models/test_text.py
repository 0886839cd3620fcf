from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from netwright.backends.cpu.encoders import build_engine, float_logits, read_state
from netwright.compress.sparse_text import observe
from netwright.errors import DataError
from netwright.models import text as module
from netwright.models.text import minilm
from netwright.train.text import pad, text_logits
from tests.texts import SHAPE, encoder, sentences


def test_the_module_equals_the_reference_in_float():
    model, words = encoder(), sentences(5)[0]
    state = model.state_dict()
    weights = read_state({name: value.numpy() for name, value in state.items()}, SHAPE)
    wanted = np.stack([float_logits(weights, sentence) for sentence in words])
    np.testing.assert_allclose(text_logits(model, words), wanted, rtol=1e-4, atol=1e-5)


def test_padding_does_not_change_logits():
    model, words = encoder(), sentences(6)[0]
    together = text_logits(model, words)
    alone = np.concatenate([text_logits(model, [sentence]) for sentence in words])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_the_fake_quantized_module_is_what_the_engine_computes():
    model, words = encoder(), sentences(32)[0]
    observe(model, words)
    model.set_quantized("on")
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    found = build_engine(read_state(state, SHAPE), way="sparse")(words)
    wanted = text_logits(model, words)
    assert np.abs(found - wanted).max() < 0.03 * np.abs(wanted).max()


def test_a_mask_removes_weights_and_their_gradients():
    model = encoder()
    (name, linear), *_ = model.linears().items()
    linear.mask = torch.zeros_like(linear.weight)
    ids, mask = pad(sentences(4)[0])
    model(ids, mask).sum().backward()
    assert name == "encoder.layer.0.attention.self.query"
    assert not linear.effective_weight().any()
    assert not linear.weight.grad.any()


CONFIG = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 20,
    "max_position_embeddings": 12,
    "layer_norm_eps": 1e-12,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files of a small encoder, as the package of MiniLM-L6 has them."""
    library = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    monkeypatch.setattr(module, "minilm_folder", lambda: tmp_path)

    def write(state):
        library.save_file(state, tmp_path / "model.safetensors")

    return tmp_path / "model.safetensors", write


def published() -> dict[str, torch.Tensor]:
    """The tensors that the package has: no classifier and no ranges, but a pooler."""
    state = {
        name: value.detach().half()
        for name, value in encoder(4).named_parameters()
        if not name.startswith("classifier.")
    }
    return {**state, "pooler.dense.weight": torch.zeros(16, 16)}


def test_all_but_the_classifier_is_loaded(folder):
    folder[1](published())
    found, again, other = minilm(seed=1), minilm(seed=1), minilm(classes=3, seed=2)
    for name, value in published().items():
        if name != "pooler.dense.weight":
            assert (found.state_dict()[name] == value).all(), name
    assert (found.classifier.weight == again.classifier.weight).all()
    assert other.classifier.weight.shape == (3, 16)
    for name, item in found.named_parameters():
        assert item.requires_grad != name.startswith("embeddings."), name


def test_weights_of_which_some_are_missing_are_refused(folder):
    state = published()
    folder[1]({name: state[name] for name in state if name.startswith("embeddings.")})
    message = (
        f"{folder[0]}: lacks 32 of 37 tensors: encoder.layer.0.attention.self.query.weight, "
        "encoder.layer.0.attention.self.query.bias, encoder.layer.0.attention.self.key.weight, ..."
    )
    with pytest.raises(DataError, match=re.escape(message)):
        minilm()
    del state["encoder.layer.1.output.dense.bias"]
    folder[1](state)
    with pytest.raises(DataError, match=r"1 of 37 tensors: encoder.layer.1.output.dense.bias$"):
        minilm()


def test_weights_of_another_shape_are_refused(folder):
    folder[1](published() | {"encoder.layer.1.output.dense.bias": torch.zeros(8)})
    message = "encoder.layer.1.output.dense.bias must have shape (16,), not (8,)"
    with pytest.raises(DataError, match=re.escape(message)):
        minilm()


@pytest.mark.parametrize("length", [None, 0, 5, 100, -8])
def test_weights_that_are_missing_or_damaged_are_refused(folder, length):
    folder[1](published())
    wanted = r"model\.safetensors: no such file"
    if length is None:
        folder[0].unlink()
    else:
        folder[0].write_bytes(folder[0].read_bytes()[:length])
        wanted = r"model\.safetensors: not a file of tensors"
    with pytest.raises(DataError, match=wanted):
        minilm()
