"""Small trainings of every kind, for what must hold of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import torch
from torch import nn

from netwright import compress, models
from netwright.compress import PruneDigits
from netwright.compress.block import BlockSparsity
from netwright.compress.sparse_text import sparsify_text
from netwright.formats import NM
from netwright.tasks import Task
from netwright.tasks.sentences import sentence_task
from netwright.train import (
    Calibrate,
    Callback,
    Checkpoint,
    Distill,
    DropFunctions,
    EarlyStop,
    Epoch,
    FreezeScales,
    History,
    KeepNM,
    LookupModel,
    LookupShape,
    Recipe,
    evaluate,
    fit,
)
from netwright.train.text import TEXT, Vary
from tests.texts import SHAPE, encoder, sentences
from tests.toys import clouds, line, quantized_mlp

Training = Callable[[Checkpoint | None, Sequence[Callback]], tuple[nn.Module, History]]
"""Trains a new model, with callbacks besides."""

TASK = clouds(120)


@cache
def teacher() -> nn.Module:
    model = models.mlp(TASK, hidden=(8,), seed=4)
    fit(model, TASK, recipe=Recipe(epochs=4, batch_size=32, learning_rate=1e-2))
    return model


def floating(
    checkpoint: Checkpoint | None, besides: Sequence[Callback]
) -> tuple[nn.Module, History]:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3)
    )
    recipe = Recipe(epochs=3, batch_size=32, seed=1)
    return model, fit(model, TASK, None, recipe, besides, checkpoint=checkpoint)


def quantized(
    checkpoint: Checkpoint | None, besides: Sequence[Callback]
) -> tuple[nn.Module, History]:
    model = quantized_mlp(TASK)
    recipe = Recipe(epochs=4, batch_size=32)
    history = fit(model, TASK, None, recipe, [Calibrate(), *besides], checkpoint=checkpoint)
    return model, history


def frozen(checkpoint: Checkpoint | None, besides: Sequence[Callback]) -> tuple[nn.Module, History]:
    model = quantized_mlp(TASK)
    callbacks = [Calibrate(epochs=2), FreezeScales(begin=0.6), *besides]
    return model, fit(
        model, TASK, None, Recipe(epochs=4, batch_size=32), callbacks, checkpoint=checkpoint
    )


def distilled(
    checkpoint: Checkpoint | None, besides: Sequence[Callback]
) -> tuple[nn.Module, History]:
    model = models.mlp(TASK, hidden=(4,), seed=1)
    recipe = Recipe(epochs=3, batch_size=32, optimizer="adamw", weight_decay=0.01, warmup=0.2)
    objective = Distill(teacher(), temperature=2.0)
    return model, fit(model, TASK, objective, recipe, besides, checkpoint=checkpoint)


def stopped(
    checkpoint: Checkpoint | None, besides: Sequence[Callback]
) -> tuple[nn.Module, History]:
    torch.manual_seed(0)
    model, task = nn.Linear(3, 2), line()
    recipe = Recipe(epochs=9, batch_size=32, learning_rate=5.0)
    callbacks = [EarlyStop(2), *besides]
    return model, fit(model, task, None, recipe, callbacks, checkpoint=checkpoint)


def pruned(checkpoint: Checkpoint | None, besides: Sequence[Callback]) -> tuple[nn.Module, History]:
    model = compress.apply(teacher(), plan(), TASK)
    recipe = Recipe(epochs=12, batch_size=16, learning_rate=4e-3)
    callbacks = [PruneDigits(0.6), Calibrate(epochs=3), *besides]
    return model, fit(model, TASK, None, recipe, callbacks, checkpoint=checkpoint)


def bidirectional(
    checkpoint: Checkpoint | None, besides: Sequence[Callback]
) -> tuple[nn.Module, History]:
    model = compress.apply(models.mlp(TASK, hidden=(8, 8), seed=4), plan((8, 8)), TASK)
    recipe = Recipe(epochs=4, batch_size=32, learning_rate=4e-3)
    callbacks = [KeepNM(NM(2, 4)), Calibrate(epochs=2), *besides]
    return model, fit(model, TASK, None, recipe, callbacks, checkpoint=checkpoint)


def permuted(
    checkpoint: Checkpoint | None, besides: Sequence[Callback]
) -> tuple[nn.Module, History]:
    model = models.mlp(TASK, hidden=(8, 16), seed=4)
    recipe = Recipe(epochs=3, batch_size=32, seed=1)
    callbacks = [KeepNM(NM(1, 4), method="bi-mask"), *besides]
    return model, fit(model, TASK, None, recipe, callbacks, checkpoint=checkpoint)


@cache
def plan(hidden: tuple[int, ...] = (8,)) -> compress.Plan:
    shapes = compress.layer_shapes(models.mlp(TASK, hidden=hidden), TASK.input_shape)
    return compress.uniform(shapes, weight_bits=5, activation_bits=5)


def tables(checkpoint: Checkpoint | None, besides: Sequence[Callback]) -> tuple[nn.Module, History]:
    model = LookupModel(6, 3, LookupShape(hidden=(4,), bits=(4, 4)), seed=2)
    recipe = Recipe(epochs=6, batch_size=16, learning_rate=0.02)
    callbacks = [DropFunctions(edges=0.5, fine=0.5), *besides]
    objective = Distill(teacher(), share=1.0)
    return model, fit(model, TASK, objective, recipe, callbacks, checkpoint=checkpoint)


def text(checkpoint: Checkpoint | None, besides: Sequence[Callback]) -> tuple[nn.Module, History]:
    model = encoder(3)
    recipe = replace(TEXT, epochs=3, batch_size=16, learning_rate=3e-3)
    return model, fit(model, sentence_rows(), None, recipe, besides, checkpoint=checkpoint)


def sparse(checkpoint: Checkpoint | None, besides: Sequence[Callback]) -> tuple[nn.Module, History]:
    recipe = replace(TEXT, epochs=6, batch_size=16, learning_rate=3e-3, precision="float32")
    model = sparsify_text(
        encoder(),
        sentence_rows(),
        schedule=BlockSparsity(0.7, score="taylor", every=3),
        recipe=recipe,
        teacher=encoder(1),
        callbacks=[Vary(splice=0.3, replace=0.1), *besides],
        checkpoint=checkpoint,
    )
    end = Epoch(recipe.epochs, 0.0, evaluate(model, sentence_rows()))
    return model, History((end,), end)


@cache
def sentence_rows() -> Task:
    others = sentences(16, seed=9)
    return sentence_task(sentences(32), others, others, shape=SHAPE)


TRAININGS: dict[str, tuple[Training, int]] = {
    "float": (floating, 12),
    "quantized": (quantized, 16),
    "frozen": (frozen, 16),
    "distilled": (distilled, 12),
    "stopped": (stopped, 8),
    "pruned": (pruned, 96),
    "bidirectional": (bidirectional, 16),
    "permuted": (permuted, 12),
    "tables": (tables, 48),
    "text": (text, 6),
    "sparse": (sparse, 12),
}
"""Trainings by name, each with its number of steps."""
