"""Event-driven simulation of tiles on several units, which knows nothing of engines and mappings.

Every tile is a process with tasks that wait for one another; a unit serves one task at a time, the
oldest tile first. A buffer has room for few tiles, so a tile starts only when an older one ends.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import simpy


@dataclass(frozen=True)
class Task:
    """Work of one tile on one unit.

    Attributes:
        name: Unique in its tile.
        unit: Who does it.
        cycles: How long.
        after: Tasks of the same tile that must have ended.
        carried: A task of the same chain's tile before that must have ended; empty for none.
        latency: Cycles from the end until the result can be used.
        every: Only in the last of so many tiles of a chain.
    """

    name: str
    unit: str
    cycles: int
    after: tuple[str, ...] = ()
    carried: str = ""
    latency: int = 0
    every: int = 1


def simulate(
    tasks: tuple[Task, ...], *, chains: int, length: int, in_flight: int
) -> tuple[int, dict[str, int]]:
    """Run all tiles; those of a chain follow each other, chains are independent.

    Args:
        tasks: What is done for each tile.
        chains: Independent chains; tiles go around them.
        length: Tiles of a chain.
        in_flight: Tiles that have room at a time.

    Returns:
        Cycles until everything has ended, and busy cycles of each unit.
    """
    world = simpy.Environment()
    units = {task.unit: simpy.PriorityResource(world) for task in tasks}
    room = simpy.PriorityResource(world, capacity=in_flight)
    busy = dict.fromkeys(units, 0)
    done: dict[tuple[int, int, str], simpy.Event] = {}

    def tile(age: int, chain: int, step: int) -> Iterator[simpy.Event]:
        with room.request(priority=age) as place:
            yield place
            present = [task for task in tasks if (step + 1) % task.every == 0]
            yield world.all_of([world.process(run(task, age, chain, step)) for task in present])

    def run(task: Task, age: int, chain: int, step: int) -> Generator[simpy.Event]:
        needs = [done[chain, step, name] for name in task.after]
        if task.carried and step:
            needs.append(done[chain, step - 1, task.carried])
        yield world.all_of(needs)
        order = [other.name for other in tasks].index(task.name)
        with units[task.unit].request(priority=age * len(tasks) + order) as turn:
            yield turn
            yield world.timeout(task.cycles)
            busy[task.unit] += task.cycles
        if task.latency:
            yield world.timeout(task.latency)
        done[chain, step, task.name].succeed()

    for step in range(length):
        for chain in range(chains):
            for task in tasks:
                done[chain, step, task.name] = world.event()
    for step in range(length):
        for chain in range(chains):
            world.process(tile(step * chains + chain, chain, step))
    world.run()
    return int(world.now), busy
