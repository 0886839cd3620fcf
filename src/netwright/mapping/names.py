"""What to say of a name that no Einsum of a workload has."""

from __future__ import annotations

from netwright.faults import closest
from netwright.workload import Workload


def no_einsum(workload: Workload, name: str) -> str:
    """The end of a sentence about a name that is no Einsum's: why, and what may be meant.

    Example:
        >>> from netwright.workload import networks
        >>> no_einsum(networks.resnet18(), "conv00")
        'is no Einsum; did you mean "conv0"?'
    """
    if any(einsum.name == name for einsum in workload.in_place):
        return (
            f"is no Einsum of its own where operators are {workload.granularity}: it is done "
            "inside another step; where they are unfused (netwright map --granularity unfused) it "
            "is one"
        )
    return f"is no Einsum{closest(name, tuple(e.name for e in workload.einsums))}"
