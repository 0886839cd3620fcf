"""Upsets: which flip-flops are flipped at the same moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.radiation.triplication import COPIES, Flop, Hardened
from netwright.errors import ConfigError

Flips = NDArray[np.int32]
"""Upsets (upsets, flips, 3): number of the register, place of the bit, copy; -1 for no flip."""


@dataclass(frozen=True, slots=True)
class Site:
    """One flip-flop.

    Attributes:
        bit: Name of the bit, as in the source.
        copy: Which of the copies, 0 where there is one.
    """

    bit: str
    copy: int = 0


def copies(flop: Flop) -> int:
    """Flip-flops that hold each bit of a register."""
    return len(COPIES) if flop.voted else 1


def sites(hardened: Hardened, roles: Collection[str] | None = None) -> Flips:
    """Every flip-flop alone: upsets (flip-flops, 1, 3).

    Args:
        hardened: The design.
        roles: Roles of the registers; all unless given.
    """
    found = [
        (number, place, copy)
        for number, flop in enumerate(hardened.flops)
        if roles is None or flop.role in roles
        for place in range(flop.bits)
        for copy in range(copies(flop))
    ]
    return np.array(found, dtype=np.int32).reshape(len(found), 1, 3)


def sampled(
    hardened: Hardened, count: int, *, seed: int, roles: Collection[str] | None = None
) -> Flips:
    """A random choice of single upsets, each at most once, in a random order."""
    every = sites(hardened, roles)
    chosen = np.random.default_rng(seed).permutation(len(every))[:count]
    return every[chosen]


def doubles(
    hardened: Hardened,
    count: int,
    *,
    seed: int,
    same_triplet: bool,
    roles: Collection[str] | None = None,
) -> Flips:
    """Random pairs of flips at the same moment: upsets (count, 2, 3).

    Args:
        hardened: The design.
        count: Number of pairs.
        seed: Seed of the choice.
        same_triplet: Whether both hit copies of one bit, which no voter corrects, or two bits.
        roles: Roles of the registers; all unless given.

    Raises:
        ConfigError: There are no such pairs.
    """
    every = sites(hardened, roles)[:, 0]
    random = np.random.default_rng(seed)
    if same_triplet:
        every = every[[hardened.flops[number].voted for number in every[:, 0].tolist()]]
    bits = every[:, :2]
    if not len(every) or (not same_triplet and len(np.unique(bits, axis=0)) < 2):
        raise ConfigError("there are no two flip-flops to flip together")
    first = every[random.integers(0, len(every), count)]
    if same_triplet:
        second = first.copy()
        second[:, 2] = (first[:, 2] + random.integers(1, len(COPIES), count)) % len(COPIES)
        return np.stack([first, second], axis=1)
    second = every[random.integers(0, len(every), count)]
    while (same := (first[:, :2] == second[:, :2]).all(axis=1)).any():
        second[same] = every[random.integers(0, len(every), int(same.sum()))]
    return np.stack([first, second], axis=1)


def caught(
    hardened: Hardened, count: int, *, seed: int, roles: Collection[str] | None = None
) -> Flips:
    """Random bits whose copies all take a wrong value at the same clock edge: (count, 3, 3).

    That is what a transient in the logic before a register does when it comes with the edge while
    the register is written: it is in front of all copies, and no vote corrects it. A transient in
    the voter of a copy is a single upset of that copy.

    Raises:
        ConfigError: No bit is held three times.
    """
    every = sites(hardened, roles)[:, 0]
    every = every[[hardened.flops[number].voted for number in every[:, 0].tolist()]]
    if not len(every):
        raise ConfigError("no bit is held three times")
    first = every[np.random.default_rng(seed).integers(0, len(every), count)]
    found = np.repeat(first[:, None], len(COPIES), axis=1)
    found[:, :, 2] = np.arange(len(COPIES))
    return found


def flips_of(hardened: Hardened, upsets: Sequence[Sequence[Site]]) -> Flips:
    """Named flip-flops as upsets; shorter ones are filled with -1.

    Raises:
        ConfigError: There is no such bit or copy.
    """
    places = _places(hardened.flops)
    longest = max((len(upset) for upset in upsets), default=1)
    found = np.full((len(upsets), longest, 3), -1, dtype=np.int32)
    for number, upset in enumerate(upsets):
        for order, site in enumerate(upset):
            flop, place = places.get(site.bit, (-1, 0))
            if flop < 0:
                raise ConfigError(f'{hardened.top}: there is no bit "{site.bit}"')
            if not 0 <= site.copy < copies(hardened.flops[flop]):
                raise ConfigError(f'{hardened.top}: "{site.bit}" has no copy {site.copy}')
            found[number, order] = flop, place, site.copy
    return found


def named(hardened: Hardened, upset: NDArray[np.int32]) -> tuple[Site, ...]:
    """The flip-flops of one upset (flips, 3) by name."""
    rows = [row for row in upset.tolist() if row[0] >= 0]
    return tuple(Site(hardened.flops[flop].names[place], copy) for flop, place, copy in rows)


def _places(flops: Sequence[Flop]) -> Mapping[str, tuple[int, int]]:
    return {
        name: (number, place)
        for number, flop in enumerate(flops)
        for place, name in enumerate(flop.names)
    }
