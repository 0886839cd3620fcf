"""Off-chip traffic against the size of the scratchpad, and where more stops paying."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.arch import Architecture
from netwright.mapping.cosma import scratchpad_of
from netwright.mapping.gaps import solve_gaps
from netwright.mapping.schedule import Schedule, default_schedule
from netwright.workload import Workload


@dataclass(frozen=True, slots=True)
class Point:
    """One size and the least traffic in it.

    Attributes:
        capacity_bytes: Size of the scratchpad.
        num_bytes: Non-compulsory bytes.
    """

    capacity_bytes: int
    num_bytes: int


@dataclass(frozen=True, slots=True)
class Curve:
    """Least traffic for sizes from the smallest that runs to the peak.

    Attributes:
        points: By size; traffic never rises.
        knee: Index of the point that lies farthest below the line from the first to the last
            (Satopaa et al. 2011, with both axes scaled to 1); the last if traffic is always 0.
    """

    points: tuple[Point, ...]
    knee: int


def traffic_curve(
    workload: Workload,
    architecture: Architecture,
    *,
    order: tuple[str, ...] | None = None,
    places_weights: bool = False,
    num_points: int = 33,
) -> Curve:
    """The curve of a workload in one order, without regard to addresses.

    Args:
        workload: What is computed.
        architecture: Its scratchpad lends the line; its capacity is not used.
        order: Names of the Einsums; the workload's own order if not given.
        places_weights: Whether trained parameters pass through the scratchpad too.
        num_points: Sizes, evenly spaced; one if the smallest that runs is the peak.

    Raises:
        MissingExtra: SciPy is not installed.
    """
    memory, _ = scratchpad_of(architecture)
    schedule = default_schedule(
        workload, line_bytes=memory.line_bytes, places_weights=places_weights
    )
    if order is not None:
        schedule = Schedule(workload, order, memory.line_bytes, places_weights)
    low, high, line = schedule.largest_demand, schedule.peak, memory.line_bytes
    steps = max(num_points - 1, 1)
    sizes = {low + -(-(high - low) * i // (steps * line)) * line for i in range(steps + 1)}
    points = tuple(
        Point(size, solve_gaps(schedule, size).num_bytes)
        for size in sorted(min(s, high) for s in sizes)
    )
    return Curve(points, _knee(points))


def _knee(points: tuple[Point, ...]) -> int:
    first, last = points[0], points[-1]
    width = last.capacity_bytes - first.capacity_bytes
    height = first.num_bytes - last.num_bytes
    if width == 0 or height == 0:
        return len(points) - 1
    below = [
        (first.num_bytes - point.num_bytes) / height
        - (point.capacity_bytes - first.capacity_bytes) / width
        for point in points
    ]
    return below.index(max(below))
