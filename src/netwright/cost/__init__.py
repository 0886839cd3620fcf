"""What a mapping costs on a machine: engines count, one function prices, a mapper searches."""

from netwright.cost import pipeline, shaping, systolic, training
from netwright.cost.counts import Action, Counts
from netwright.cost.loopnest import count
from netwright.cost.mapper import GOALS, Goal, Mapped, search
from netwright.cost.mapspace import Mapspace
from netwright.cost.network import Layer, NetworkEstimate, estimate_network
from netwright.cost.price import Estimate, assumed_figures, check_figures, price, sequence
from netwright.cost.sizes import NetworkSize, size_of
from netwright.cost.spreads import Spread, spreads

__all__ = [
    "GOALS",
    "Action",
    "Counts",
    "Estimate",
    "Goal",
    "Layer",
    "Mapped",
    "Mapspace",
    "NetworkEstimate",
    "NetworkSize",
    "Spread",
    "assumed_figures",
    "check_figures",
    "count",
    "estimate_network",
    "pipeline",
    "price",
    "search",
    "sequence",
    "shaping",
    "size_of",
    "spreads",
    "systolic",
    "training",
]
