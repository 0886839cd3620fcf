"""Functions and lowest bits of a network of tables that go while it is trained."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.errors import ConfigError
from netwright.train.batches import Batch, Rows
from netwright.train.callbacks import Callback, Moment
from netwright.train.lookup import LookupModel, TableLayer, without_lowest_bit
from netwright.train.lookup_luts import code_luts, function_luts, num_luts
from netwright.train.objective import Objective
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

    At every choice those functions go whose absence would change the objective least, by the mean
    squared gradient of their sum times the function's deviation from its mean (optimal brain
    damage, LeCun et al. 1990). The functions that stay learn to make up for their means. In the
    same way those of the first layer are chosen that leave out the lowest bit of their code, which
    halves their table.

    With a budget of LUTs those go, or lose their lowest bit, whose absence changes the objective
    least for every LUT that it saves; see :func:`num_luts`. So do the lowest bits of inputs that
    become codes by a table, down to those whose bits are the code.

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
    objective: Objective
    batch: Batch

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
        rows = torch.arange(min(PRUNING_ROWS, len(moment.task.train)))
        self.batch = Rows(moment.task.train, device).batch(rows)
        self.objective, self.number = moment.objective, self.model.num_edges
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
        """Drop functions and lowest bits until the budget is kept.

        A function that goes may take others with it, or make a neuron cheaper, so it is done in
        several rounds, the worth of what is left found anew in each.
        """
        for _ in range(_ROUNDS):
            surplus = num_luts(self.model) - budget
            if surplus <= 0:
                return
            uses = self._uses()
            savings = [_functions(use) for use in uses]
            savings += [_lowest_bits(uses[0]), *self._input_bits(uses[0])]
            _take(surplus, savings)
            _drop_useless(self.model.tables())

    def _input_bits(self, use: _Use) -> Iterator[_Saving]:
        """The lowest bits of inputs that become codes by tables."""
        model, layer = self.model, use.layer
        if model.shape.input_bits is None:
            return
        values, given = model.input_places(*self.batch.arrays.values()), use.given()
        functions = layer.functions().detach()
        now, reads = code_luts(model), model.input_reads
        lost, saved = torch.full_like(now, torch.inf), torch.zeros_like(now)
        for feature in range(len(now)):
            if reads[feature] <= layer.bits or not layer.kept[feature].any():
                continue
            codes = model.coarser_codes(feature)[values[:, feature]].long()
            change = given[:, feature] - functions[feature, codes]
            reads[feature] -= 1
            saved[feature] = now[feature] - code_luts(model)[feature]
            reads[feature] += 1
            lost[feature] = use.changed(change) / saved[feature]

        def take(chosen: Tensor) -> None:
            for feature in chosen.nonzero().flatten().tolist():
                model.read_less(feature)

        yield _Saving(lost, saved, take)

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
        uses: list[_Use] = []

        def note(layer: nn.Module, given: tuple[Tensor], sums: Tensor) -> None:
            assert isinstance(layer, TableLayer)
            sums.retain_grad()
            uses.append(_Use(layer, given[0].detach().long() - layer.first, sums))

        hooks = [layer.register_forward_hook(note) for layer in self.model.tables()]
        try:
            loss = self.objective(self.model, self.batch)
        finally:
            for hook in hooks:
                hook.remove()
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        self.model.zero_grad(set_to_none=True)
        return uses


@dataclass(frozen=True, slots=True, eq=False)
class _Saving:
    """Things that may go.

    Attributes:
        worth: By how much the objective would change for every LUT that is saved; infinite for
            what cannot go.
        saves: LUTs that are saved.
        take: Takes those of a mask.
    """

    worth: Tensor
    saves: Tensor
    take: Callable[[Tensor], None]


def _functions(use: _Use) -> _Saving:
    """The functions of a layer."""
    layer, given, luts = use.layer, use.given(), function_luts(use.layer)
    lost = use.worth(given - given.mean(dim=0)) / luts.clamp_min(0.5)
    return _Saving(torch.where(layer.kept > 0, lost, torch.inf), luts, _clearing(layer.kept))


def _lowest_bits(use: _Use) -> _Saving:
    """The lowest bits of the codes that the functions of a layer read."""
    layer = use.layer
    lost = use.given() - use.given(without_lowest_bit(layer.functions().detach()))
    saved = function_luts(layer) - function_luts(layer, coarse=True)
    may = layer.kept * layer.fine * (saved > 0) > 0
    return _Saving(
        torch.where(may, use.worth(lost) / saved, torch.inf), saved, _clearing(layer.fine)
    )


def _clearing(marks: Tensor) -> Callable[[Tensor], None]:
    def take(chosen: Tensor) -> None:
        marks.masked_fill_(chosen, 0)

    return take


def _take(surplus: float, savings: list[_Saving]) -> None:
    """Take what is worth least for every LUT until so many are saved."""
    every = torch.cat([saving.worth.flatten() for saving in savings])
    order = every.argsort()
    saved = torch.cat([saving.saves.flatten() for saving in savings])[order].cumsum(0)
    count = min(int((saved < surplus).sum()) + 1, int(every.isfinite().sum()))
    limit = every[order[count - 1]]
    for saving in savings:
        saving.take((saving.worth <= limit) & saving.worth.isfinite())


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

    def changed(self, change: Tensor) -> Tensor:
        """The same for a change of several sums at a time, (rows, outputs)."""
        assert self.sums.grad is not None
        return (change * self.sums.grad).sum(dim=1).square().mean()
