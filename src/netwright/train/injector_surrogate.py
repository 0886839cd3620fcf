"""A network in the place of the injector's envelope, fitted to samples of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import nn

from netwright import models, tasks
from netwright.tasks.base import Scaling
from netwright.tasks.beam_optics import Array
from netwright.tasks.injector import KNOBS, Response, draw_injectors, transmission
from netwright.train.fitting import fit
from netwright.train.prediction import evaluate, predict
from netwright.train.recipe import Recipe

HIDDEN = (64, 64)


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the diagnostics show by a network; it goes to other processes.

    Attributes:
        network: Takes what machines differ in, and settings.
        scaling: Of both.
    """

    network: nn.Module
    scaling: Scaling

    def __call__(self, machines: Array, settings: Array) -> Array:
        """Currents, (machines, 2); see :data:`netwright.tasks.injector.Response`."""
        said = predict(self.network, self.scaling.scaled(np.hstack([machines, settings])))
        before = np.clip(said[:, 0], 0.0, 1.0)
        return np.stack([before, np.clip(said[:, 1], 0.0, before)], axis=1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Surrogate:
    """A fitted network.

    Attributes:
        response: What the diagnostics show, as the environment takes it.
        error: Root of the mean squared error on samples that it was not fitted to.
    """

    response: Response
    error: float


def fit_surrogate(
    samples: int = 20_000, *, epochs: int = 30, hidden: tuple[int, ...] = HIDDEN, seed: int = 0
) -> Surrogate:
    """Fit a network to samples of the envelope at random machines and settings.

    Args:
        samples: How many.
        epochs: Passes over them.
        hidden: Widths of the network.
        seed: Of samples and network.
    """
    random = np.random.default_rng(seed)
    machines = draw_injectors(samples, random)
    settings = random.uniform(-1, 1, (samples, len(KNOBS)))
    rows = np.hstack([machines, settings])
    task = tasks.from_arrays(
        rows, transmission(machines, settings), values=True, loss="mse", score="rmse", seed=seed
    )
    network = models.mlp(task, hidden=hidden, seed=seed)
    fit(network, task, recipe=Recipe(epochs=epochs, batch_size=64, learning_rate=5e-3, seed=seed))
    (scaling,) = task.scaling.values()

    return Surrogate(Fitted(network, scaling), evaluate(network, task))
