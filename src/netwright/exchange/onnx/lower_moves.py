"""Copies, lookups and interpolations: what moves data and computes little."""

from __future__ import annotations

from math import prod

from netwright.exchange.onnx.attributes import axis, integer
from netwright.exchange.onnx.lower_site import Lower, Site
from netwright.ir.einsums.einsum import Access, Affine, Einsum, MapOp, Rank
from netwright.ir.einsums.lower import Operand, looked_up, opaque, plain


def whole(map_op: MapOp) -> Lower:
    """What reads its data whole, and whose other inputs are constants."""

    def lower(site: Site) -> list[Einsum]:
        names = [name for name in site.node.inputs if name]
        data = [s for s, name in zip(site.given, names, strict=True) if name not in site.values]
        return [opaque(site.name, data or site.given[:1], site.output, map_op)]

    return lower


def join(site: Site) -> list[Einsum]:
    """All inputs, one after the other along an axis; each is read where it lies in the result."""
    rank = len(site.output.shape)
    place = axis(site.node, integer(site.node, "axis", 0), rank)
    ranks = _ranks(site.output)
    start = 0
    reads = []
    for source in site.given:
        index = [plain(r.name) for r in ranks]
        index[place] = Affine(((ranks[place].name, 1),), -start)
        reads.append(source.at(*index))
        start += source.shape[place]
    return [_copy(site, ranks, tuple(reads))]


def pad(site: Site) -> list[Einsum]:
    """A copy into the middle of something larger."""
    source, values = site.source(0), site.values
    given = site.node.attrs.get("pads")
    if given is None and len(site.node.inputs) > 1 and site.node.inputs[1] in values:
        given = tuple(int(v) for v in values[site.node.inputs[1]].ravel())
    if not isinstance(given, tuple) or len(given) != 2 * len(source.shape):
        return [opaque(site.name, [source], site.output, "copy")]
    ranks = _ranks(site.output)
    index = (Affine(((r.name, 1),), -int(first)) for r, first in zip(ranks, given, strict=False))
    return [_copy(site, ranks, (source.at(*index),))]


def look_up(site: Site) -> list[Einsum]:
    """Rows of a table at places that are data; as many are read as there are places.

    The index of the table stands for that many different rows, whichever they are.
    """
    table, places = site.source(0), site.source(1)
    where = axis(site.node, integer(site.node, "axis", 0), len(table.shape))
    is_number = len(site.output.shape) < len(table.shape) or not _has_axes(site, table, places)
    if not is_number:
        return [looked_up(site.name, table, places, site.output, axis=where)]
    ranks = _ranks(site.output)
    index = (*map(_index, ranks[:where]), _rows([]), *map(_index, ranks[where:]))
    return [_copy(site, ranks, (table.at(*index), places.whole()), "lookup")]


def look_up_elements(site: Site) -> list[Einsum]:
    """An element of a table for each place, along one axis."""
    table, places = site.source(0), site.source(1)
    ranks = _ranks(site.output)
    index = tuple(map(_index, ranks))
    return [_copy(site, ranks, (table.at(*index), places.at(*index)), "lookup")]


def look_up_slices(site: Site) -> list[Einsum]:
    """Slices of a table at places of several coordinates."""
    table, places = site.source(0), site.source(1)
    batch = integer(site.node, "batch_dims", 0)
    ranks = _ranks(site.output)
    own = ranks[: len(places.shape) - 1]
    rest = ranks[len(own) :]
    free = len(table.shape) - batch - len(rest)
    if free < 1 or not own:
        return [opaque(site.name, site.given, site.output, "lookup")]
    first = (_rows(own[batch:]), *(Affine(()) for _ in range(free - 1)))
    reads = table.at(*map(_index, own[:batch]), *first, *map(_index, rest))
    return [_copy(site, ranks, (reads, places.at(*map(_index, own), Affine(()))), "lookup")]


def _has_axes(site: Site, table: Operand, places: Operand) -> bool:
    """Whether the places make axes of the result; a single number makes none."""
    rank = len(table.shape) - 1 + len(places.shape)
    return rank == len(site.output.shape) or prod(places.shape) > 1


def _ranks(output: Operand) -> list[Rank]:
    return [Rank(f"B{i}", extent) for i, extent in enumerate(output.shape)]


def _index(rank: Rank) -> Affine:
    return plain(rank.name)


def _rows(ranks: list[Rank]) -> Affine:
    """The number of a place, in row-major order."""
    terms, step = [], 1
    for rank in reversed(ranks):
        terms.append((rank.name, step))
        step *= rank.extent
    return Affine(tuple(reversed(terms)))


def _copy(
    site: Site, ranks: list[Rank], reads: tuple[Access, ...], map_op: MapOp = "copy"
) -> Einsum:
    made = site.output.at(*map(_index, ranks))
    return Einsum(site.name, tuple(ranks), made, reads, map_op, origin=site.name)
