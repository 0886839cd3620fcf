"""Where evaluations run; Ray is imported on use only."""

from netwright.explore.executors.base import ATTEMPTS, Executor, Session
from netwright.explore.executors.here import Here
from netwright.explore.executors.pool import Pool

__all__ = ["ATTEMPTS", "Executor", "Here", "Pool", "Session"]
