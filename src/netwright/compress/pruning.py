"""Pruning while training: signed digits of weights that are worth less than they cost are dropped.

In an unrolled design a weight is a sum of shifted copies of its input, one for each signed digit
that is not zero, and every copy takes an adder. So digits are what is pruned: a weight with none
left is zero, one with a single digit is a power of two. The number of digits falls along the cubic
ramp of Zhu and Gupta (2017, equation 1). At every choice those digits go that would raise the loss
least for each bit that their input adds: the diagonal second-order estimate of optimal brain damage
(LeCun et al. 1990), with the mean squared gradient for the curvature. All layers compete.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from netwright.compress.conversion import apply
from netwright.compress.plan import Plan
from netwright.errors import ConfigError
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train import (
    Calibrate,
    Callback,
    Checkpoint,
    Moment,
    Objective,
    QuantLayer,
    QuantModel,
    Ramp,
    Recipe,
    fit,
)
from netwright.train.layers import as_stored, outputs_first
from netwright.train.straight_through import MOST_DIGITS, limit_digits

RAMP_SHARE = 0.6
"""Share of the steps in which digits are dropped; the rest is fine-tuning."""

_EVERY = 20
"""Steps between two choices."""

_MEMORY = 0.99
"""Of the mean squared gradient, for each step."""

_CALIBRATIONS = 5
"""Epochs after which scales are chosen anew. Later, when most weights are gone, the scales of what
the others make would shrink with every calibration, and training would settle for the clipping."""


PRUNING = Recipe(epochs=60, batch_size=1024, learning_rate=4e-3)
"""How digits are pruned if nothing else is said."""


def prune(
    model: nn.Module,
    plan: Plan,
    task: Task,
    *,
    digits: float,
    objective: Objective | None = None,
    recipe: Recipe = PRUNING,
    checkpoint: Checkpoint | Path | str | None = None,
    progress: Progress = silent,
) -> QuantModel:
    """Apply `plan` to `model` and train the result while the digits of its weights are pruned.

    The epoch of best validation accuracy behind the ramp is kept. Neurons that nothing reads lose
    their weights, too.

    Args:
        model: The float model; it is not changed.
        plan: Widths of every layer.
        task: Data.
        digits: Signed digits that may stay, on average over all weights of the network; above 0 and
            at most 3.
        objective: What is made small; see :func:`netwright.train.fit`.
        recipe: Settings of the training.
        checkpoint: Where the training is kept.
        progress: Told of every epoch.

    Raises:
        ConfigError: The digits or a setting of the training are out of range.
    """
    pruning = PruneDigits(digits)
    calibrate = Calibrate(epochs=min(_CALIBRATIONS, recipe.epochs // 2))
    quantized = apply(model, plan, task)
    fit(
        quantized,
        task,
        objective,
        recipe,
        [pruning, calibrate],
        checkpoint=checkpoint,
        progress=progress,
    )
    return quantized


def integer_weights(model: QuantModel) -> list[Tensor]:
    """The integer weights of every dense layer, each (inputs, outputs)."""
    layers: list[QuantLayer] = list(model.quant_layers().values())
    return [layer.weight_codes().detach().t().to(torch.int64) for layer in layers]


class PruneDigits(Callback):
    """Limits how many digits each weight of a :class:`~netwright.train.QuantModel` may have.

    Args:
        digits: See :func:`prune`.

    Raises:
        ConfigError: The digits are out of range; at the beginning, if the model is not quantized.
    """

    settles_at = RAMP_SHARE

    def __init__(self, digits: float) -> None:
        if not 0 < digits <= MOST_DIGITS:
            raise ConfigError(f"digits must be above 0 and at most {MOST_DIGITS}, not {digits}")
        self.wanted_mean = digits
        self.layers: list[QuantLayer] = []
        self.squares: list[Tensor] = []
        self.digits: list[Tensor] = []
        self.wanted = self.start = 0.0
        self.steps = 0
        self.ended = False

    @property
    def settings(self) -> str:
        """The digits that may stay."""
        return f"PruneDigits({self.wanted_mean})"

    def state_dict(self) -> dict[str, Tensor]:
        """Digits and mean squared gradients of every weight, and how far the ramp is."""
        return {
            **{f"squares.{i}": square for i, square in enumerate(self.squares)},
            **{f"digits.{i}": limits for i, limits in enumerate(self.digits)},
            **{
                f"limits.{i}": layer.weight_quantizer.digits
                for i, layer in enumerate(self.layers)
                if layer.weight_quantizer.digits is not None
            },
            "start": torch.tensor(self.start, dtype=torch.float64),
            "steps": torch.tensor(self.steps),
            "ended": torch.tensor(self.ended),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        for i, layer in enumerate(self.layers):
            self.squares[i] = state[f"squares.{i}"].to(self.squares[i])
            self.digits[i] = state[f"digits.{i}"].to(self.digits[i])
            limits = state.get(f"limits.{i}")
            layer.weight_quantizer.set_digits(None if limits is None else limits.clone())
        self.start, self.steps = float(state["start"]), int(state["steps"])
        self.ended = bool(state["ended"])

    def begin(self, moment: Moment) -> None:
        """Take the layers of the model."""
        if not isinstance(moment.model, QuantModel):
            raise ConfigError(
                f"the model, of the class {type(moment.model).__name__}, has no digits to prune",
                hint="train a quantized model: netwright.compress.apply",
            )
        self.take(moment.model)

    def take(self, model: QuantModel) -> None:
        """Start anew with the layers of a model."""
        self.layers = list(model.quant_layers().values())
        self.sources = list(model.sources().values())
        weights = [layer.weight for layer in self.layers]
        self.squares = [torch.zeros_like(weight) for weight in weights]
        self.digits = [torch.full_like(weight, MOST_DIGITS) for weight in weights]
        self.wanted = self.wanted_mean * sum(weight.numel() for weight in weights)
        self.start, self.steps, self.ended = self.wanted, 0, False

    @torch.no_grad()
    def after_step(self, moment: Moment) -> None:
        """Remember the gradients; at times, drop digits."""
        if self.ended:
            return
        for layer, square in zip(self.layers, self.squares, strict=True):
            if layer.layer.weight.grad is not None:
                gradient = outputs_first(layer.layer, layer.layer.weight.grad)
                square.lerp_(gradient.square(), 1 - _MEMORY)
        self.steps += 1
        self.ended = moment.share > RAMP_SHARE
        if self.ended or self.steps % _EVERY == 0:
            self._choose(moment.share)

    def end(self, moment: Moment) -> None:
        """Make the limited weights the weights, so that nothing needs to limit them any more."""
        self.settle()

    def _choose(self, share: float) -> None:
        """Drop the digits of least worth until the ramp's number stays."""
        used = [self._used(i) for i in range(len(self.layers))]
        total = float(sum(values.sum() for values in used))
        if self.steps <= _EVERY:
            self.start = max(total, self.wanted)
        surplus = int(total - Ramp(self.start, self.wanted, until=RAMP_SHARE).at(share))
        while surplus > 0:
            worth = [self._worth(i, used[i]) for i in range(len(self.layers))]
            everything = torch.cat([values.flatten() for values in worth])
            most = everything.kthvalue(min(surplus, int(everything.isfinite().sum()))).values
            for i, values in enumerate(worth):
                used[i] = torch.where(values <= most, used[i] - 1, used[i])
                self.digits[i] = torch.where(values <= most, used[i], self.digits[i])
            surplus -= int((everything <= most).sum())
        self._drop_unread(used)
        for i, layer in enumerate(self.layers):
            limits = torch.minimum(used[i], self.digits[i]) if self.ended else self.digits[i]
            layer.weight_quantizer.set_digits(limits)

    def _codes(self, i: int) -> Tensor:
        quantizer, weight = self.layers[i].weight_quantizer, self.layers[i].weight
        dtype = quantizer.spec.dtype
        return (weight / quantizer.step(weight)).round().clamp(dtype.min, dtype.max)

    def _limited(self, i: int, digits: Tensor) -> Tensor:
        largest = self.layers[i].weight_quantizer.spec.dtype.max
        return limit_digits(self._codes(i), digits, largest)

    def _used(self, i: int) -> Tensor:
        """Digits that the codes of a layer have now."""
        found, number = self._limited(i, self.digits[i]), torch.zeros_like(self.digits[i])
        for count in range(1, MOST_DIGITS + 1):
            fewer = torch.full_like(number, count - 1)
            differs = self._limited(i, torch.minimum(fewer, self.digits[i])) != found
            number = torch.where(differs, torch.full_like(number, count), number)
        return number

    def _worth(self, i: int, used: Tensor) -> Tensor:
        """What the last digit of every weight is worth; infinite where there is none."""
        layer = self.layers[i]
        lost = self._limited(i, used) - self._limited(i, (used - 1).clamp_min(0))
        lost = lost * layer.weight_quantizer.step(lost)
        worth = lost.square() * self.squares[i] / self.sources[i].spec.dtype.bits
        return torch.where(used > 0, worth, torch.full_like(worth, torch.inf))

    def _drop_unread(self, used: list[Tensor]) -> None:
        """Take the digits from neurons that no later layer reads."""
        for i in range(len(used) - 1, 0, -1):
            made, read = used[i - 1], used[i]
            if made.ndim == read.ndim == 2 and read.shape[1] == len(made):
                unread = ~(read > 0).any(dim=0)
                used[i - 1] = torch.where(unread[:, None], torch.zeros_like(made), made)
                self.digits[i - 1] = torch.where(
                    unread[:, None], torch.zeros_like(made), self.digits[i - 1]
                )

    @torch.no_grad()
    def settle(self) -> None:
        """Write the limited weights into the layers, and limit them no more."""
        for layer in self.layers:
            weight, quantizer = layer.weight, layer.weight_quantizer
            limited = quantizer.codes(weight) * quantizer.scale_like(weight)
            layer.layer.weight.copy_(as_stored(layer.layer, limited))
            quantizer.set_digits(None)
