"""Pruning while training: signed digits of weights that are worth less than they cost are dropped.

In an unrolled design a weight is a sum of shifted copies of its input, one for each signed digit
that is not zero, and every copy takes an adder. So digits are what is pruned: a weight with none
left is zero, one with a single digit is a power of two. The number of digits falls along the cubic
ramp of Zhu and Gupta (2017, equation 1). At every choice those digits go that would raise the loss
least for each bit that their input adds: the diagonal second-order estimate of optimal brain damage
(LeCun et al. 1990), with the mean squared gradient for the curvature. All layers compete.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netwright.compress.conversion import apply
from netwright.compress.plan import Plan
from netwright.errors import ConfigError
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train import QuantLayer, QuantModel, fit
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


def prune(
    model: nn.Module,
    plan: Plan,
    task: Task,
    *,
    digits: float,
    epochs: int = 60,
    batch_size: int = 1024,
    learning_rate: float = 4e-3,
    teacher: nn.Module | None = None,
    seed: int = 0,
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
        epochs: Passes over the training split.
        batch_size: Rows in one step.
        learning_rate: Peak learning rate.
        teacher: See :func:`netwright.train.fit`.
        seed: Seed of the shuffling.
        progress: Told of every epoch.

    Raises:
        ConfigError: The digits or a setting of the training are out of range.
    """
    if not 0 < digits <= MOST_DIGITS:
        raise ConfigError(f"digits must be above 0 and at most {MOST_DIGITS}, not {digits}")
    quantized = apply(model, plan, task)
    pruner = _Pruner(quantized, digits)
    fit(
        quantized,
        task,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        teacher=teacher,
        after_step=pruner,
        keep_from=min(int(epochs * RAMP_SHARE) + 2, epochs),
        calibrations=min(_CALIBRATIONS, epochs // 2),
        progress=progress,
    )
    pruner.settle()
    return quantized


def integer_weights(model: QuantModel) -> list[Tensor]:
    """The integer weights of every dense layer, each (inputs, outputs)."""
    layers: list[QuantLayer] = list(model.quant_layers().values())
    return [layer.weight_codes().detach().t().to(torch.int64) for layer in layers]


class _Pruner:
    """How many digits each weight may have; called after every step."""

    def __init__(self, model: QuantModel, digits: float) -> None:
        self.layers = list(model.quant_layers().values())
        weights = [layer.layer.weight for layer in self.layers]
        self.squares = [torch.zeros_like(weight) for weight in weights]
        self.digits = [torch.full_like(weight, MOST_DIGITS) for weight in weights]
        self.wanted = digits * sum(weight.numel() for weight in weights)
        self.start = self.wanted
        self.steps = 0
        self.ended = False

    @torch.no_grad()
    def __call__(self, done: float) -> None:
        if self.ended:
            return
        for layer, square in zip(self.layers, self.squares, strict=True):
            if layer.layer.weight.grad is not None:
                square.lerp_(layer.layer.weight.grad.square(), 1 - _MEMORY)
        self.steps += 1
        self.ended = done > RAMP_SHARE
        if self.ended or self.steps % _EVERY == 0:
            self._choose(max(1 - done / RAMP_SHARE, 0.0) ** 3)

    def _choose(self, left: float) -> None:
        """Drop the digits of least worth until the ramp's number stays."""
        used = [self._used(i) for i in range(len(self.layers))]
        total = float(sum(values.sum() for values in used))
        if self.steps <= _EVERY:
            self.start = max(total, self.wanted)
        surplus = int(total - (self.wanted + (self.start - self.wanted) * left))
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
        quantizer, weight = self.layers[i].weight_quantizer, self.layers[i].layer.weight
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
        worth = lost.square() * self.squares[i] / layer.source.spec.dtype.bits
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
        """Make the limited weights the weights, so that nothing needs to limit them any more."""
        for layer in self.layers:
            weight, quantizer = layer.layer.weight, layer.weight_quantizer
            weight.copy_(quantizer.codes(weight) * quantizer.scale_like(weight))
            quantizer.set_digits(None)
