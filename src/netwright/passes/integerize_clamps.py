"""Limits of codes that differ from channel to channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netwright.ir import AttrValue, Node
from netwright.passes.carried import Carried
from netwright.passes.integer_builder import IntegerBuilder, unchanged_codes
from netwright.passes.rationals import Exact


@dataclass(frozen=True, slots=True)
class _Stage:
    """``clip(code + offset, low, high)`` with an offset for each channel."""

    offsets: Exact
    low: int
    high: int


def _stages(lows: Exact, highs: Exact, first: int, last: int) -> list[_Stage]:
    """Limits for each channel as sums and limits for all: a limit is where a sum is 0."""
    same_low, same_high = np.all(lows == lows[0]), np.all(highs == highs[0])
    if same_high:
        return [
            _Stage(-lows, 0, max(last - min(lows), 0)),
            _Stage(lows, min(lows), highs[0]),
        ]
    below = _Stage(-highs, min(first - max(highs), 0), 0)
    if same_low:
        return [below, _Stage(highs, lows[0], max(highs))]
    between = _Stage(highs - lows, 0, max(highs - lows))
    return [below, between, _Stage(lows, min(lows), max(highs))]


def clamp_channels(
    builder: IntegerBuilder,
    node: Node,
    carried: Carried,
    lows: Exact,
    highs: Exact,
    axis: int,
) -> Carried:
    """Limit the codes of each channel; exact, for only sums and limits are needed.

    Args:
        builder: The graph being built.
        node: Its name and output are those of the last operation.
        carried: The codes.
        lows: The smallest code of each channel.
        highs: The largest code of each channel, not below.
        axis: The axis of the channels.
    """
    stages = _stages(lows, highs, carried.bounds.low, carried.bounds.high)
    for index, stage in enumerate(stages):
        ends = index == len(stages) - 1
        name = node.name if ends else builder.free_name(f"{node.name}_limit{index + 1}")
        attrs: dict[str, AttrValue] = {
            **unchanged_codes(carried.bounds),
            "offset": tuple(map(int, stage.offsets)),
            "axis": axis,
            "low": int(stage.low),
            "high": int(stage.high),
        }
        carried = builder.emit(
            "Requantize",
            name,
            (carried.name,),
            node.output if ends else name,
            attrs,
            scale=carried.scale,
            origin=node.origin or node.name,
            drift=carried.drift,
        )
    return carried
