"""The integer program of widths: one pair of widths for every layer, neighbors linked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from netwright.compress.plan import Width
from netwright.errors import NumericsError, require
from netwright.solvers import Program as Integers
from netwright.solvers import Row, quiet

Reals = NDArray[np.float64]

_INFEASIBLE = 2
"""Status of ``scipy.optimize.milp``."""

_ROUNDING_NOISE = 1e-12
_STEPS = 10**9
"""Steps of the objective, and of each limit, in which a bound is proven."""

_SCALE = 1e3
"""Objectives and costs are scaled to this size: HiGHS' tolerances of 1e-6 are absolute."""


@dataclass(frozen=True)
class Program:
    """Variables: pair (layer, weight width, input width), one chosen for every layer.

    Neighbors are linked by equalities between sums of pairs, so the pairs are the one-hot products
    and the relaxation is the tight one of a chain.

    Attributes:
        pairs: The variables.
        links: Coefficients of the equalities, (equalities, variables).
        targets: Their right-hand sides.
    """

    pairs: tuple[tuple[int, Width, Width], ...]
    links: Reals
    targets: Reals

    @classmethod
    def of(
        cls,
        weight_bits: Sequence[Width],
        input_bits: Sequence[Sequence[Width]],
        *,
        tie: int | None,
    ) -> Program:
        """The program of a chain of layers.

        Args:
            weight_bits: Candidate widths of weights.
            input_bits: Candidate widths of what each layer reads.
            tie: What a layer reads is so many bits wider than the weights of the layer before;
                ``None`` if the two are independent.
        """
        count = len(input_bits)
        pairs = [(i, w, a) for i in range(count) for w in weight_bits for a in input_bits[i]]
        links = [[float(pair[0] == i) for pair in pairs] for i in range(count)]
        if tie is not None:
            plain = [w for w in weight_bits if isinstance(w, int)]
            links += [_tie(pairs, i, w, tie) for i in range(1, count) for w in plain]
        targets = [1.0] * count + [0.0] * (len(links) - count)
        return cls(tuple(pairs), np.array(links), np.array(targets))

    @property
    def layers(self) -> NDArray[np.int64]:
        """The layer of every variable."""
        return np.array([pair[0] for pair in self.pairs])

    def solve(
        self, objective: Reals, rows: Sequence[Reals], limits: Sequence[float]
    ) -> tuple[Reals, float] | None:
        """Chosen variables and a lower bound of the objective; ``None`` if nothing is feasible.

        HiGHS accepts rows that exceed a limit by its tolerance. Such a choice is excluded by a cut
        of its own and the program solved again, so that limits hold exactly.

        Args:
            objective: What to minimize, for every variable.
            rows: Cost of every variable, for each limit.
            limits: Largest allowed sums.

        Raises:
            NumericsError: The solver failed.
            MissingExtra: SciPy is not installed.
        """
        excluded: list[Reals] = []
        while True:
            constraints = _Constraints(self, rows, limits, excluded)
            found = _minimum(objective, self.layers, constraints)
            if found is None or constraints.hold_exactly(found[0]):
                return found
            excluded.append(found[0])

    def proven_bound(
        self, objective: Reals, rows: Sequence[Reals], limits: Sequence[float], value: float
    ) -> float | None:
        """A bound near `value` that is proven in exact integers; ``None`` if none is in time.

        Costs and limits are multiplied by a power of ten and rounded so that nothing that is
        allowed becomes forbidden and nothing becomes dearer: what is then proven holds for the real
        numbers too.

        Args:
            objective: What was minimized.
            rows: Cost of every variable, for each limit.
            limits: Largest allowed sums.
            value: The value of the best choice known.

        Raises:
            MissingExtra: OR-Tools is not installed.
        """
        exact = [Fraction(float(cost)) for cost in objective]
        layers = self.layers.tolist()
        least = [min(c for c, of in zip(exact, layers, strict=True) if of == n)
                 for n in range(layers[-1] + 1)]  # fmt: skip
        floor = sum(least, Fraction(0))
        extra = Fraction(value) - floor
        if extra <= 0:  # no layer can be cheaper
            return float(floor)
        scale = _STEPS / extra
        # Rounding down takes less than one from the cost of every layer.
        claimed = _STEPS - len(least)
        costs = tuple(
            min(math.floor((cost - least[layer]) * scale), claimed)
            for cost, layer in zip(exact, layers, strict=True)
        )
        constraints = [
            Row({n: int(c) for n, c in enumerate(link) if c}, low=int(target), high=int(target))
            for link, target in zip(self.links, self.targets, strict=True)
        ]
        for row, limit in zip(rows, limits, strict=True):
            unit = Fraction(_STEPS) / Fraction(float(limit))
            terms = {
                n: min(math.floor(Fraction(float(c)) * unit), 2 * _STEPS)
                for n, c in enumerate(row)
                if c
            }
            constraints.append(Row(terms, high=_STEPS))
        if Integers(costs, constraints).has_none_below(claimed):
            return float(floor + Fraction(claimed) / scale)
        return None

    def chosen(self, values: Reals) -> list[tuple[Width, Width]]:
        """Weight and input width of every layer, in order."""
        return [pair[1:] for pair, value in zip(self.pairs, values, strict=True) if value]


def _tie(
    pairs: Sequence[tuple[int, Width, Width]], index: int, width: int, extra: int
) -> list[float]:
    """Layer ``index - 1`` has `width`-bit weights exactly when layer `index` reads their tie."""
    return [
        float(i == index - 1 and w == width) - float(i == index and a == width + extra)
        for i, w, a in pairs
    ]


@dataclass(frozen=True)
class _Constraints:
    """The feasible choices of a program, as HiGHS takes them.

    Attributes:
        program: Variables and links.
        rows: Cost of every variable, for each budget.
        limits: Largest allowed sums.
        excluded: Choices that are not allowed.
    """

    program: Program
    rows: Sequence[Reals]
    limits: Sequence[float]
    excluded: Sequence[Reals]

    def hold_exactly(self, values: Reals) -> bool:
        """Whether every limit holds up to the rounding of float64 sums."""
        return all(
            float(row @ values) <= limit * (1 + _ROUNDING_NOISE)
            for row, limit in zip(self.rows, self.limits, strict=True)
        )

    def solve(self, objective: Reals, allowed: NDArray[np.bool_]) -> tuple[Reals, float] | None:
        """Chosen variables and a lower bound of the objective; ``None`` if nothing is feasible."""
        optimize = require("scipy.optimize", extra="solve", purpose="the allocation of widths")
        program = self.program
        constraints = [optimize.LinearConstraint(program.links, program.targets, program.targets)]
        for row, limit in zip(self.rows, self.limits, strict=True):
            scaled = np.atleast_2d(row) * (_SCALE / limit)
            constraints.append(optimize.LinearConstraint(scaled, -np.inf, _SCALE))
        for values in self.excluded:
            cut = np.atleast_2d(values)
            constraints.append(optimize.LinearConstraint(cut, -np.inf, values.sum() - 1))
        with quiet():
            result = optimize.milp(
                objective,
                constraints=constraints,
                integrality=np.ones(len(objective)),
                bounds=optimize.Bounds(0, allowed.astype(float)),
                options={"mip_rel_gap": 0.0},
            )
        if result.x is None:
            if result.status == _INFEASIBLE:
                return None
            raise NumericsError(f"the allocation was not solved ({result.message})")
        return np.round(result.x), float(result.mip_dual_bound)


def _minimum(
    objective: Reals, layers: NDArray[np.int64], constraints: _Constraints
) -> tuple[Reals, float] | None:
    """The best choice and a lower bound, whatever the spread of the objective.

    Loss growth spans many orders of magnitude from 2 to 16 bits, and HiGHS stops within an absolute
    gap. So what is worse than the best choice known is taken out, the rest is scaled up, and the
    program solved again until the scale stays.
    """
    least = np.array([objective[layers == i].min() for i in range(layers[-1] + 1)])
    floor, extra = float(least.sum()), objective - least[layers]
    span = float(extra.max())
    best: tuple[Reals, float] | None = None
    while True:
        unit = span / _SCALE if span > 0 else 1.0
        found = constraints.solve(np.minimum(extra, span) / unit, extra <= span)
        if found is None:
            return best
        reached = float(extra @ found[0])
        best = found[0], floor + found[1] * unit
        if reached == 0 or reached > span / 2:
            return best
        span = reached * (1 + 1e-9)
