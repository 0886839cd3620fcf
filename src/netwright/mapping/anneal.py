"""Local search over orders: move a run of operators within its precedence window."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp

from netwright.mapping.precedence import Precedence

Order = list[int]


@dataclass(frozen=True, slots=True)
class _State:
    """What a simulation knows before a step; equal states have equal futures."""

    resident: frozenset[int]
    written: frozenset[int]
    cost: int


@dataclass(slots=True)
class Simulation:
    """Traffic of orders with a simple rule of eviction; a quick stand-in for the gap program.

    After a change it goes on from the state before the first change, until it meets a state of the
    accepted order again.

    Attributes:
        precedence: The graph.
        capacity: Bytes of the scratchpad.
        is_farthest: Whether what is needed last is evicted; else what moves the fewest bytes.
    """

    precedence: Precedence
    capacity: int
    is_farthest: bool = True
    sizes: list[int] = field(init=False)
    users: list[tuple[int, ...]] = field(init=False)
    operands: list[tuple[int, ...]] = field(init=False)
    has_copy: list[bool] = field(init=False)

    def __post_init__(self) -> None:
        schedule = self.precedence.schedule
        names = list(schedule.uses)
        index = {name: i for i, name in enumerate(names)}
        self.sizes = [schedule.sizes[name] for name in names]
        self.users = [schedule.uses[name] for name in names]
        self.operands = [tuple(index[n] for n in step) for step in schedule.operands]
        self.has_copy = [name in schedule.has_copy for name in names]

    def run(
        self, order: Order, place: list[int], states: list[_State], low: int, high: int
    ) -> tuple[int, list[_State]]:
        """Cost of an order that differs from the accepted one at steps `low` to `high` only.

        Args:
            order: The changed order.
            place: Step of each operator in it.
            states: States of the accepted order before each step, and after the last.
            low: First changed step.
            high: Last changed step.

        Returns:
            The cost, and the new states from `low` + 1 on as far as they differ.
        """
        sizes, users, has_copy = self.sizes, self.users, self.has_copy
        start = states[low]
        resident, written, cost = set(start.resident), set(start.written), start.cost
        used = sum(sizes[t] for t in resident)
        fresh: list[_State] = []
        for step in range(low, len(order)):
            operands = self.operands[order[step]]
            missing = [t for t in operands if t not in resident]
            used += sum(sizes[t] for t in missing)
            for t in missing:
                if any(place[user] < step for user in users[t]):
                    cost += sizes[t]
            if used > self.capacity:
                rest = [
                    (min(place[u] for u in users[t] if place[u] > step), t)
                    for t in resident
                    if t not in operands
                ]
                rest.sort()
                while used > self.capacity:
                    victim = self._victim(rest, used - self.capacity, written)
                    resident.discard(victim)
                    used -= sizes[victim]
                    if not has_copy[victim] and victim not in written:
                        cost += sizes[victim]
                        written.add(victim)
            resident.update(missing)
            for t in operands:
                if max(place[user] for user in users[t]) == step:
                    resident.discard(t)
                    written.discard(t)
                    used -= sizes[t]
            state = _State(frozenset(resident), frozenset(written), cost)
            if step >= high:
                old = states[step + 1]
                if old.resident == state.resident and old.written == state.written:
                    return states[-1].cost + cost - old.cost, fresh
            fresh.append(state)
        return cost, fresh

    def _victim(self, rest: list[tuple[int, int]], excess: int, written: set[int]) -> int:
        """Take the tensor to evict from those that may go, sorted by their next use."""
        chosen = len(rest) - 1
        if not self.is_farthest:
            least = 1 << 62
            for position in range(len(rest) - 1, -1, -1):
                tensor = rest[position][1]
                size = self.sizes[tensor]
                once = self.has_copy[tensor] or tensor in written
                cost = size if once else 2 * size
                if size >= excess and cost < least:
                    chosen, least = position, cost
        return rest.pop(chosen)[1]

    def whole(self, order: Order) -> list[_State]:
        """States of an order from scratch."""
        place = places(order)
        first = _State(frozenset(), frozenset(), 0)
        blank = [first] + [_State(frozenset({-1}), frozenset(), 0)] * len(order)
        return [first, *self.run(order, place, blank, 0, len(order))[1]]


def places(order: Order) -> list[int]:
    """Step of each operator."""
    place = [0] * len(order)
    for step, operator in enumerate(order):
        place[operator] = step
    return place


def anneal(
    simulation: Simulation,
    order: Order,
    *,
    draw: random.Random,
    is_over: Callable[[], float],
    found: Callable[[Order, int], None],
) -> None:
    """Search from `order` until `is_over` says 1.

    Args:
        simulation: Of the graph and the capacity.
        order: Where to begin.
        draw: Source of chance.
        is_over: Share of the time that has passed.
        found: Called with every order that is better than all before, and its cost.
    """
    states = simulation.whole(order)
    current = best = states[-1].cost
    place = places(order)
    warmth = 0.5 * sum(simulation.sizes) / len(simulation.sizes)
    share = 0.0
    for count in range(1 << 60):
        if count % 64 == 0:
            share = is_over()
            if share >= 1:
                return
        move = _move(simulation.precedence, order, place, draw)
        if move is None:
            continue
        low, middle, high = move
        changed = order[:low] + order[middle:high] + order[low:middle] + order[high:]
        new_place = place.copy()
        for step in range(low, high):
            new_place[changed[step]] = step
        cost, fresh = simulation.run(changed, new_place, states, low, high - 1)
        worse = cost - current
        if worse > 0 and draw.random() >= exp(-worse / max(warmth * (1 - share) ** 2, 1e-9)):
            continue
        offset = cost - states[-1].cost
        end = low + 1 + len(fresh)
        rest = states[end:]
        if offset and rest:
            rest = [_State(s.resident, s.written, s.cost + offset) for s in rest]
        states = states[: low + 1] + fresh + rest
        order, place, current = changed, new_place, cost
        if cost < best:
            best = cost
            found(order, cost)


def _move(
    precedence: Precedence, order: Order, place: list[int], draw: random.Random
) -> tuple[int, int, int] | None:
    """Two neighboring runs that may change places: steps ``low:middle`` and ``middle:high``."""
    count = len(order)
    first = draw.randrange(count)
    last = first + 1
    longest = draw.choice((1, 2, 4, 8, 16))
    while last < count and last - first < longest:
        if place[order[last - 1]] not in map(place.__getitem__, precedence.before[order[last]]):
            break
        last += 1
    run = order[first:last]
    inside = set(run)
    earliest = 1 + max(
        (place[s] for v in run for s in precedence.before[v] if s not in inside), default=-1
    )
    latest = min(
        (place[r] for v in run for r in precedence.after[v] if r not in inside), default=count
    )
    choices = first - earliest + latest - last
    if choices <= 0:
        return None
    target = draw.randrange(choices)
    if target < first - earliest:
        return earliest + target, first, last
    return first, last, last + 1 + target - (first - earliest)
