"""Training of networks of tables, while functions and lowest bits are dropped."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import ConfigError
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train.lookup import (
    LookupModel,
    TableLayer,
    codes_with_gradients,
    without_lowest_bit,
)
from netwright.train.loop import fit

PRUNING_ROWS = 4096
"""Rows of the training split on which functions are judged."""

RAMP_SHARE = 0.6
"""Share of the steps in which functions and bits are dropped; the rest is fine-tuning."""

_CHOICES = 40
"""How often they are dropped."""


def fit_tables(
    model: LookupModel,
    task: Task,
    *,
    edges: float = 1.0,
    fine: float = 1.0,
    epochs: int = 40,
    batch_size: int = 512,
    learning_rate: float = 0.02,
    seed: int = 0,
    teacher: nn.Module | None = None,
    teacher_share: float = 1.0,
    progress: Progress = silent,
) -> None:
    """Train `model` in place while functions are dropped along the ramp of Zhu and Gupta (2017).

    At every choice those functions go whose absence would change the loss least, by the mean
    squared gradient of their sum times the function's deviation from its mean (optimal brain
    damage, LeCun et al. 1990). The functions that stay learn to make up for their means. In the
    same way those of the first layer are chosen that leave out the lowest bit of their code, which
    halves their table.

    Args:
        model: The network; see :class:`LookupModel`.
        task: Data and score; see :meth:`netwright.tasks.Task.windowed`.
        edges: Share of the functions that stay, above 0 and at most 1.
        fine: Share of the first layer's remaining functions that read every bit of their code,
            0 to 1.
        epochs: Passes over the training split.
        batch_size: Rows in one step.
        learning_rate: Peak learning rate.
        seed: Seed of the shuffling.
        teacher: See :func:`netwright.train.fit`.
        teacher_share: Likewise.
        progress: Told of every epoch.

    Raises:
        ConfigError: A share or a setting of the training is out of range.
    """
    if not 0 < edges <= 1:
        raise ConfigError(f"edges must be above 0 and at most 1, not {edges}")
    if not 0 <= fine <= 1:
        raise ConfigError(f"fine must be from 0 to 1, not {fine}")
    dropper = _Dropper(model, task, edges, fine) if min(edges, fine) < 1 else None
    fit(
        model, task, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed,
        teacher=teacher, teacher_share=teacher_share, after_step=dropper, progress=progress,
        keep_from=1 if dropper is None else min(int(epochs * RAMP_SHARE) + 2, epochs),
    )  # fmt: skip


class _Dropper:
    """Drops functions and lowest bits; called after every step."""

    def __init__(self, model: LookupModel, task: Task, edges: float, fine: float) -> None:
        self.model, self.edges, self.fine, self.choices = model, edges, fine, 0
        self.inputs = torch.from_numpy(task.train.inputs[:PRUNING_ROWS])
        self.labels = torch.from_numpy(task.train.targets[:PRUNING_ROWS])
        self.number = model.num_edges

    def __call__(self, done: float) -> None:
        due = min(int(done / RAMP_SHARE * _CHOICES), _CHOICES)
        if due <= self.choices:
            return
        self.choices = due
        left = (1 - due / _CHOICES) ** 3
        surplus = self.model.num_edges - round((self.edges + (1 - self.edges) * left) * self.number)
        if surplus > 0:
            self._drop(surplus)
        layer = self.model.tables()[0]
        reading = int((layer.kept * layer.fine).sum())
        wanted = round((self.fine + (1 - self.fine) * left) * float(layer.kept.sum()))
        if reading > wanted:
            self._coarsen(reading - wanted)

    def _drop(self, surplus: int) -> None:
        """Drop so many functions, and those that then serve nothing."""
        worth = [
            torch.where(use.layer.kept > 0, use.worth(given - given.mean(dim=0)), torch.inf)
            for use in self._uses()
            for given in (use.given(),)
        ]
        everything = torch.cat([values.flatten() for values in worth])
        limit = everything.kthvalue(surplus).values
        layers = self.model.tables()
        with torch.no_grad():
            for layer, values in zip(layers, worth, strict=True):
                layer.kept.mul_(values > limit)
            for before, after in zip(reversed(layers[:-1]), reversed(layers[1:]), strict=True):
                before.kept.mul_(after.kept.any(dim=1).float()[None, :])

    def _coarsen(self, surplus: int) -> None:
        """Take the lowest bit from so many functions of the first layer."""
        use = self._uses()[0]
        layer = use.layer
        lost = use.given() - use.given(without_lowest_bit(layer.functions().detach()))
        worth = torch.where(layer.kept * layer.fine > 0, use.worth(lost), torch.inf)
        with torch.no_grad():
            layer.fine.mul_(worth > worth.flatten().kthvalue(surplus).values)

    def _uses(self) -> list[_Use]:
        """How every layer is used by the rows on which functions are judged."""
        codes, uses = self.model.input_codes(self.inputs), []
        layers, bits = self.model.tables(), self.model.shape.bits
        for number, layer in enumerate(layers):
            sums = layer(codes)
            sums.retain_grad()
            uses.append(_Use(layer, codes.detach().long() - layer.first, sums))
            if number + 1 < len(bits):
                codes = codes_with_gradients(sums, bits[number + 1])
        self.model.zero_grad(set_to_none=True)
        functional.cross_entropy(sums, self.labels, reduction="sum").backward()
        self.model.zero_grad(set_to_none=True)
        return uses


@dataclass(frozen=True, slots=True, eq=False)
class _Use:
    """What a layer reads and gives for some rows, after a backward pass.

    Attributes:
        layer: The layer.
        places: Places of the codes in the tables, (rows, inputs).
        sums: What it gives, with gradients, (rows, outputs).
    """

    layer: TableLayer
    places: Tensor
    sums: Tensor

    def given(self, functions: Tensor | None = None) -> Tensor:
        """What every function gives, the layer's own or others, (rows, inputs, outputs)."""
        table = self.layer.functions().detach() if functions is None else functions
        return table[torch.arange(table.shape[0]), self.places]

    def worth(self, lost: Tensor) -> Tensor:
        """By how much the loss would change without these parts of the sums, (inputs, outputs)."""
        assert self.sums.grad is not None
        return (lost * self.sums.grad[:, None, :]).square().mean(dim=0)
