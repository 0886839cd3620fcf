from __future__ import annotations

import numpy as np
import torch

from netwright.backends.cpu import build_engine, float_logits, read_state
from netwright.compress.sparse_text import observe
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
