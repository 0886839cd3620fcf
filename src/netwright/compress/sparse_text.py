"""From a dense text encoder to block-sparse int8 ones, each from the one before.

A level prunes along its ramp, then trains with frozen masks, then finishes with the weights and
activations rounded as the int8 engine rounds them. A dense encoder may be the teacher throughout.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from netwright.compress.block import BlockPruner, BlockSparsity, bake
from netwright.models.text import TextEncoder
from netwright.progress import Progress, silent
from netwright.tasks.snippets import Sentence
from netwright.train.text import TextRecipe, TextStep, check_texts, fit_text, pad

QUANTIZED_FROM = 0.9
"""Share of the steps after which everything is rounded."""

CALIBRATION_SENTENCES = 256
"""Sentences on which the ranges of activations are observed."""

_MEAN = "mean."
"""Before the names of the means of scores in a checkpoint."""


def sparsify_text(
    begin: TextEncoder,
    sentences: Sequence[Sentence],
    labels: ArrayLike,
    *,
    schedule: BlockSparsity,
    recipe: TextRecipe,
    teacher: TextEncoder | None = None,
    checkpoint: Path | str | None = None,
    progress: Progress = silent,
) -> TextEncoder:
    """Prune, fine-tune and quantize a copy of an encoder.

    Args:
        begin: The trained encoder to start from, dense or less sparse.
        sentences: Word pieces of the training sentences.
        labels: Their classes, (rows,), as in :func:`netwright.train.text.fit_text`.
        schedule: What share of the blocks goes, and when.
        recipe: Settings of the training.
        teacher: The dense encoder, to distill from; see :func:`netwright.train.text.fit_text`.
        checkpoint: Written after every epoch; an interrupted training goes on from there.
        progress: Told of every step.

    Returns:
        The fake-quantized sparse encoder; its masked weights are zero.

    Raises:
        ConfigError: The teacher does not fit, or sentences are to be varied without one.
        DataError: R does not divide the outputs of an operator, or sentences or labels are not
            accepted.
        NumericsError: A weight or the loss is not finite.
        RunError: The checkpoint cannot be read, or belongs to a training with another schedule or
            recipe, or with other sentences, labels, teacher or encoder to start from.
    """
    check_texts(begin, sentences, labels, teacher)
    model = copy.deepcopy(begin)
    model.set_quantized("off")
    sample = list(sentences[:CALIBRATION_SENTENCES])
    beside = _Beside(model, sample, schedule)

    def after(step: TextStep) -> None:
        beside.after_step(step, recipe.learning_rate)
        progress(step.step, step.steps, f"epoch {step.epoch}: loss {step.loss:.4f}")

    fit_text(
        model,
        sentences,
        labels,
        recipe=recipe,
        teacher=teacher,
        before_step=beside.before_step,
        after_step=after,
        companion=beside,
        checkpoint=checkpoint,
    )
    if schedule.sparsity > 0:
        beside.pruner.check_complete()
    bake(model.linears())
    observe(model, sample)
    model.set_quantized("on")
    return model


class _Beside:
    """What goes on beside a training: blocks go along the schedule, then everything is rounded."""

    def __init__(
        self, model: TextEncoder, sample: Sequence[Sentence], schedule: BlockSparsity
    ) -> None:
        self.model = model
        self.sample = sample
        self.schedule = schedule
        self.pruner = BlockPruner(
            model.linears(),
            schedule,
            spreads=spreads(model, sample) if schedule.score == "output" else None,
        )
        self.quantized = False
        self.quantized_from = 0.0 if schedule.sparsity == schedule.start == 0 else QUANTIZED_FROM

    @property
    def settings(self) -> str:
        return self.pruner.settings

    def state_dict(self) -> dict[str, Tensor]:
        means = {f"{_MEAN}{name}": mean for name, mean in self.pruner.state_dict().items()}
        return {"quantized": torch.tensor(self.quantized), **means}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.pruner.load_state_dict(
            {
                name.removeprefix(_MEAN): mean
                for name, mean in state.items()
                if name.startswith(_MEAN)
            }
        )
        self.quantized = bool(state["quantized"])
        if self.quantized:  # by the ranges that were loaded with the model
            self.model.set_quantized("on")

    def before_step(self, share: float) -> None:
        if share >= self.quantized_from and not self.quantized:
            self.quantized = True
            observe(self.model, self.sample)
            self.model.set_quantized("on")

    def after_step(self, step: TextStep, learning_rate: float) -> None:
        if self.schedule.sparsity > 0:
            self.pruner.after_step(step.step, step.share, learning_rate)


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
