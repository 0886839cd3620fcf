"""Where and when everything happens: orders, addresses, replacement; one judge of all of them."""

from netwright.mapping.baselines import POLICIES, Baseline, Policy, baseline
from netwright.mapping.cosma import Solution, cosma, scratchpad_of
from netwright.mapping.gaps import GapSolution, solve_gaps, traffic_of
from netwright.mapping.legality import check_legal, faults
from netwright.mapping.mapping import Mapping, Residency
from netwright.mapping.replay import Traffic, Transfer, replay
from netwright.mapping.schedule import Gap, Schedule, default_schedule, kib

__all__ = [
    "POLICIES",
    "Baseline",
    "Gap",
    "GapSolution",
    "Mapping",
    "Policy",
    "Residency",
    "Schedule",
    "Solution",
    "Traffic",
    "Transfer",
    "baseline",
    "check_legal",
    "cosma",
    "default_schedule",
    "faults",
    "kib",
    "replay",
    "scratchpad_of",
    "solve_gaps",
    "traffic_of",
]
