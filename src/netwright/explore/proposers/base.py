"""What proposes points: one protocol for samplers, evolution and learned policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np

from netwright.explore.parameter import Point
from netwright.explore.space import Space
from netwright.explore.trial import Trial


class Proposer(Protocol):
    """Proposes points. Its options are the fields of a frozen dataclass.

    What it proposes depends on its arguments alone, in every process: not on the time, on the
    number of workers, or on calls before. It may remember what it made of a history whose
    continuation it gets next.

    Attributes:
        packages: Packages on whose versions proposals depend.
    """

    packages: ClassVar[tuple[str, ...]]

    def propose(self, history: Sequence[Trial], space: Space, count: int, seed: int) -> list[Point]:
        """The next points, each of the space; fewer than `count`, or none, if there are no more.

        Args:
            history: The trials of all finished batches by number.
            space: What is searched.
            count: How many.
            seed: Of everything random.
        """


def stream(seed: int, *places: int) -> np.random.Generator:
    """Random numbers that depend on a seed and some places, and on nothing else."""
    return np.random.default_rng([seed, *places])
