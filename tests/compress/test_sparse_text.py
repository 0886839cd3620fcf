from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from netwright.backends.cpu import build_engine, read_state
from netwright.compress.block import BlockSparsity
from netwright.compress.sparse_text import sparsify_text, spreads
from netwright.errors import RunError
from netwright.progress import silent
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
        progress=lambda done, total, text: shares.append(done / total),
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
            progress=lambda *step: steps.append(step),
        )
        for _ in range(2)
    ]
    assert len(steps) == 2
    np.testing.assert_array_equal(*(text_logits(model, words) for model in found))


@pytest.mark.parametrize("epoch", [6, 21])
@pytest.mark.parametrize("score", ["magnitude", "taylor", "output"])
def test_an_interrupted_training_ends_like_a_whole_one(tmp_path, score, epoch):
    words, labels = sentences(32)

    def train(checkpoint=None, progress=silent):
        return sparsify_text(
            encoder(),
            words,
            labels,
            schedule=BlockSparsity(0.7, score=score, every=3),
            recipe=TextRecipe(epochs=21, batch_size=16, learning_rate=3e-3, half=False),
            teacher=encoder(1),
            checkpoint=checkpoint,
            progress=progress,
        )

    def stop(done, total, text):
        if text.startswith(f"epoch {epoch}:"):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(tmp_path / "a.pt", stop)
    steps = []
    found = train(str(tmp_path / "a.pt"), lambda *step: steps.append(step)).state_dict()
    assert steps[0][2].startswith(f"epoch {epoch}:")
    wanted = train().state_dict()
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name


def test_a_checkpoint_of_another_schedule_is_refused(tmp_path):
    words, labels = sentences(16)

    def train(schedule, begin=0):
        recipe = TextRecipe(epochs=1, batch_size=16, half=False)
        path = tmp_path / "a.pt"
        sparsify_text(
            encoder(begin), words, labels, schedule=schedule, recipe=recipe, checkpoint=path
        )

    train(BlockSparsity(0.5))
    for other in (
        BlockSparsity(0.6),
        BlockSparsity(0.5, block_rows=8),
        BlockSparsity(0.5, score="output"),
        BlockSparsity(0.5, ramp=0.4),
    ):
        message = f"a.pt: was written by a training with {BlockSparsity(0.5)!r}"
        with pytest.raises(RunError, match=re.escape(message)):
            train(other)
    with pytest.raises(RunError, match="with another model to start from"):
        train(BlockSparsity(0.5), begin=3)


def test_a_training_of_few_steps_reaches_its_sparsity():
    words, labels = sentences(32)
    sparse = sparsify_text(
        encoder(),
        words,
        labels,
        schedule=BlockSparsity(0.75, ramp=1.0, every=25),
        recipe=TextRecipe(epochs=1, batch_size=16, half=False),
    )
    masks = [linear.mask for linear in sparse.linears().values()]
    zeros = sum(int((~mask).sum()) for mask in masks) / sum(mask.numel() for mask in masks)
    assert zeros == pytest.approx(0.75, abs=1e-3)
