"""Who does what, and how far behind: units that share the Einsums of a group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from operator import le

from netwright.cost.mapper import Goal
from netwright.mapping.loopnest import Loop
from netwright.mapping.stages import tiles_later
from netwright.workload import Einsum

MAX_STATES = 32
"""Ways to share the first Einsums that are followed, the best ones."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Units of all Einsums of a group.

    Attributes:
        units: The unit of each Einsum, in order.
        often: Time of each unit on Einsums that run in every tile.
        rarely: Time of each unit on Einsums that run in some tiles only.
        seconds: Time of all Einsums, one after the other.
        joules: Energy of all operations.
        spread: What runs along the arrays.
    """

    units: tuple[str, ...]
    often: tuple[float, ...]
    rarely: tuple[float, ...]
    seconds: float
    joules: float
    spread: tuple[Loop, ...]

    def longest(self, share: float) -> float:
        """The time of the busiest unit, in all tiles.

        Args:
            share: Of all tiles, those in which every Einsum runs.
        """
        pairs = zip(self.often, self.rarely, strict=True)
        busiest = max(share * a + b for a, b in pairs)
        return busiest + (1.0 - share) * max(self.often)

    def cost(self, goal: Goal, share: float) -> float:
        """The least that a group costs with this: all units busy, nothing moved."""
        if goal == "latency":
            return self.longest(share)
        return self.joules if goal == "energy" else self.joules * self.longest(share)

    def key(self, goal: Goal, share: float) -> tuple[float, ...]:
        """What decides which is better: the goal, then the time, then how often work changes."""
        changes = sum(a != b for a, b in zip(self.units, self.units[1:], strict=False))
        return self.cost(goal, share), self.longest(share), changes, self.joules


@dataclass(frozen=True, slots=True)
class Plan:
    """When Einsums of a group run.

    Attributes:
        seconds: The least time.
        joules: The least energy.
        lags: Tiles that each Einsum runs behind, all units working at the same time; ``None`` if
            one Einsum runs after the other.
    """

    seconds: float
    joules: float
    lags: tuple[int, ...] | None = None

    @property
    def is_at_once(self) -> bool:
        """Whether all units work at the same time."""
        return self.lags is not None

    def least(self, goal: Goal, moved: tuple[float, float]) -> float:
        """The least that it costs.

        Args:
            goal: What is minimized.
            moved: Seconds and joules of what crosses the border of the chip.
        """
        seconds, joules = max(self.seconds, moved[0]), self.joules + moved[1]
        if goal == "latency":
            return seconds
        return joules if goal == "energy" else joules * seconds


def assignments(
    seconds: Sequence[Mapping[str, float]],
    joules: Sequence[Mapping[str, float]],
    always: Sequence[bool],
    goal: Goal,
    *,
    share: float,
    spread: tuple[Loop, ...],
) -> list[Assigned]:
    """Ways to share Einsums among units, none of which beats another in every load and in energy.

    Args:
        seconds: For each Einsum its time on each unit that does it.
        joules: The same for energy.
        always: Whether it runs in every tile.
        goal: What decides which are followed where there are too many.
        share: Of all tiles, those in which every Einsum runs.
        spread: What runs along the arrays.
    """
    names = tuple(dict.fromkeys(name for own in seconds for name in own))
    place = {name: number for number, name in enumerate(names)}
    none = (0.0,) * len(names)
    states = [Assigned((), none, none, 0.0, 0.0, spread)]
    for times, energies, is_often in zip(seconds, joules, always, strict=True):
        grown: dict[tuple[float, ...], Assigned] = {}
        for state in states:
            for unit, spent in times.items():
                often, rarely = state.often, state.rarely
                if is_often:
                    often = _added(often, place[unit], spent)
                else:
                    rarely = _added(rarely, place[unit], spent)
                new = Assigned(
                    (*state.units, unit), often, rarely, state.seconds + spent,
                    state.joules + energies[unit], spread,
                )  # fmt: skip
                point = (*often, *rarely, new.joules)
                other = grown.get(point)
                if other is None or new.key(goal, share) < other.key(goal, share):
                    grown[point] = new
        states = _front(grown, goal, share)
    return states


def every_assignment(
    seconds: Sequence[Mapping[str, float]],
    joules: Sequence[Mapping[str, float]],
    always: Sequence[bool],
    spread: tuple[Loop, ...],
) -> Iterator[Assigned]:
    """All ways to share Einsums among units; arguments as for :func:`assignments`."""
    names = tuple(dict.fromkeys(name for own in seconds for name in own))
    for units in product(*seconds):
        often, rarely = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
        for unit, times, is_often in zip(units, seconds, always, strict=True):
            (often if is_often else rarely)[unit] += times[unit]
        yield Assigned(
            units, tuple(often.values()), tuple(rarely.values()),
            sum(times[unit] for unit, times in zip(units, seconds, strict=True)),
            sum(own[unit] for unit, own in zip(units, joules, strict=True)), spread,
        )  # fmt: skip


def least_time(seconds: Sequence[Mapping[str, float]], speeds: Mapping[str, float]) -> float:
    """The least time of the busiest unit, however Einsums are shared.

    No weighted mean of what units are busy is above the busiest one, whatever the weights are.

    Args:
        seconds: For each Einsum its time on each unit that does it.
        speeds: Weights that are tried beside equal ones.
    """
    own = [times for times in seconds if times]
    bounds = [max((min(times.values()) for times in own), default=0.0)]
    for weights in (speeds, dict.fromkeys(speeds, 1.0)):
        total = sum(weights.values())
        bounds.append(sum(min(weights[u] * t for u, t in times.items()) for times in own) / total)
    return max(bounds)


def _added(loads: tuple[float, ...], place: int, spent: float) -> tuple[float, ...]:
    return (*loads[:place], loads[place] + spent, *loads[place + 1 :])


def _front(
    states: Mapping[tuple[float, ...], Assigned], goal: Goal, share: float
) -> list[Assigned]:
    if len(states) == 1:
        return list(states.values())
    kept: list[tuple[tuple[float, ...], Assigned]] = []
    for point, state in sorted(states.items(), key=lambda item: item[1].key(goal, share)):
        if len(kept) == MAX_STATES:
            break
        if not any(all(map(le, own, point)) for own, _ in kept):
            kept.append((point, state))
    return [state for _, state in kept]


def pipelined(
    einsums: Sequence[Einsum],
    state: Assigned,
    loops: Sequence[Loop],
    extents: Mapping[str, int],
    summed: frozenset[int],
    share: float,
) -> Plan | None:
    """The least lags with which all units work at the same time, if there are any.

    What another unit makes, or copies of an array add up, is read a tile later. So no unit waits
    for another, and no result is used before it is there.

    Args:
        einsums: The Einsums, in order.
        state: Their units.
        loops: The loops over tiles.
        extents: Size of every rank.
        summed: Einsums whose results are combined along an array.
        share: Of all tiles, those in which every Einsum runs.
    """
    makers = {einsum.output.tensor: number for number, einsum in enumerate(einsums)}
    waits: list[tuple[int, int, int]] = []
    for reader, einsum in enumerate(einsums):
        for access in einsum.inputs:
            maker = makers.get(access.tensor)
            if maker is None or maker == reader:
                continue
            apart = state.units[maker] != state.units[reader] or maker in summed or reader < maker
            later = tiles_later(access, einsums[maker], loops, extents)
            waits.append((maker, reader, int(apart) - later))
    lags = [0] * len(einsums)
    for _ in range(len(einsums) + 1):
        changed = False
        for maker, reader, wait in waits:
            if lags[reader] < lags[maker] + wait:
                lags[reader] = lags[maker] + wait
                changed = True
        if not changed:
            break
    else:
        return None
    return Plan(state.longest(share), state.joules, tuple(lags))
