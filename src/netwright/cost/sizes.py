"""How large networks are: multiply-accumulates and trained parameters."""

from __future__ import annotations

from dataclasses import dataclass

from netwright.ir.einsums.einsum import UNKNOWN
from netwright.workload import Workload


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """Counts of a network.

    Attributes:
        num_macs: Multiply-accumulates of all sums of products, points on padding included.
        num_parameters: Trained parameters; biases and normalization that are folded do not count.
        not_counted: Operators whose work is not known, such as attention as one step.
    """

    num_macs: int
    num_parameters: int
    not_counted: tuple[str, ...] = ()


def size_of(workload: Workload) -> NetworkSize:
    """Multiply-accumulates and parameters of a network, as exact integers."""
    unknown = tuple(e.name for e in workload.einsums if e.map_op in UNKNOWN)
    return NetworkSize(workload.num_macs, workload.num_parameters, unknown)
