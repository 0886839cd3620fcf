"""What a mapping costs on a machine: engines count, one function prices."""

from netwright.cost.counts import Action, Counts
from netwright.cost.loopnest import count
from netwright.cost.price import Estimate, check_figures, price, sequence

__all__ = [
    "Action",
    "Counts",
    "Estimate",
    "check_figures",
    "count",
    "price",
    "sequence",
]
