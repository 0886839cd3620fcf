"""From a dense text encoder to block-sparse int8 ones, each from the one before.

A level prunes along its ramp, then trains with frozen masks, then finishes with the weights and
activations rounded as the int8 engine rounds them. A dense encoder may be the teacher throughout.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from netwright.compress.block import BlockPruner, BlockSparsity
from netwright.errors import ConfigError
from netwright.models.text import TextEncoder
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.tasks.sentences import unpadded
from netwright.tasks.snippets import Sentence
from netwright.train import Callback, Checkpoint, Moment, Recipe, fit
from netwright.train.text import TEXT, pad, taught

QUANTIZED_FROM = 0.9
"""Share of the steps after which everything is rounded."""

CALIBRATION_SENTENCES = 256
"""Sentences on which the ranges of activations are observed."""


def sparsify_text(
    begin: TextEncoder,
    task: Task,
    *,
    schedule: BlockSparsity,
    recipe: Recipe = TEXT,
    teacher: TextEncoder | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: Checkpoint | Path | str | None = None,
    progress: Progress = silent,
) -> TextEncoder:
    """Prune, fine-tune and quantize a copy of an encoder.

    Args:
        begin: The trained encoder to start from, dense or less sparse.
        task: Sentences; see :func:`netwright.tasks.sentences.sentence_task`.
        schedule: What share of the blocks goes, and when.
        recipe: Settings of the training; the end is kept.
        teacher: The dense encoder, to distill from; see :func:`netwright.train.text.taught`.
        callbacks: What goes on besides, such as :class:`netwright.train.text.Vary`.
        checkpoint: Keeps where the training stands; an interrupted one goes on from there.
        progress: Told of every epoch, and of long ones each second.

    Returns:
        The fake-quantized sparse encoder; its masked weights are zero.

    Raises:
        ConfigError: The teacher does not fit, the recipe keeps another epoch than the last, or
            sentences without a class have no teacher.
        DataError: R does not divide the outputs of an operator.
        NumericsError: A weight or the loss is not finite.
        RunError: The checkpoint cannot be read, or belongs to another training.
    """
    if recipe.keep != "last":
        raise ConfigError(
            f'keep must be "last", not "{recipe.keep}": before the end blocks are left that go'
        )
    model = copy.deepcopy(begin)
    model.set_quantized("off")
    model.forget_ranges()
    sample = sample_of(task)
    always = schedule.sparsity == schedule.start == 0
    beside: list[Callback] = [Rounding(sample, begin=0.0 if always else QUANTIZED_FROM)]
    if schedule.sparsity > 0:
        known = spreads(model, sample) if schedule.score == "output" else None
        beside.insert(0, BlockPruner(model.linears(), schedule, spreads=known))
    fit(
        model,
        task,
        None if teacher is None else taught(teacher),
        recipe,
        [*callbacks, *beside],
        checkpoint=checkpoint,
        progress=progress,
    )
    return model


def sample_of(task: Task) -> list[Sentence]:
    """The sentences on which the ranges of activations are observed."""
    return unpadded(task.train.take(slice(CALIBRATION_SENTENCES)).arrays)


class Rounding(Callback):
    """Rounds the weights and activations of a :class:`TextEncoder` from a share of the steps on.

    Args:
        sentences: On which the ranges of activations are observed.
        begin: The share, 0..1.
    """

    def __init__(self, sentences: Sequence[Sentence], *, begin: float = QUANTIZED_FROM) -> None:
        self.sentences, self.share = sentences, begin
        self.model: TextEncoder | None = None
        self.rounds = False

    @property
    def settings(self) -> str:
        """The share; the sentences are the task's."""
        return f"Rounding(begin={self.share}, sentences={len(self.sentences)})"

    def state_dict(self) -> dict[str, Tensor]:
        """Whether everything is rounded; the ranges are the model's."""
        return {"rounds": torch.tensor(self.rounds)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        self.rounds = bool(state["rounds"])
        if self.rounds and self.model is not None:  # by the ranges that were loaded with the model
            self.model.set_quantized("on")

    def begin(self, moment: Moment) -> None:
        """Take the model.

        Raises:
            ConfigError: It is no text encoder.
        """
        if not isinstance(moment.model, TextEncoder):
            raise ConfigError(
                f"the model, of the class {type(moment.model).__name__}, is no text encoder"
            )
        self.model, self.rounds = moment.model, False

    def before_step(self, moment: Moment) -> None:
        """Round from now on, if it is time."""
        if moment.share >= self.share and not self.rounds:
            self._round()

    def end(self, moment: Moment) -> None:
        """Observe the ranges for the last time."""
        self._round()

    def _round(self) -> None:
        assert self.model is not None
        observe(self.model, self.sentences)
        self.model.set_quantized("on")
        self.rounds = True


@torch.no_grad()
def observe(model: TextEncoder, sentences: Sequence[Sentence]) -> None:
    """Set the range of every activation to what these sentences need; leaves rounding off."""
    model.eval()
    model.forget_ranges()
    model.set_quantized("observe")
    for first in range(0, len(sentences), 32):
        model(*_padded(model, sentences[first : first + 32]))
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
            ids, mask = _padded(model, sentences[first : first + 32])
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


def _padded(model: TextEncoder, sentences: Sequence[Sentence]) -> tuple[Tensor, Tensor]:
    device = next(model.parameters()).device
    ids, mask = pad(sentences)
    return ids.to(device), mask.to(device)
