"""Functions and lowest bits of a network of tables that go while it is trained."""

from __future__ import annotations

import itertools
import math
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
from netwright.train.lookup_luts import function_luts, num_luts
from netwright.train.losses import Loss, find_loss
from netwright.train.ramp import Ramp

PRUNING_ROWS = 4096
"""Rows of the training split on which functions are judged."""

RAMP_SHARE = 0.6
"""Share of the steps in which functions and bits are dropped; the rest is fine-tuning."""

_CHOICES = 40
"""How often they are dropped."""

_ROUNDS = 8
"""How often in one choice it is found anew what keeps a budget of LUTs."""


class DropFunctions(Callback):
    """Drops functions of a :class:`LookupModel` along the ramp of Zhu and Gupta (2017).

    At every choice those functions go whose absence would change the loss least, by the mean
    squared gradient of their sum times the function's deviation from its mean (optimal brain
    damage, LeCun et al. 1990). The functions that stay learn to make up for their means. In the
    same way those of the first layer are chosen that leave out the lowest bit of their code, which
    halves their table.

    With a budget of LUTs those go, or lose their lowest bit, whose absence changes the loss least
    for every LUT that it saves; see :func:`num_luts`.

    Args:
        edges: Share of the functions that stay, above 0 and at most 1.
        fine: Share of the first layer's remaining functions that read every bit of their code,
            0 to 1.
        luts: LUTs of six inputs that the network may take instead, 1 or more.

    Raises:
        ConfigError: A share or the budget is out of range, or both are given; at the beginning, if
            the model is no network of tables.
    """

    model: LookupModel
    inputs: Tensor
    targets: Tensor
    loss: Loss

    def __init__(self, *, edges: float = 1.0, fine: float = 1.0, luts: float | None = None) -> None:
        if not 0 < edges <= 1:
            raise ConfigError(f"edges must be above 0 and at most 1, not {edges}")
        if not 0 <= fine <= 1:
            raise ConfigError(f"fine must be from 0 to 1, not {fine}")
        if luts is not None and not 1 <= luts < math.inf:
            raise ConfigError(f"luts must be 1 or more, not {luts}")
        if luts is not None and min(edges, fine) < 1:
            raise ConfigError("a budget of LUTs says what stays", hint="leave out edges and fine")
        self.edges, self.fine, self.luts = edges, fine, luts
        self.choices, self.number, self.started = 0, 0, 0.0
        self.settles_at = RAMP_SHARE if min(edges, fine) < 1 or luts is not None else 0.0

    @property
    def settings(self) -> str:
        """The shares, or the budget."""
        if self.luts is not None:
            return f"DropFunctions(luts={self.luts})"
        return f"DropFunctions(edges={self.edges}, fine={self.fine})"

    def state_dict(self) -> dict[str, Tensor]:
        """How often functions were dropped; which are left is told by the model."""
        return {
            "choices": torch.tensor(self.choices),
            "started": torch.tensor(self.started, dtype=torch.float64),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        self.choices = int(state["choices"])
        self.started = float(state["started"])

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
        self.started = num_luts(self.model)

    def after_step(self, moment: Moment) -> None:
        """Drop what has to go by now; behind the ramp what grew beyond the budget meanwhile."""
        if self.luts is not None and moment.ends_epoch and moment.share > RAMP_SHARE:
            self._save_luts(self.luts)
        due = min(int(moment.share / RAMP_SHARE * _CHOICES), _CHOICES)
        if self.settles_at == 0 or due <= self.choices:
            return
        self.choices, done = due, due / _CHOICES
        if self.luts is not None:
            self._save_luts(Ramp(self.started, self.luts).at(done))
            return
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
        _drop_useless(layers)

    def _save_luts(self, budget: float) -> None:
        """Drop functions, and lowest bits in the first layer, until the budget is kept.

        A function that goes may take others with it, or make a neuron cheaper, so it is done in
        several rounds, the worth of what is left found anew in each.
        """
        layers = self.model.tables()
        for _ in range(_ROUNDS):
            surplus = num_luts(self.model) - budget
            if surplus <= 0:
                return
            worth, saves = [], []
            for number, use in enumerate(self._uses()):
                given, own = use.given(), function_luts(use.layer)
                cost = own.clamp_min(0.5)
                lost = use.worth(given - given.mean(dim=0)) / cost
                worth.append(torch.where(use.layer.kept > 0, lost, torch.inf))
                saves.append(own)
                if number == 0:
                    lost = given - use.given(without_lowest_bit(use.layer.functions().detach()))
                    saved = own - function_luts(use.layer, coarse=True)
                    may = use.layer.kept * use.layer.fine * (saved > 0) > 0
                    coarser = torch.where(may, use.worth(lost) / saved, torch.inf)
                    coarser_saves = saved
            self._take(surplus, [*worth, coarser], [*saves, coarser_saves])
            _drop_useless(layers)

    def _take(self, surplus: float, worth: list[Tensor], saves: list[Tensor]) -> None:
        """Take what is worth least for every LUT, in the functions of the layers and in bits."""
        every = torch.cat([values.flatten() for values in worth])
        order = every.argsort()
        saved = torch.cat([values.flatten() for values in saves])[order].cumsum(0)
        count = min(int((saved < surplus).sum()) + 1, int(every.isfinite().sum()))
        limit = every[order[count - 1]]
        first = self.model.tables()[0]
        with torch.no_grad():
            coarser = worth[-1] <= limit
            first.fine.mul_(~(coarser & (worth[0] > limit)))
            for layer, values in zip(self.model.tables(), worth[:-1], strict=True):
                layer.kept.mul_(values > limit)

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


def _drop_useless(layers: list[TableLayer]) -> None:
    """Drop the functions of neurons that nobody reads, and those that read what never changes."""
    with torch.no_grad():
        for before, after in zip(reversed(layers[:-1]), reversed(layers[1:]), strict=True):
            before.kept.mul_(after.kept.any(dim=1).float()[None, :])
        for before, after in itertools.pairwise(layers):
            after.kept.mul_(before.kept.any(dim=0).float()[:, None])


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
