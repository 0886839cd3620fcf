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
from netwright.studies.figures import percent, points
from netwright.studies.runner import Outcomes, run_claims, run_study
from netwright.studies.study import (
    ClaimFunction,
    Context,
    Study,
    find_study,
    list_studies,
    load_study,
)

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
    "find_study",
    "judge",
    "list_studies",
    "load_study",
    "percent",
    "points",
    "run_claims",
    "run_study",
]
