"""From a dense text encoder to block-sparse int8 ones, each from the one before.

A level prunes along its ramp, then trains with frozen masks, then finishes with the weights and
activations rounded as the int8 engine rounds them. A dense encoder may be the teacher throughout.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.compress.block import BlockPruner, BlockSparsity, bake
from netwright.models.text import TextEncoder
from netwright.tasks.snippets import Sentence
from netwright.train.text import TextRecipe, TextStep, fit_text, pad

QUANTIZED_FROM = 0.9
"""Share of the steps after which everything is rounded."""

CALIBRATION_SENTENCES = 256
"""Sentences on which the ranges of activations are observed."""


def sparsify_text(
    begin: TextEncoder,
    sentences: Sequence[Sentence],
    labels: NDArray[np.int64],
    *,
    schedule: BlockSparsity,
    recipe: TextRecipe,
    teacher: TextEncoder | None = None,
    checkpoint: Path | None = None,
    on_step: Callable[[TextStep], None] | None = None,
) -> TextEncoder:
    """Prune, fine-tune and quantize a copy of an encoder.

    Args:
        begin: The trained encoder to start from, dense or less sparse.
        sentences: Word pieces of the training sentences.
        labels: Their classes, (rows,).
        schedule: What share of the blocks goes, and when.
        recipe: Settings of the training.
        teacher: The dense encoder, to distill from; see :func:`netwright.train.text.fit_text`.
        checkpoint: Written after every epoch; an interrupted training goes on from there.
        on_step: Called after every step.

    Returns:
        The fake-quantized sparse encoder; its masked weights are zero.

    Raises:
        DataError: R does not divide the outputs of an operator.
        NumericsError: A weight or the loss is not finite.
        RunError: The checkpoint does not fit.
    """
    model = copy.deepcopy(begin)
    model.set_quantized("off")
    sample = list(sentences[:CALIBRATION_SENTENCES])
    pruner = BlockPruner(
        model.linears(),
        schedule,
        spreads=spreads(model, sample) if schedule.score == "output" else None,
    )
    quantized = schedule.sparsity == schedule.start == 0

    def before(share: float) -> None:
        nonlocal quantized
        if share >= QUANTIZED_FROM and not quantized:
            quantized = True
            observe(model, sample)
            model.set_quantized("on")

    def after(step: TextStep) -> None:
        if schedule.sparsity > 0:
            pruner.after_step(step.step, step.share, recipe.learning_rate)
        if on_step is not None:
            on_step(step)

    if quantized:
        observe(model, sample)
        model.set_quantized("on")
    fit_text(
        model,
        sentences,
        labels,
        recipe=recipe,
        teacher=teacher,
        before_step=before,
        after_step=after,
        checkpoint=checkpoint,
    )
    bake(model.linears())
    observe(model, sample)
    model.set_quantized("on")
    return model


@torch.no_grad()
def observe(model: TextEncoder, sentences: Sequence[Sentence]) -> None:
    """Set the range of every activation to what these sentences need; leaves rounding off."""
    model.eval()
    for name, buffer in model.named_buffers():
        if name.endswith((".low", ".high")):
            buffer.zero_()
    model.set_quantized("observe")
    for first in range(0, len(sentences), 32):
        model(*pad(sentences[first : first + 32]))
    model.set_quantized("off")
    model.train()


@torch.no_grad()
def spreads(model: TextEncoder, sentences: Sequence[Sentence]) -> dict[str, Tensor]:
    """The standard deviation of each input of each operator over that of its output, (inputs,).

    Padding is not counted.
    """
    model.eval()
    rows: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in model.linears()}
    present: list[Tensor] = []

    def keep(name: str) -> Callable[[object, tuple[Tensor, ...], Tensor], None]:
        def hook(_: object, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            rows[name].append((inputs[0][present[-1]], output[present[-1]]))

        return hook

    hooks = [linear.register_forward_hook(keep(name)) for name, linear in model.linears().items()]
    try:
        for first in range(0, len(sentences), 32):
            ids, mask = pad(sentences[first : first + 32])
            present.append(mask)
            model(ids, mask)
    finally:
        for hook in hooks:
            hook.remove()
    model.train()
    found = {}
    for name, pairs in rows.items():
        inputs, outputs = (torch.cat(group) for group in zip(*pairs, strict=True))
        whole = outputs.var(dim=0).mean().sqrt().clamp_min(1e-12)
        found[name] = inputs.std(dim=0) / whole
    return found
