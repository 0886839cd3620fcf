"""How a training is done: every setting of the loop that is not the objective."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from netwright.errors import ConfigError
from netwright.faults import closest
from netwright.tasks.split import check_seed

Optimizer = Literal["adam", "adamw"]
Schedule = Literal["cosine", "linear", "constant"]
Precision = Literal["float32", "bfloat16"]
Device = Literal["cpu", "cuda", "auto"]
Keep = Literal["best", "last"]
Order = Literal["shuffled", "by-length"]

_FIRST = 0.01
"""Share of the learning rate with which a warm-up begins."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of a training.

    Attributes:
        epochs: Passes over the training rows.
        batch_size: Rows in one step, over all devices together.
        learning_rate: Peak learning rate.
        optimizer: ``"adam"``, or ``"adamw"`` for weight decay apart from the gradients.
        weight_decay: Of the optimizer.
        schedule: How the learning rate falls to zero behind the warm-up: along a cosine, along a
            line, or not at all.
        warmup: Share of the steps in which the learning rate rises to its peak.
        max_norm: Gradients are scaled down to this norm; none if ``None``.
        seed: Seed of the order of the rows, and of all that the model draws, such as dropout. A
            result is reproducible for a given number of threads and kind of device.
        precision: ``"bfloat16"`` computes products in it and keeps weights and losses in float32.
        device: Where it runs; ``"auto"`` takes a GPU where there is one.
        devices: How many devices share the rows of every step.
        keep: ``"best"`` keeps the epoch of the best validation score, of equal ones the last;
            ``"last"`` keeps the end.
        keep_from: First epoch that may be kept as the best one.
        batches: How rows are put together: anyhow, or rows of about equal length for padded ones.

    Raises:
        ConfigError: A setting is out of range; all of them are listed.
    """

    epochs: int = 20
    batch_size: int = 512
    learning_rate: float = 2e-3
    optimizer: Optimizer = "adam"
    weight_decay: float = 0.0
    schedule: Schedule = "cosine"
    warmup: float = 0.0
    max_norm: float | None = None
    seed: int = 0
    precision: Precision = "float32"
    device: Device = "cpu"
    devices: int = 1
    keep: Keep = "best"
    keep_from: int = 1
    batches: Order = "shuffled"

    def __post_init__(self) -> None:
        check_seed(self.seed)
        faults = [
            f"{name} must be {accepted}, not {getattr(self, name)!r}"
            for name, accepted, fits in (
                ("epochs", "1 or more", _whole(self.epochs)),
                ("batch_size", "1 or more", _whole(self.batch_size)),
                ("learning_rate", "above 0 and below 10", _between(self.learning_rate, 0, 10)),
                ("weight_decay", "0 or more", 0 <= self.weight_decay < math.inf),
                ("warmup", "0 or more and below 1", 0 <= self.warmup < 1),
                ("max_norm", "above 0, or None", self.max_norm is None or self.max_norm > 0),
                ("devices", "1 or more", _whole(self.devices)),
                (
                    "keep_from",
                    f"from 1 to {self.epochs}, the number of epochs",
                    _whole(self.keep_from) and self.keep_from <= self.epochs,
                ),
            )
            if not fits
        ]
        faults += self._choice_faults()
        if faults:
            raise ConfigError(faults)

    def with_settings(self, settings: Mapping[str, Any]) -> Recipe:
        """This recipe with some settings changed, by name.

        Raises:
            ConfigError: There is no such setting, or one is out of range.
        """
        names = tuple(item.name for item in fields(self))
        for name in settings:
            if name not in names:
                raise ConfigError(
                    f'a recipe has no setting "{name}"{closest(name, names)}',
                    hint=f"settings: {', '.join(names)}",
                )
        return replace(self, **settings)

    def _choice_faults(self) -> list[str]:
        hints = get_type_hints(type(self))
        found = []
        for item in fields(self):
            accepted = get_args(hints[item.name])
            value = getattr(self, item.name)
            if accepted and isinstance(accepted[0], str) and value not in accepted:
                listed = ", ".join(f'"{choice}"' for choice in accepted)
                found.append(f"{item.name} must be one of {listed}, not {value!r}")
        return found


def _whole(value: int) -> bool:
    return isinstance(value, int) and value >= 1


def _between(value: float, low: float, high: float) -> bool:
    return low < value < high


def learning_rates(recipe: Recipe, steps: int) -> list[float]:
    """The learning rate of every step.

    A cosine without warm-up has the very values of torch's ``CosineAnnealingLR``.

    >>> [round(rate, 3) for rate in learning_rates(Recipe(learning_rate=1.0), 4)]
    [1.0, 0.854, 0.5, 0.146]
    """
    peak, warmup = recipe.learning_rate, recipe.warmup
    if recipe.schedule == "cosine":
        rising = round(warmup * steps)
        return [peak * _risen(at / steps, warmup) for at in range(rising)] + _cosine(
            peak, steps - rising
        )
    falling = recipe.schedule == "linear"
    return [
        peak
        * min(
            _risen(at / steps, warmup),
            (1 - at / steps) / (1 - warmup) if falling else 1.0,
            1.0,
        )
        for at in range(steps)
    ]


def _risen(share: float, warmup: float) -> float:
    return share / warmup + _FIRST if warmup else 1.0


def _cosine(peak: float, steps: int) -> list[float]:
    """Every rate from the one before, as torch computes it, so that no bit differs."""
    rates = [peak]
    for at in range(1, steps):
        ratio = (1 + math.cos(math.pi * at / steps)) / (1 + math.cos(math.pi * (at - 1) / steps))
        rates.append(ratio * rates[-1])
    return rates[:steps]
