"""What proposes points; those that need other packages are resolved by name."""

from netwright.explore.proposers.base import Proposer
from netwright.explore.proposers.simple import Grid, Listed, Random

__all__ = ["Grid", "Listed", "Proposer", "Random"]
