"""Search: points of a space are proposed in batches, evaluated anywhere, and never lost."""

from importlib import import_module
from typing import Any

from netwright.explore.executors import Executor, Here, Pool, Session
from netwright.explore.objective import Function, Job, Limits, Objective, Outcome, Tell, Work
from netwright.explore.parameter import Choice, Parameter, Point, Real, Value, Whole
from netwright.explore.proposers import Grid, Listed, Proposer, Random
from netwright.explore.ranking import best, dominates, front
from netwright.explore.search import Search, result_digest
from netwright.explore.settings import Ladder, SearchSettings
from netwright.explore.space import Constraint, Derived, Goal, Space
from netwright.explore.study import Identity, Study, open_study
from netwright.explore.trial import State, Trial

__all__ = [
    "Choice",
    "Constraint",
    "Derived",
    "Executor",
    "Function",
    "Goal",
    "Grid",
    "Here",
    "Identity",
    "Job",
    "Ladder",
    "Limits",
    "Listed",
    "Objective",
    "Outcome",
    "Parameter",
    "Point",
    "Pool",
    "Proposer",
    "Random",
    "Real",
    "Search",
    "SearchSettings",
    "Session",
    "Space",
    "State",
    "Study",
    "Tell",
    "Trial",
    "Value",
    "Whole",
    "Work",
    "best",
    "dominates",
    "front",
    "open_study",
    "plans",
    "result_digest",
]


def __getattr__(name: str) -> Any:
    """The sweep of bit plans, which needs torch, when it is asked for."""
    if name == "plans":
        return import_module("netwright.explore.plans")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
