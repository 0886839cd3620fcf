"""Bayesian optimization of a machine's settings by BoTorch, without and with a model of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netwright.errors import require
from netwright.tasks.beam_plant import nominal_response
from netwright.tasks.beam_search import Objective


@dataclass(frozen=True, slots=True)
class Bayesian:
    """A Gaussian process over the settings, and the point of the largest expected improvement.

    Attributes:
        model: Whether the mean before any reading is what the drawn response matrix says; else it
            is a constant.
        reach: Settings from minus to plus so many units are searched.
        first: Points that are drawn before the process decides.
    """

    model: bool = False
    reach: float = 15.0
    first: int = 3

    def __call__(self, objective: Objective, seed: int) -> None:
        """Search until the objective ends it.

        Raises:
            Finished: The objective has ended the search.
            MissingExtra: BoTorch is not installed.
        """
        botorch = require("botorch", extra="beam", purpose="Bayesian optimization")
        random = np.random.default_rng(seed)
        count = objective.plant.line.num_correctors
        mean = self._mean(objective) if self.model else None
        points = [np.zeros(count), *random.uniform(-1, 1, (self.first, count)) / self.reach]
        values: list[float] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            while True:
                values.append(objective(points[len(values)] * self.reach))
                if len(values) == len(points):
                    points.append(_next(botorch, np.array(points), np.array(values), mean))

    def _mean(self, objective: Objective) -> Any:
        """RMS that the drawn matrix predicts for settings, from the first readings."""
        gpytorch = require("gpytorch", extra="beam", purpose="Bayesian optimization")
        response = torch.from_numpy(nominal_response(objective.plant.line) * self.reach)
        readings = torch.from_numpy(objective.readings)

        class ModelMean(gpytorch.means.Mean):  # type: ignore[misc, name-defined]
            def forward(self, x: Tensor) -> Tensor:
                return -torch.sqrt(torch.mean((readings + x @ response.T) ** 2, dim=-1) + 1e-6)

        return ModelMean()


def _next(botorch: Any, points: Any, values: Any, mean: Any) -> Any:
    """The point of the largest expected improvement of minus the RMS, in shares of the reach."""
    from botorch.acquisition.analytic import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.optim.optimize import optimize_acqf
    from gpytorch.mlls import ExactMarginalLogLikelihood

    x, y = torch.from_numpy(points), -torch.from_numpy(values)[:, None]
    process = botorch.models.SingleTaskGP(x, y, mean_module=mean, outcome_transform=None)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(process.likelihood, process))
    bounds = torch.tensor([[-1.0], [1.0]], dtype=torch.float64).repeat(1, points.shape[1])
    found, _ = optimize_acqf(
        LogExpectedImprovement(process, best_f=y.max()), bounds, q=1, num_restarts=2,
        raw_samples=64,
    )  # fmt: skip
    return found[0].numpy()
