"""Searching for settings of a machine without a policy: the objective, and Nelder-Mead."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from netwright.errors import ConfigError, require
from netwright.tasks.beam_line import Machines
from netwright.tasks.beam_optics import Array, Flags
from netwright.tasks.beam_plant import AffinePlant, Plant, rms
from netwright.tasks.beam_process import Rules


class Finished(Exception):
    """The machine is corrected, or all steps are used."""


class Objective:
    """The RMS of the readings of one machine at any settings, which takes steps to reach.

    Args:
        plant: One machine.
        rules: ``steps`` is the budget; a step changes a setting by at most ``stride``.
        seed: Of the noise of the monitors.

    Attributes:
        steps: Steps that were used.
        best: Settings of the least RMS.
        readings: What the monitors said first, with all correctors at zero, in mm.
        success: Whether the RMS fell below the limit of success.
    """

    def __init__(self, plant: Plant, rules: Rules, *, seed: int) -> None:
        if len(plant) != 1:
            raise ConfigError(f"a search is of one machine, not {len(plant)}")
        self.plant, self.rules, self.steps = plant, rules, 0
        self._random = np.random.default_rng(seed)
        self._at = np.zeros(plant.line.num_correctors)
        self.readings = plant.read(self._at[None], self._random)[0]
        self.best, self._least = self._at.copy(), float(rms(self.readings))
        self.success = False

    def __call__(self, settings: Array) -> float:
        """Go to the settings and read.

        Raises:
            Finished: The machine is corrected, or the budget is used.
        """
        rules = self.rules
        wanted = np.clip(settings, -rules.limit, rules.limit)
        distance = float(np.abs(wanted - self._at).max())
        self.steps += max(1, math.ceil(distance / rules.stride - 1e-9))
        if self.steps > rules.steps:
            self.steps = rules.steps
            raise Finished
        self._at = wanted
        found = float(rms(self.plant.read(wanted[None], self._random)[0]))
        if found < self._least:
            self.best, self._least = wanted.copy(), found
        if found < rules.success_mm:
            self.success = True
            raise Finished
        return found


Finder = Callable[[Objective, int], None]
"""Calls an objective until it raises :class:`Finished`; the number is a seed."""


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """What searches found, one for each machine.

    Attributes:
        last_mm: RMS of the orbit at the best settings.
        steps: Steps that were used.
        success: Whether the readings fell below the limit of success.
    """

    last_mm: Array
    steps: Array
    success: Flags

    def share_below(self, limit_mm: float) -> float:
        """Return the share of machines of which the last RMS is below a limit."""
        return float(np.mean(self.last_mm < limit_mm))


def search_orbits(
    machines: Machines,
    find: Finder,
    *,
    plant: Callable[[Machines], Plant] = AffinePlant,
    rules: Rules | None = None,
    seed: int = 0,
) -> Searches:
    """Search on machines one after the other.

    Args:
        machines: The machines.
        find: The search.
        plant: What tracks the beam.
        rules: Constants; ``steps`` is the budget.
        seed: Of the noise, and of the search.
    """
    rules = Rules() if rules is None else rules
    last, steps, success = [], [], []
    for number in range(len(machines)):
        one = plant(machines.take(slice(number, number + 1)))
        objective = Objective(one, rules, seed=seed + number)
        with suppress(Finished):
            find(objective, seed + number)
        last.append(float(rms(one.orbit(objective.best[None]))[0]))
        steps.append(float(objective.steps))
        success.append(objective.success)
    return Searches(np.array(last), np.array(steps), np.array(success, dtype=np.bool_))


SIMPLEX = 2.0
"""Size of the first simplex, in setting units."""


def nelder_mead(objective: Objective, seed: int) -> None:
    """Search by the simplex of Nelder and Mead, as SciPy has it, from all correctors at zero.

    Raises:
        Finished: The objective has ended the search.
        MissingExtra: SciPy is not installed.
    """
    optimize = require("scipy.optimize", extra="solve", purpose="the Nelder-Mead search")
    start = np.zeros(objective.plant.line.num_correctors)
    simplex = np.vstack([start, SIMPLEX * np.eye(len(start))])
    optimize.minimize(
        objective, start, method="Nelder-Mead",
        options={"initial_simplex": simplex, "adaptive": True, "maxiter": 1_000_000,
                 "maxfev": 1_000_000, "xatol": 0.0, "fatol": 0.0},
    )  # fmt: skip
