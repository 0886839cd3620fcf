"""The integers of a requantizer: exact if any of reasonable width are, else the nearest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netwright.formats import Rounding
from netwright.ir import AttrValue
from netwright.passes.rationals import is_power_of_two
from netwright.passes.rescale import (
    MAX_FINER_BITS,
    PEAK_BITS,
    Miss,
    Rescaling,
    common,
    direct,
    exact,
    miss,
    nearest,
)
from netwright.passes.staircase import Staircase

_MOST_BITS = 24
"""Widest codes between two rescalings; QONNX's executor rounds wider ones to float32."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The integers of a Requantize.

    Attributes:
        rescalings: One for the tensor, or one for each channel; all with one shift.
        finer_bits: If not 0, they lead to a grid that is this much finer and round down; a second
            Requantize shifts and rounds.
        miss: How the codes differ from those of exact arithmetic; ``None`` if none does.
    """

    rescalings: tuple[Rescaling, ...]
    finer_bits: int = 0
    miss: Miss | None = None

    def attrs(self, axis: int | None) -> dict[str, AttrValue]:
        """Multiplier, offset, shift and axis."""
        multipliers = tuple(item.multiplier for item in self.rescalings)
        offsets = tuple(item.offset for item in self.rescalings)
        multipliers = multipliers[:1] if len(set(multipliers)) == 1 else multipliers
        offsets = offsets[:1] if len(set(offsets)) == 1 else offsets
        varied = len(multipliers) > 1 or len(offsets) > 1
        return {
            "multiplier": multipliers,
            "offset": offsets,
            "shift": self.rescalings[0].shift,
            "axis": axis if varied else None,
        }

    def __str__(self) -> str:
        assert self.miss is not None
        bits = max(abs(item.multiplier) for item in self.rescalings).bit_length()
        text = f"scale ratio written as a {bits}-bit integer over 2**{self.rescalings[0].shift}"
        steps = "one step" if self.miss.steps == 1 else f"up to {self.miss.steps} steps"
        if self.miss.codes is None:
            return f"{text}: codes next to a border may differ by {steps}"
        return f"{text}: {self.miss.codes} of {self.miss.of} codes differ by {steps}"


def plan(wanted: Sequence[Staircase]) -> Plan:
    """Integers that equal some staircases, one for each channel; all begin and end alike."""
    first, last = wanted[0].first, wanted[0].last
    if first == last:  # one code, whose ratio may be of any size
        return Plan(tuple(Rescaling(1, stair.end - first, 0) for stair in wanted))
    simple = all(
        stair.ratio.denominator == 1 or is_power_of_two(abs(stair.ratio)) for stair in wanted
    )
    found = direct(wanted) if simple else _each(wanted, 0)
    if found is None:
        found = direct(wanted, peak_bits=PEAK_BITS)
    if found is not None:
        return Plan(tuple(common(found)))
    if wanted[0].rounding is Rounding.HALF_EVEN:
        width = max(abs(wanted[0].low), abs(wanted[0].high)).bit_length()
        for finer_bits in range(1, min(MAX_FINER_BITS, _MOST_BITS - width) + 1):
            found = _each(wanted, finer_bits)
            if found is not None:
                return Plan(tuple(common(found)), finer_bits)
    found = nearest(wanted)
    misses = [miss(stair, item.staircase(stair)) for stair, item in zip(wanted, found, strict=True)]
    return Plan(tuple(found), miss=_worst([item for item in misses if item is not None]))


def _each(wanted: Sequence[Staircase], finer_bits: int) -> list[Rescaling] | None:
    """Exact integers for every channel, if there are."""
    known: dict[Staircase, Rescaling] = {}
    for stair in wanted:
        if stair not in known:
            found = exact(stair, finer_bits=finer_bits)
            if found is None:
                return None
            known[stair] = found
    shifted = common([known[stair] for stair in wanted])
    fits = not any(
        item.peak(stair) >> (PEAK_BITS + 1) for item, stair in zip(shifted, wanted, strict=True)
    )
    return shifted if fits else None


def _worst(misses: list[Miss]) -> Miss | None:
    if not misses:
        return None
    counts = [item.codes for item in misses]
    known = [count for count in counts if count is not None]
    return Miss(
        sum(known) if len(known) == len(counts) else None,
        sum(item.of for item in misses),
        max(item.steps for item in misses),
        max(item.error for item in misses),
    )
