"""Attention in one pass and in three, and published ways to run it on two arrays."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from netwright import mapping
from netwright.mapping import Mapping
from netwright.workload import Workload, batched, cascade

SQUARE, ROW = "square_elements", "row_elements"

WAYS = ("binding", "architecture", "cascade", "flat", "wide")


@dataclass(frozen=True)
class Sizes:
    """Heads of all sentences, width of a head, keys, queries, and keys of a tile."""

    groups: int
    width: int
    keys: int
    queries: int
    tile: int = 256

    @property
    def extents(self) -> dict[str, int]:
        """Extents of the ranks of both cascades."""
        return {
            "g": self.groups, "e": self.width, "f": self.width, "p": self.queries, "m": self.keys,
            "m1": -(-self.keys // self.tile), "m0": self.tile,
        }  # fmt: skip


def one_pass(sizes: Sizes) -> Workload:
    """Running maximum and sum over tiles of keys, corrected when the maximum grows."""
    return _attention("attention_1pass", sizes, "e f p m1 m0")


def three_pass(sizes: Sizes) -> Workload:
    """The stable softmax: the largest logit, then the sum, then the quotients."""
    return _attention("attention_3pass", sizes, "e f p m")


def _attention(name: str, sizes: Sizes, ranks: str) -> Workload:
    extents = {rank: sizes.extents[rank] for rank in ranks.split()}
    return batched(cascade.find(name, extents=extents), {"g": sizes.groups})


def mapped(way: str, sizes: Sizes, tiles: int = 1) -> Mapping:
    """A way to run attention on a square array and a row of elements.

    Args:
        way: One of `WAYS`.
        sizes: Those of the workload.
        tiles: Tiles of 256 queries that share one walk over the keys.
    """
    path = files("netwright.studies").joinpath(f"fusemax_data/{way}.toml")
    found = mapping.load(str(path))
    if way == "flat":
        piece = -(-sizes.keys // 256)
        return mapping.retiled(found, three_pass(sizes), {"attention": {3: piece, 4: piece}})
    tiles_of = {1: 256 * tiles, 5: -(-sizes.tile // 256)}
    return mapping.retiled(found, one_pass(sizes), {"attention": tiles_of})
