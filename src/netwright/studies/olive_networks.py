"""Networks of the study ``olive`` and what they say, each made once and kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from netwright.backends import encoders
from netwright.compress import (
    Choice,
    Plan,
    by_pattern,
    module_shapes,
    quantize_module,
)
from netwright.files import write_npz
from netwright.models import TextEncoder, minilm
from netwright.reading import read_arrays
from netwright.studies.study import Context
from netwright.tasks import Task, encode_texts, movie_snippets, sentence_task
from netwright.train import TEXT, Recipe, fit, predict, taught

SEEDS = (0, 1, 2)
LAYERS = ("encoder.*",)
"""Every linear operator of every layer; embeddings, norms, attention and the classifier stay."""

REFERENCE = replace(TEXT, epochs=3, learning_rate=1e-4)
TUNING = replace(TEXT, epochs=1, learning_rate=5e-5)
REAL, TUNED, PAIRS = "fp32", "W4A4 outlier, trained on", "W4A4 outlier"
ANT = "mse(numbers=int-or-flint)"
FOUR = ("absmax", "mse", ANT, "outlier", "outlier(rule=left)", "hadamard", "mx", "nvfp4")
PLANS = {
    **{f"W4A4 {name}": (Choice(name, 4), Choice(name, 4)) for name in FOUR},
    **{f"W4A16 {name}": (Choice(name, 4), Choice("half", 16)) for name in FOUR},
    **{f"W8A8 {name}": (Choice(name, 8), Choice(name, 8)) for name in ("absmax", "mse", "outlier")},
}
"""Quantizers of weights and of what they multiply, by contestant."""

TINY = encoders.EncoderShape(
    hidden=32, layers=2, heads=2, intermediate=64, vocabulary=200, positions=24
)


@cache
def snippets() -> Task:
    """The movie snippets as word pieces."""
    texts, tokenizer = movie_snippets(), encoders.minilm_folder() / "tokenizer.json"
    parts = (texts.train, texts.validation, texts.test)
    train, validation, test = ((encode_texts(p.texts, tokenizer), p.targets) for p in parts)
    return sentence_task(
        train, validation, test, shape=minilm().shape, name="snippets", classes=texts.classes,
        card=texts.card,
    )  # fmt: skip


@cache
def reference(folder: Path, seed: int) -> TextEncoder:
    """MiniLM-L6, fine-tuned in floating point."""
    model, recipe = minilm(seed=seed), replace(REFERENCE, seed=seed)
    fit(model, snippets(), recipe=recipe, checkpoint=folder / f"seed-{seed}-dense.pt")
    return model


def plan_of(model: nn.Module, task: Task, contestant: str) -> Plan:
    """The plan of a contestant: weights with a scale for each output, the rest with one."""
    shapes = module_shapes(model, task, LAYERS)
    return by_pattern(shapes, {"*": PLANS[contestant]}, scale="float", granularity="channel")


def quantized(folder: Path, seed: int, contestant: str) -> nn.Module:
    """The reference after a contestant's quantization, not trained further."""
    model = reference(folder, seed)
    return quantize_module(model, plan_of(model, snippets(), contestant), snippets())


def tuned(folder: Path, seed: int) -> nn.Module:
    """The outlier-victim pairs after quantization-aware training, with the reference as teacher."""
    model, teacher = quantized(folder, seed, PAIRS), reference(folder, seed)
    recipe = replace(TUNING, seed=seed)
    fit(model, snippets(), taught(teacher), recipe, checkpoint=folder / f"seed-{seed}-tuned.pt")
    return model


def right(context: Context, contestant: str, seeds: Sequence[int] = SEEDS) -> NDArray[np.bool_]:
    """Which test snippets a contestant gets right, (seeds, snippets); logits are kept on disk."""
    found = []
    for seed in seeds:
        path = context.folder / "logits" / f"seed-{seed} {contestant}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            model = _network(context.folder, seed, contestant)
            write_npz(path, {"logits": predict(model, snippets().test.arrays)})
        found.append(read_arrays(path)["logits"].argmax(axis=1) == snippets().test.targets)
    return np.stack(found)


def _network(folder: Path, seed: int, contestant: str) -> nn.Module:
    if contestant == REAL:
        return reference(folder, seed)
    return tuned(folder, seed) if contestant == TUNED else quantized(folder, seed, contestant)


def tiny_task(seed: int = 0) -> Task:
    """Made-up sentences: which of two words occurs."""
    random = np.random.default_rng(seed)
    parts = []
    for rows in (256, 64, 256):
        words = [random.integers(3, TINY.vocabulary, n) for n in random.integers(4, 24, rows)]
        labels = random.integers(0, 2, rows)
        for sentence, label in zip(words, labels, strict=True):
            sentence[random.integers(len(sentence))] = 1 + label
        parts.append(([sentence.astype(np.int32) for sentence in words], labels))
    return sentence_task(*parts, shape=TINY)


@cache
def tiny_encoder() -> TextEncoder:
    """A small encoder that learned them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = TextEncoder(TINY)
    fit(model, tiny_task(), recipe=Recipe(epochs=3, learning_rate=3e-3, batch_size=32))
    return model


def subject(context: Context) -> tuple[TextEncoder, Task]:
    """The encoder whose formats are chosen, and its task."""
    if context.profile == "smoke":
        return tiny_encoder(), tiny_task()
    return reference(context.folder, SEEDS[0]), snippets()
