"""What a mapping costs on a machine: engines count, one function prices, a mapper searches."""

from netwright.cost import dataflows, events, pipeline, shaping, systolic, training
from netwright.cost.accelerators import Unit, units_of
from netwright.cost.chips import Asked, Layers, Verdict, assess, layers_of
from netwright.cost.counts import Action, Counts
from netwright.cost.fused import Fused, fused
from netwright.cost.hash_merge import (
    MERGE_VERSIONS,
    MergeMachine,
    MergeOutcome,
    MergeProgram,
    MergeVersion,
    merge_machine,
    merge_variations,
    simulate_merge,
)
from netwright.cost.loopnest import count
from netwright.cost.mapper import GOALS, Goal, Mapped, search
from netwright.cost.mapspace import Mapspace
from netwright.cost.network import (
    Layer,
    NetworkEstimate,
    as_steps,
    estimate_network,
    products_undone,
)
from netwright.cost.price import Estimate, assumed_figures, check_figures, price, sequence
from netwright.cost.sizes import NetworkSize, size_of
from netwright.cost.split import METHODS, Method, NetworkSplit, Run, split, split_assessed
from netwright.cost.spreads import Spread, spreads

__all__ = [
    "GOALS",
    "MERGE_VERSIONS",
    "METHODS",
    "Action",
    "Asked",
    "Counts",
    "Estimate",
    "Fused",
    "Goal",
    "Layer",
    "Layers",
    "Mapped",
    "Mapspace",
    "MergeMachine",
    "MergeOutcome",
    "MergeProgram",
    "MergeVersion",
    "Method",
    "NetworkEstimate",
    "NetworkSize",
    "NetworkSplit",
    "Run",
    "Spread",
    "Unit",
    "Verdict",
    "as_steps",
    "assess",
    "assumed_figures",
    "check_figures",
    "count",
    "dataflows",
    "estimate_network",
    "events",
    "fused",
    "layers_of",
    "merge_machine",
    "merge_variations",
    "pipeline",
    "price",
    "products_undone",
    "search",
    "sequence",
    "shaping",
    "simulate_merge",
    "size_of",
    "split",
    "split_assessed",
    "spreads",
    "systolic",
    "training",
    "units_of",
]
