from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.backends.cpu import build_engine, read_state
from netwright.compress.block import BlockSparsity
from netwright.compress.sparse_text import sparsify_text, spreads
from netwright.train.text import TextRecipe, fit_text, pad, text_logits
from tests.texts import SHAPE, encoder, sentences

RECIPE = TextRecipe(epochs=8, batch_size=16, learning_rate=3e-3, half=False)


def test_spreads_count_no_padding():
    model, words = encoder(), sentences(70)[0]
    found = spreads(model, words)
    assert found.keys() == model.linears().keys()
    states = [model.hidden_states(*pad([sentence]))[0][0] for sentence in words]
    inputs = torch.cat(states).detach()
    query = model.linears()["encoder.layer.1.attention.self.query"]
    whole = query(inputs).var(dim=0).mean().sqrt()
    wanted = inputs.std(dim=0) / whole
    torch.testing.assert_close(found["encoder.layer.1.attention.self.query"], wanted)


@pytest.mark.parametrize("score", ["magnitude", "output"])
def test_a_sparse_int8_encoder_keeps_its_accuracy(tmp_path, score):
    words, labels = sentences(96)
    dense = encoder()
    fit_text(dense, words, labels, recipe=RECIPE)
    before = {name: value.clone() for name, value in dense.state_dict().items()}
    shares = []
    sparse = sparsify_text(
        dense,
        words,
        labels,
        schedule=BlockSparsity(0.7, score=score, every=3),
        recipe=RECIPE,
        teacher=dense,
        checkpoint=tmp_path / "sparse.pt",
        on_step=lambda step: shares.append(step.share),
    )
    assert shares[-1] == 1.0
    for name, value in dense.state_dict().items():
        assert (value == before[name]).all()
    state = {name: value.numpy() for name, value in sparse.state_dict().items()}
    engine = build_engine(read_state(state, SHAPE), way="sparse")
    weights = sum(choice.sparsity for choice in engine.choices) / len(engine.choices)
    assert 0.6 < weights < 0.8
    found = engine(words)
    assert (found.argmax(1) == labels).mean() > 0.8
    assert (found.argmax(1) == text_logits(sparse, words).argmax(1)).mean() > 0.95


def test_a_finished_training_is_read_back(tmp_path):
    words, labels = sentences(32)
    recipe = TextRecipe(epochs=1, batch_size=16, half=False)
    steps = []
    found = [
        sparsify_text(
            encoder(),
            words,
            labels,
            schedule=BlockSparsity(0.5, every=1),
            recipe=recipe,
            checkpoint=tmp_path / "sparse.pt",
            on_step=steps.append,
        )
        for _ in range(2)
    ]
    assert len(steps) == 2
    np.testing.assert_array_equal(*(text_logits(model, words) for model in found))
