"""What the Einsums of a group run along the arrays of a machine, and how long they take then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from math import prod

from netwright.arch import Array, Compute
from netwright.mapping.group_choice import Run
from netwright.mapping.group_legality import may_run_along
from netwright.mapping.loopnest import Loop
from netwright.mapping.tiles import equal_tiles
from netwright.workload import Workload

MAX_SPREADS = 16
"""Ways to use one array that are followed for given tiles: those with the fewest steps."""


@dataclass(frozen=True)
class GroupArrays:
    """The arrays that a run of Einsums may use.

    Attributes:
        run: The Einsums.
        part: They as a workload.
        able: For each Einsum the units that may run it.
        above: For each unit the arrays above it.
        units: All units.
        cycles: For each Einsum the seconds of a point on each unit.
        given: What runs along the arrays, if that is given.
    """

    run: Run
    part: Workload
    able: Sequence[tuple[Compute, ...]]
    above: Mapping[str, tuple[Array, ...]]
    units: Sequence[Compute]
    cycles: Sequence[Mapping[str, float]]
    given: tuple[Loop, ...] = ()
    known: dict[tuple[tuple[str, int], ...], Mapping[str, list[tuple[int, int]]]] = field(
        default_factory=dict, init=False
    )

    def spreads(self, loops: Sequence[Loop]) -> Iterator[tuple[Loop, ...]]:
        """What runs along the arrays: for each array the best ways, in all combinations."""
        if self.given:
            yield self.given
            return
        arrays = {a.name: a for own in self.above.values() for a in own}
        options = [self._along(array, loops) for array in arrays.values()]
        for chosen in islice(product(*options), MAX_SPREADS**2):
            spread = tuple(loop for own in chosen for loop in own)
            if self._is_once(spread):
                yield spread

    def _is_once(self, spread: Sequence[Loop]) -> bool:
        """Whether no rank runs along two arrays above one unit."""
        for own in self.above.values():
            names = {array.name for array in own}
            ranks = [loop.rank for loop in spread if loop.array in names]
            if len(ranks) != len(set(ranks)):
                return False
        return True

    def every_spread(self, loops: Sequence[Loop]) -> Iterator[tuple[Loop, ...]]:
        """All ways to use the arrays: any rank along each axis, over any number of copies."""
        if self.given:
            yield self.given
            return
        tiles = {**self.run.extents, **{loop.rank: loop.tile for loop in loops}}
        arrays = {a.name: a for own in self.above.values() for a in own}
        axes = [(array, axis) for array in arrays.values() for axis in range(len(array.fanout))]
        options: list[list[tuple[Loop, ...]]] = []
        for array, axis in axes:
            fanout = array.fanout[axis]
            own: list[tuple[Loop, ...]] = [()]
            for rank, tile in tiles.items():
                pieces = {-(-tile // copies) for copies in range(2, min(tile, fanout) + 1)}
                own += [(Loop(rank, piece, array.name, axis),) for piece in sorted(pieces)]
            options.append(own)
        for chosen in product(*options):
            spread = tuple(loop for own in chosen for loop in own)
            if self._is_once(spread):
                yield spread

    def _along(self, array: Array, loops: Sequence[Loop]) -> list[tuple[Loop, ...]]:
        """Ways to use one array that no other one beats in every Einsum."""
        tiles = {**self.run.extents, **{loop.rank: loop.tile for loop in loops}}
        below = [
            einsum
            for einsum, own in zip(self.part.einsums, self.able, strict=True)
            if any(array in self.above[unit.name] for unit in own)
        ]
        ranks = [rank for rank, tile in tiles.items() if tile > 1]
        found: dict[tuple[int, ...], tuple[Loop, ...]] = {}
        for choice in product((None, *ranks), repeat=len(array.fanout)):
            chosen = [rank for rank in choice if rank is not None]
            if len(chosen) != len(set(chosen)):
                continue
            own = tuple(
                Loop(rank, -(-tiles[rank] // array.fanout[axis]), array.name, axis)
                for axis, rank in enumerate(choice)
                if rank is not None
            )
            if all(may_run_along(self.part, e, array, x.axis, x.rank) for x in own for e in below):
                steps = self._points(loops, own)
                found.setdefault(tuple(steps), own)
        best = [
            (sum(steps), steps, own)
            for steps, own in found.items()
            if not any(
                other != steps and all(a <= b for a, b in zip(other, steps, strict=True))
                for other in found
            )
        ]
        return [own for _, _, own in sorted(best, key=lambda x: x[:2])[:MAX_SPREADS]]

    def _points(self, loops: Sequence[Loop], spread: Sequence[Loop]) -> list[int]:
        """Points of the busiest copy for each Einsum, over all tiles."""
        tiles = self._tiles(tuple((loop.rank, loop.tile) for loop in loops))
        pieces = {loop.rank: loop.tile for loop in spread}
        total = {
            rank: sum(min(size, pieces.get(rank, size)) * count for size, count in own)
            for rank, own in tiles.items()
        }
        return [prod(total[rank] for rank in shape.extents) for shape in self.run.shapes]

    def _tiles(self, loops: tuple[tuple[str, int], ...]) -> Mapping[str, list[tuple[int, int]]]:
        """For each rank the sizes of its tiles, and how many are equal."""
        if loops not in self.known:
            self.known[loops] = {
                rank: [
                    (tile.sizes.get(rank, extent), tile.count)
                    for tile in equal_tiles(
                        self.run.extents, [Loop(r, tile) for r, tile in loops if r == rank]
                    )
                ]
                for rank, extent in self.run.extents.items()
            }
        return self.known[loops]

    def least_steps(self, loops: Sequence[Loop]) -> list[dict[str, float]]:
        """Seconds that each Einsum takes at least on each unit with tiles of these sizes.

        No axis of an array has more copies at work than a tile has points along one rank.
        """
        tiles = {**self.run.extents, **{loop.rank: loop.tile for loop in loops}}
        fanouts = {
            name: sorted((size for array in own for size in array.fanout), reverse=True)
            for name, own in self.above.items()
        }
        found: list[dict[str, float]] = []
        for shape, cycles in zip(self.run.shapes, self.cycles, strict=True):
            points = prod(shape.extents.values())
            sizes = sorted((tiles[rank] for rank in shape.extents), reverse=True)
            found.append({
                unit: points * own / prod(map(min, fanouts[unit], sizes))
                for unit, own in cycles.items()
            })  # fmt: skip
        return found

    def steps(self, loops: Sequence[Loop], spread: Sequence[Loop]) -> list[dict[str, float]]:
        """Seconds of each Einsum on each unit that does it."""
        found: list[dict[str, float]] = [{} for _ in self.part.einsums]
        for unit in self.units:
            above = {array.name for array in self.above[unit.name]}
            points = self._points(loops, [loop for loop in spread if loop.array in above])
            for number, own in enumerate(found):
                if unit.name in self.cycles[number]:
                    own[unit.name] = points[number] * self.cycles[number][unit.name]
        return found
