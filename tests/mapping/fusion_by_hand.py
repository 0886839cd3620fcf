"""Fusion by walking: every tile of every Einsum is taken, every choice of what to keep is tried."""

from __future__ import annotations

import random
from itertools import permutations, product
from math import prod

from netwright.mapping.loopnest import Loop
from netwright.mapping.ranks import aligned
from netwright.mapping.runs import MAX_ALONE, MAX_LOOPS, tiles_of
from netwright.workload import Access, Affine, Einsum, Rank, Tensor, Workload


def cascade(seed: int) -> Workload:
    """Two or three Einsums in a row: products, sums over a rank, elementwise sums of two."""
    rng = random.Random(seed)
    sizes = {rank: rng.choice([1, 2, 4, 4, 6]) for rank in "abcd"}
    shapes = {"x": tuple(rng.sample("abcd", rng.choice([2, 2, 3])))}
    einsums: list[Einsum] = []
    weights: set[str] = set()
    for number in range(rng.choice([2, 3, 3])):
        reads = [list(shapes)[-1] if rng.random() < 0.8 else rng.choice(list(shapes))]
        kind = rng.choice(["product", "product", "sum", "both"])
        known = list(shapes[reads[0]])
        if kind == "product":
            other = [rank for rank in "abcd" if rank not in known][:1] + rng.sample(known, 1)
            weights.add(f"w{number}")
            shapes[f"w{number}"] = tuple(other)
            reads.append(f"w{number}")
        elif kind == "both":
            reads.append(rng.choice([n for n in shapes if n not in weights]))
        ranks = list(dict.fromkeys(rank for name in reads for rank in shapes[name]))
        summed = rng.choice(ranks) if kind != "both" and len(ranks) > 1 else ""
        made = tuple(rank for rank in ranks if rank != summed)
        shapes = {**{n: s for n, s in shapes.items()}, f"t{number}": made}
        einsums.append(Einsum(
            f"e{number}", tuple(Rank(rank, sizes[rank]) for rank in ranks), at(f"t{number}", made),
            tuple(at(name, shapes[name]) for name in reads),
            {"product": "multiply", "sum": "copy", "both": "add"}[kind],
            reduce_op="add" if summed else "none",
        ))  # fmt: skip
    used = {access.tensor for e in einsums for access in (e.output, *e.inputs)}
    tensors = tuple(
        Tensor(name, tuple(sizes[r] for r in ranks),
               kind="input" if name == "x" else "weight" if name in weights else "activation")
        for name, ranks in shapes.items() if name in used
    )  # fmt: skip
    last = einsums[-1].output.tensor
    read = {access.tensor for e in einsums for access in e.inputs}
    outputs = {last, *(e.output.tensor for e in einsums if e.output.tensor not in read)}
    return Workload(f"cascade{seed}", tensors, tuple(einsums), tuple(sorted(outputs)))


def at(tensor: str, ranks: tuple[str, ...]) -> Access:
    return Access(tensor, tuple(Affine(((rank, 1),)) for rank in ranks))


def least_bytes(workload: Workload, capacity: int, *, doubles: bool) -> int | None:
    """The least traffic of all cuts into groups; every element is a byte."""
    workload = aligned(workload)
    count = len(workload.einsums)
    best: list[int | None] = [0]
    for end in range(1, count + 1):
        found = [
            before + own
            for begin in range(end)
            if (before := best[begin]) is not None
            and (own := _group(workload, begin, end, capacity, doubles)) is not None
        ]
        best.append(min(found, default=None))
    return best[-1]


def _group(workload, begin, end, capacity, doubles):
    members = workload.einsums[begin:end]
    found = [_least(workload, members, own, capacity, doubles) for own in every_loops(members)]
    return min((value for value in found if value is not None), default=None)


def every_loops(members):
    """All loops: over what all tensors know first, by points, then in tiles, then not at all."""
    first = {rank.name: rank.extent for rank in members[0].ranks if rank.extent > 1}
    every = [ranks_of(a) for e in members for a in (*e.inputs, e.output)]
    common = [rank for rank in first if all(rank in own for own in every)]
    free = [rank for rank in first if rank not in common]
    most = MAX_ALONE if len(members) == 1 else MAX_LOOPS
    outer = [()]
    for rank in reversed(common):
        tiled = [(Loop(rank, tile),) for tile in tiles_of(first[rank]) if tile > 1]
        outer = [(), *tiled, *((Loop(rank, 1), *inner) for inner in outer)]
    for own in outer:
        for number in range(most + 1):
            for ranks in permutations(free, number):
                for tiles in product(*(tiles_of(first[rank]) for rank in ranks)):
                    yield (*own, *map(Loop, ranks, tiles))


def ranks_of(access):
    return {rank for axis in access.index for rank, _ in axis.terms}


def _least(workload, members, loops, capacity, doubles):
    walk = list(_walk(members, loops))
    if not _is_ordered(members, walk):
        return None
    names = list(dict.fromkeys(a.tensor for e in members for a in (*e.inputs, e.output)))
    options = [_options(workload, members, walk, loops, name, doubles) for name in names]
    found = None
    for choice in product(*options):
        misses = [number for option in choice for number in option[2]]
        if len(misses) == len(set(misses)) and sum(option[1] for option in choice) <= capacity:
            traffic = sum(option[0] for option in choice)
            found = traffic if found is None else min(found, traffic)
    return found


def _walk(members, loops):
    """Tiles in order: their numbers along the loops, the Einsum, the points of each rank."""
    extents = {rank.name: rank.extent for e in members for rank in e.ranks}
    counts = [extents[loop.rank] // loop.tile for loop in loops]
    for place in product(*map(range, counts)):
        for number, einsum in enumerate(members):
            own = {rank.name for rank in einsum.ranks}
            unknown = [n for n, loop in enumerate(loops) if loop.rank not in own]
            if any(place[n] < counts[n] - 1 for n in unknown):
                continue
            points = {rank.name: range(rank.extent) for rank in einsum.ranks}
            for index, loop in zip(place, loops, strict=True):
                if loop.rank in own:
                    points[loop.rank] = range(index * loop.tile, (index + 1) * loop.tile)
            yield place, number, points


def _elements(access, points):
    return set(product(*(points[axis.terms[0][0]] for axis in access.index)))


def _is_ordered(members, walk):
    """Whether every element that is read and made here is whole by then."""
    makers = {e.output.tensor: e for e in members}
    done: dict[tuple[str, tuple[int, ...]], int] = {}
    for _, number, points in walk:
        for access in members[number].inputs:
            maker = makers.get(access.tensor)
            if maker is None:
                continue
            out = ranks_of(maker.output)
            needed = prod(rank.extent for rank in maker.ranks if rank.name not in out)
            if any(done.get((access.tensor, e), 0) < needed for e in _elements(access, points)):
                return False
        output = members[number].output
        parts = prod(len(p) for rank, p in points.items() if rank not in ranks_of(output))
        for element in _elements(output, points):
            key = output.tensor, element
            done[key] = done.get(key, 0) + parts
    return True


def _options(workload, members, walk, loops, name, doubles):
    """Traffic, room, and the Einsums in which it streams and is needed again."""
    made = any(e.output.tensor == name for e in members)
    outside = [e for e in workload.einsums if e not in members and name in e.reads]
    size = prod(workload.by_name[name].shape)
    leaves = name in workload.outputs or bool(outside)
    yield _streamed(members, walk, name)
    for position in range(len(loops) + 1):
        tiles: list[tuple[tuple[int, ...], set[tuple[int, ...]]]] = []
        for place, number, points in walk:
            einsum = members[number]
            for access in (*dict.fromkeys(einsum.inputs), einsum.output):
                if access.tensor != name:
                    continue
                if not tiles or tiles[-1][0] != place[:position]:
                    tiles.append((place[:position], set()))
                tiles[-1][1].update(_elements(access, points))
        room = max(len(tile) for _, tile in tiles)
        if made:
            everything = [element for _, tile in tiles for element in tile]
            if len(everything) == len(set(everything)):  # none is needed in two tiles
                yield size if leaves else 0, room, ()
            continue
        traffic, last = 0, None
        for _, tile in tiles:
            traffic += len(tile) if tile != last else 0
            last = tile
        yield traffic, room * (2 if doubles and position else 1), ()


def _streamed(members, walk, name):
    traffic, misses, seen = 0, set(), set()
    for _, number, points in walk:
        einsum = members[number]
        for access in (*dict.fromkeys(einsum.inputs), einsum.output):
            if access.tensor != name:
                continue
            own = _elements(access, points)
            traffic += len(own)
            if access is einsum.output:
                traffic += len(own & seen)
                seen |= own
            if any(len(p) > 1 and rank not in ranks_of(access) for rank, p in points.items()):
                misses.add(number)
    return traffic, 0, tuple(misses)
