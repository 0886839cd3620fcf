from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from netwright.backends.cpu.encoders import build_engine, read_state
from netwright.compress.block import BlockSparsity
from netwright.compress.sparse_text import sparsify_text, spreads
from netwright.errors import ConfigError, RunError
from netwright.tasks import Task
from netwright.tasks.sentences import sentence_task
from netwright.train import Callback, Checkpoint, Moment, fit
from netwright.train.text import TEXT, pad, text_logits
from tests.texts import SHAPE, encoder, sentences

RECIPE = replace(TEXT, epochs=8, batch_size=16, learning_rate=3e-3, precision="float32")
SHORT = replace(RECIPE, epochs=1, learning_rate=5e-5)


def text_task(count: int) -> Task:
    others = sentences(16, seed=9)
    return sentence_task(sentences(count), others, others, shape=SHAPE)


class Interrupt(Callback):
    settings = ""

    def __init__(self, step: int) -> None:
        self.step = step

    def after_step(self, moment: Moment) -> None:
        if moment.step == self.step:
            raise InterruptedError


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
    fit(dense, text_task(96), recipe=RECIPE)
    before = {name: value.clone() for name, value in dense.state_dict().items()}
    shares = []
    sparse = sparsify_text(
        dense,
        text_task(96),
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
    words, steps = sentences(32)[0], []
    found = [
        sparsify_text(
            encoder(),
            text_task(32),
            schedule=BlockSparsity(0.5, every=1),
            recipe=SHORT,
            checkpoint=tmp_path / "sparse.pt",
            progress=lambda *step: steps.append(step),
        )
        for _ in range(2)
    ]
    assert len(steps) == 1
    np.testing.assert_array_equal(*(text_logits(model, words) for model in found))
    assert all(module.mode == "on" for model in found for module in grids(model))


def grids(model):
    return [module for module in model.modules() if hasattr(module, "symmetric")]


@pytest.mark.parametrize("step", [11, 41])
@pytest.mark.parametrize("score", ["magnitude", "taylor", "output"])
def test_an_interrupted_training_ends_like_a_whole_one(tmp_path, score, step):
    def train(checkpoint=None, callbacks=()):
        return sparsify_text(
            encoder(),
            text_task(32),
            schedule=BlockSparsity(0.7, score=score, every=3),
            recipe=replace(RECIPE, epochs=21),
            teacher=encoder(1),
            callbacks=callbacks,
            checkpoint=checkpoint,
        )

    checkpoint = Checkpoint(tmp_path / "a.pt", every_steps=1)
    with pytest.raises(InterruptedError):
        train(checkpoint, [Interrupt(step)])
    found, wanted = train(checkpoint).state_dict(), train().state_dict()
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert torch.equal(found[name], value), name


def test_a_checkpoint_of_another_schedule_is_refused(tmp_path):
    def train(schedule, begin=0):
        path = tmp_path / "a.pt"
        sparsify_text(
            encoder(begin), text_task(16), schedule=schedule, recipe=SHORT, checkpoint=path
        )

    train(BlockSparsity(0.5))
    for other in (
        BlockSparsity(0.6),
        BlockSparsity(0.5, block_rows=8),
        BlockSparsity(0.5, score="output"),
        BlockSparsity(0.5, ramp=0.4),
    ):
        message = f"a.pt: was written by another training: callbacks {BlockSparsity(0.5)!r}"
        with pytest.raises(RunError, match=re.escape(message)):
            train(other)
    with pytest.raises(RunError, match="another model to start from"):
        train(BlockSparsity(0.5), begin=3)


def test_ranges_that_are_not_used_do_not_make_another_training(tmp_path):
    path, begin = tmp_path / "a.pt", encoder()
    options = {"schedule": BlockSparsity(0.5), "recipe": SHORT, "checkpoint": path}
    first = sparsify_text(begin, text_task(16), **options)
    begin.layers[0].grids["input"].high.fill_(2.0)
    second = sparsify_text(begin, text_task(16), **options)
    assert torch.equal(first.classifier.weight, second.classifier.weight)


def test_a_training_of_few_steps_reaches_its_sparsity():
    sparse = sparsify_text(
        encoder(),
        text_task(32),
        schedule=BlockSparsity(0.75, ramp=1.0, every=25),
        recipe=SHORT,
    )
    masks = [linear.mask for linear in sparse.linears().values()]
    zeros = sum(int((~mask).sum()) for mask in masks) / sum(mask.numel() for mask in masks)
    assert zeros == pytest.approx(0.75, abs=1e-3)


def test_only_the_end_can_be_kept():
    recipe = replace(SHORT, keep="best")
    with pytest.raises(ConfigError, match='keep must be "last", not "best"'):
        sparsify_text(encoder(), text_task(16), schedule=BlockSparsity(0.5), recipe=recipe)
