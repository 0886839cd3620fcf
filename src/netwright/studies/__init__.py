"""Studies: published claims, checked one by one through the public interface."""

from netwright.studies.claims import (
    Claim,
    Finding,
    Kind,
    NotAttempted,
    Outcome,
    Profile,
    judge,
)
from netwright.studies.figures import average, percent, points
from netwright.studies.runner import Outcomes, run_claims, run_study
from netwright.studies.study import (
    ClaimFunction,
    Context,
    Study,
    find_study,
    list_studies,
    load_study,
)
from netwright.studies.tables import data, table

__all__ = [
    "Claim",
    "ClaimFunction",
    "Context",
    "Finding",
    "Kind",
    "NotAttempted",
    "Outcome",
    "Outcomes",
    "Profile",
    "Study",
    "average",
    "data",
    "find_study",
    "judge",
    "list_studies",
    "load_study",
    "percent",
    "points",
    "run_claims",
    "run_study",
    "table",
]
