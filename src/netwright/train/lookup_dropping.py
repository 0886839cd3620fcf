"""Functions and lowest bits of a network of tables that go while it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from netwright.errors import ConfigError
from netwright.train.callbacks import Callback, Moment
from netwright.train.lookup import (
    LookupModel,
    TableLayer,
    codes_with_gradients,
    without_lowest_bit,
)
from netwright.train.losses import Loss, find_loss
from netwright.train.ramp import Ramp

PRUNING_ROWS = 4096
"""Rows of the training split on which functions are judged."""

RAMP_SHARE = 0.6
"""Share of the steps in which functions and bits are dropped; the rest is fine-tuning."""

_CHOICES = 40
"""How often they are dropped."""


class DropFunctions(Callback):
    """Drops functions of a :class:`LookupModel` along the ramp of Zhu and Gupta (2017).

    At every choice those functions go whose absence would change the loss least, by the mean
    squared gradient of their sum times the function's deviation from its mean (optimal brain
    damage, LeCun et al. 1990). The functions that stay learn to make up for their means. In the
    same way those of the first layer are chosen that leave out the lowest bit of their code, which
    halves their table.

    Args:
        edges: Share of the functions that stay, above 0 and at most 1.
        fine: Share of the first layer's remaining functions that read every bit of their code,
            0 to 1.

    Raises:
        ConfigError: A share is out of range; at the beginning, if the model is no network of
            tables.
    """

    model: LookupModel
    inputs: Tensor
    targets: Tensor
    loss: Loss

    def __init__(self, *, edges: float = 1.0, fine: float = 1.0) -> None:
        if not 0 < edges <= 1:
            raise ConfigError(f"edges must be above 0 and at most 1, not {edges}")
        if not 0 <= fine <= 1:
            raise ConfigError(f"fine must be from 0 to 1, not {fine}")
        self.edges, self.fine, self.choices, self.number = edges, fine, 0, 0
        self.settles_at = RAMP_SHARE if min(edges, fine) < 1 else 0.0

    @property
    def settings(self) -> str:
        """The shares."""
        return f"DropFunctions(edges={self.edges}, fine={self.fine})"

    def state_dict(self) -> dict[str, Tensor]:
        """How often functions were dropped; which are left is told by the model."""
        return {"choices": torch.tensor(self.choices)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        self.choices = int(state["choices"])

    def begin(self, moment: Moment) -> None:
        """Take the model, and the rows on which its functions are judged."""
        if not isinstance(moment.model, LookupModel):
            raise ConfigError(
                f"the model, of the class {type(moment.model).__name__}, has no functions to drop",
                hint="train a netwright.train.LookupModel",
            )
        self.model, self.choices = moment.model, 0
        device = next(moment.model.parameters()).device
        rows = moment.task.train.take(slice(PRUNING_ROWS))
        self.inputs = torch.from_numpy(rows.inputs).to(device)
        self.targets = torch.from_numpy(rows.targets).to(device)
        self.loss, self.number = find_loss(moment.task.loss), self.model.num_edges

    def after_step(self, moment: Moment) -> None:
        """Drop what has to go by now."""
        due = min(int(moment.share / RAMP_SHARE * _CHOICES), _CHOICES)
        if self.settles_at == 0 or due <= self.choices:
            return
        self.choices, done = due, due / _CHOICES
        wanted = round(Ramp(1, self.edges).at(done) * self.number)
        if self.model.num_edges > wanted:
            self._drop(self.model.num_edges - wanted)
        layer = self.model.tables()[0]
        reading = int((layer.kept * layer.fine).sum())
        wanted = round(Ramp(1, self.fine).at(done) * float(layer.kept.sum()))
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
        self.loss(sums, self.targets).backward()
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
