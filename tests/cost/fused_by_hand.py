"""Fusion for time and energy by enumeration: every group of the mapspace is judged and priced."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

from netwright import arch
from netwright.cost import pipeline
from netwright.cost.price import price
from netwright.mapping import Group, Keep, Loop, Mapping, Phase
from netwright.mapping.binding import able_units
from netwright.mapping.group_legality import group_faults
from netwright.mapping.ranks import aligned
from tests.cost.small import figure, memory
from tests.mapping.fusion_by_hand import every_loops, ranks_of


def machine(seed: int) -> arch.Architecture:
    """A buffer, an array of units that multiply and add, sometimes with registers, and one more."""
    rng = random.Random(seed)
    nodes: list[object] = [
        memory("dram", speed=rng.choice([0.5, 2]), energy=rng.choice([5, 50])),
        memory("buffer", "dram", size=rng.choice([9, 20, 60]), speed=rng.choice([2, 16]),
               energy=rng.choice([1, 8]), double_buffered=rng.random() < 0.5),
        arch.Array(kind="array", name="grid", parent="buffer",
                   fanout=(rng.choice([2, 3]),), reduces=rng.random() < 0.7),
    ]  # fmt: skip
    above = "grid"
    if rng.random() < 0.6:
        nodes.append(memory("registers", "grid", size=rng.choice([2, 6]), energy=0.2,
                            double_buffered=False))  # fmt: skip
        above = "registers"
    for name, parent, does in (
        ("many", above, ("mac", "multiply", "add")), ("one", "buffer", ("mac", "add"))
    ):  # fmt: skip
        if name == "many" or rng.random() < 0.7:
            nodes.append(arch.Compute(
                kind="compute", name=name, parent=parent, rate=figure(1e9, "op/s"),
                energy=figure(rng.choice([1e-12, 3e-12])),
                operators={operator: arch.Operator() for operator in does},
            ))  # fmt: skip
    return arch.Architecture(name="random", nodes=tuple(nodes))


def least(workload, chip, goal):
    """The least seconds, joules or both multiplied of all cuts; ``None`` if nothing fits."""
    workload = aligned(workload)
    best = [[(0.0, 0.0)]]
    for end in range(1, len(workload.einsums) + 1):
        found = [
            (seconds + more_seconds, joules + more_joules)
            for begin in range(end)
            if best[begin]
            for more_seconds, more_joules in _front(_of_run(workload, chip, begin, end))
            for seconds, joules in best[begin]
        ]
        best.append(_front(found))
    values = {"latency": lambda s, _: s, "energy": lambda _, j: j, "edp": lambda s, j: s * j}
    return min((values[goal](*pair) for pair in best[-1]), default=None)


def _front(pairs):
    """Pairs that no other one beats in both."""
    kept = []
    for pair in sorted(pairs):
        if not kept or pair[1] < kept[-1][1]:
            kept.append(pair)
    return kept


def _of_run(workload, chip, begin, end):
    members = workload.einsums[begin:end]
    able = [[unit.name for unit in able_units(einsum, chip)] for einsum in members]
    for loops in _loops(members, chip):
        for spread in _spreads(members, loops, chip):
            for units in product(*able):
                for group in _plans(workload, chip, members, (*loops, *spread), units):
                    yield from _costs(workload, chip, members, group, units)


def _loops(members, chip):
    widest = max(f for node in chip.nodes if node.kind == "array" for f in node.fanout)
    for own in every_loops(members):
        yield own
        sizes = {rank.name: rank.extent for rank in members[0].ranks}
        sizes |= {loop.rank: loop.tile for loop in own}
        for rank, tile in sizes.items():
            for size in range(2, min(tile - 1, widest) + 1):
                if tile % size == 0:
                    yield (*own, Loop(rank, size))


def _spreads(members, loops, chip):
    sizes = {rank.name: rank.extent for e in members for rank in e.ranks}
    sizes |= {loop.rank: loop.tile for loop in loops}
    axes = []
    for node in chip.nodes:
        if node.kind == "array":
            for axis, fanout in enumerate(node.fanout):
                own = {
                    Loop(rank, -(-size // copies), node.name, axis)
                    for rank, size in sizes.items()
                    for copies in range(2, fanout + 1)
                    if size > 1
                }
                axes.append([None, *sorted(own, key=lambda x: (x.rank, x.tile))])
    for chosen in product(*axes):
        spread = [loop for loop in chosen if loop is not None]
        if len({loop.rank for loop in spread}) == len(spread):
            yield spread


def _plans(workload, chip, members, loops, units):
    names = tuple(einsum.name for einsum in members)
    yield Group(names[-1], names, loops)
    above = {
        name: {node.name for node in chip.path_to(name) if node.kind == "array"} for name in units
    }
    spatial = [loop for loop in loops if loop.is_spatial]
    waits = []
    for m, maker in enumerate(members):
        passed = [
            loop for loop in spatial
            if loop.array in above[units[m]] and loop.rank in {r.name for r in maker.ranks}
            and loop.rank not in ranks_of(maker.output)
        ]  # fmt: skip
        for r in range(m + 1, len(members)):
            if maker.output.tensor in {access.tensor for access in members[r].inputs}:
                waits.append((m, r, int(units[m] != units[r] or bool(passed))))
    lags = min(
        (
            lags for lags in product(range(len(members)), repeat=len(members))
            if all(lags[r] - lags[m] >= wait for m, r, wait in waits)
        ),
        key=sum,
    )  # fmt: skip
    lists = {
        unit: tuple(name for name, own in zip(names, units, strict=True) if own == unit)
        for unit in dict.fromkeys(units)
    }
    yield Group(names[-1], names, loops, (Phase(lists),), (), dict(zip(names, lags, strict=True)))


def _costs(workload, chip, members, group, units):
    """Seconds and joules with all that may be kept and fits.

    What is counted for a tensor does not depend on where others are kept.
    """
    bindings = dict(zip(group.einsums, units, strict=True))

    def decided(own):
        return Mapping("unfused", group.einsums, bindings=bindings, groups=(own,))

    if group_faults(workload, chip, decided(group), group):
        return
    tensors = list(dict.fromkeys(a.tensor for e in members for a in (*e.inputs, e.output)))
    options = []
    for tensor in tensors:
        keeps = [
            Keep(own, tensor, position)
            for own in _memories(workload, chip, members, tensor, bindings)
            for position in range(len(group.temporal) + 1)
        ]
        own = []
        for keep in (None, *keeps):
            kept = replace(group, keeps=() if keep is None else (keep,))
            if not group_faults(workload, chip, decided(kept), kept):
                counts = pipeline.count(workload, chip, decided(kept), kept)
                actions = [a for a in counts.actions if a.tensor == tensor]
                own.append((keep, actions, _misses(members, group, tensor, keep)))
        options.append(own)
    fixed = [action for action in counts.actions if action.kind == "compute"]
    for choice in product(*options):
        misses = [number for _, _, own in choice for number in own]
        if len(misses) != len(set(misses)):
            continue
        keeps = tuple(keep for keep, _, _ in choice if keep is not None)
        kept = replace(group, keeps=keeps)
        if len(keeps) > 1 and group_faults(workload, chip, decided(kept), kept):
            continue
        actions = (*fixed, *(action for _, own, _ in choice for action in own))
        spent = price(replace(counts, actions=actions), chip)
        yield spent.seconds, spent.joules


def _memories(workload, chip, members, tensor, bindings):
    """The buffer; registers for what is made here, does not leave and has readers on one unit."""
    readers = [e for e in members if tensor in e.reads]
    everyone = [e for e in workload.einsums if tensor in e.reads]
    made = any(e.output.tensor == tensor for e in members)
    units = {bindings[e.name] for e in readers}
    inside = made and readers == everyone and tensor not in workload.outputs and len(units) == 1
    yield "buffer"
    if inside and any(node.name == "registers" for node in chip.path_to(units.pop())):
        yield "registers"


def _misses(members, group, tensor, keep):
    """Einsums in a tile of which a tensor is needed again and streams."""
    if keep is not None:
        return []
    tiles = {loop.rank: loop.tile for loop in group.temporal}
    return [
        number
        for number, einsum in enumerate(members)
        if any(
            access.tensor == tensor
            and tiles.get(rank.name, rank.extent) > 1
            and rank.name not in ranks_of(access)
            for access in (*einsum.inputs, einsum.output)
            for rank in einsum.ranks
        )
    ]
