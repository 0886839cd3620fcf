"""Run a study claim by claim; finished claims are kept and not run again."""

from __future__ import annotations

import hashlib
import inspect
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from netwright import __version__
from netwright.errors import DataError, MissingExtra, NetwrightError
from netwright.files import write_text
from netwright.quantities import Quantity
from netwright.reading import read_typed
from netwright.report import ClaimRow, Document, claims_table
from netwright.run import Reporter, Silent
from netwright.run.when import when
from netwright.studies.claims import Claim, Finding, NotAttempted, Outcome, Profile, judge
from netwright.studies.study import (
    ClaimFunction,
    Context,
    Study,
    find_study,
    functions_of,
    pictures_of,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of every claim of a study.

    Attributes:
        study: The study.
        profile: The profile it ran with.
        outcomes: One for each claim, in the order of the study.
        pictures: Files that were drawn.
    """

    study: Study
    profile: Profile
    outcomes: tuple[Outcome, ...]
    pictures: tuple[Path, ...] = ()

    @property
    def rows(self) -> tuple[ClaimRow, ...]:
        """The outcomes as rows of a report."""
        return tuple(outcome.to_row() for outcome in self.outcomes)

    @property
    def holds(self) -> bool:
        """Whether every claim that the profile asks for was attempted, and none differs."""
        asked = self.asked
        return bool(asked) and not any(
            outcome.verdict in ("differs", "not-attempted") for outcome in asked
        )

    @property
    def asked(self) -> tuple[Outcome, ...]:
        """The claims that the profile asks for."""
        return tuple(outcome for outcome in self.outcomes if outcome.in_profile)

    @property
    def verdict(self) -> str:
        """What became of the claims, in one line."""
        verdicts = [outcome.verdict for outcome in self.asked]
        counts = [f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts)]
        left = len(self.outcomes) - len(verdicts)
        if left:
            counts.append(f"{left} left to the profile full")
        held = "holds" if self.holds else "FAILED"
        return f"verdict: {held}: {', '.join(counts) or 'the study has no claim'}"

    def to_document(self) -> Document:
        """The outcomes as a report of their own."""
        return Document(
            name=f"{self.study.name}-{self.profile}",
            title=self.study.title,
            task=f"Claims of {self.study.paper}.",
            claims=self.rows,
            when=when(),
        )

    def __str__(self) -> str:
        return claims_table(self.rows)


class _Stored(BaseModel):
    """A finding on disk, with the key it was computed under."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    ours: Quantity
    remark: str
    smaller_scale: str


def run_study(
    name: str,
    *,
    profile: Profile = "smoke",
    reporter: Reporter | None = None,
    folder: str | Path = Path("runs"),
) -> Outcomes:
    """Check the claims of a study, skipping those whose outcome is stored.

    A stored figure counts as long as the claim, the function's text, the profile and the package
    version are the same; the verdict is computed anew. Delete the folder to start over.

    Args:
        name: Name of the study.
        profile: ``"smoke"`` (seconds) or ``"full"`` (minutes).
        reporter: Told about every claim; silent by default.
        folder: Results are kept below it, in ``studies/NAME/PROFILE``.

    Raises:
        ConfigError: There is no such study.
        RunError: A result cannot be stored.
    """
    folder = Path(folder)
    study = find_study(name)
    found = run_claims(
        study, functions_of(study), profile=profile, reporter=reporter, folder=folder
    )
    draw = pictures_of(name) if profile == "full" else None
    if draw is None:
        return found
    try:
        return replace(found, pictures=draw(folder / "studies" / study.name / "pictures"))
    except MissingExtra as error:
        _log.warning("no pictures: %s", error)
        return found


def run_claims(
    study: Study,
    functions: Mapping[str, ClaimFunction],
    *,
    profile: Profile,
    reporter: Reporter | None = None,
    folder: str | Path,
) -> Outcomes:
    """Check `study` with the given functions, by claim id; see :func:`run_study`."""
    folder = Path(folder)
    reporter = reporter or Silent()
    place = folder / "studies" / study.name / profile
    context = Context(profile, place / "work", reporter)
    outcomes = []
    for position, claim in enumerate(study.claims, start=1):
        reporter.begin(claim.id, position, len(study.claims))
        started = time.perf_counter()
        outcome = _outcome(claim, functions.get(claim.id), context, place / f"{claim.id}.json")
        seconds = time.perf_counter() - started
        status = "cached" if outcome.cached else "done"
        reporter.end(claim.id, position, len(study.claims), status=status, seconds=seconds)
        outcomes.append(outcome)
    return Outcomes(study, profile, tuple(outcomes))


def _outcome(claim: Claim, function: ClaimFunction | None, context: Context, path: Path) -> Outcome:
    if claim.profile == "full" and context.profile == "smoke":
        declined = judge(claim, NotAttempted('checked by the profile "full" only'))
        return replace(declined, in_profile=False)
    if function is None:
        return judge(claim, NotAttempted(f"the study has no function {claim.function}"))
    key = _key(claim, function, context.profile)
    kept = _read(path, key)
    if kept is not None:
        return replace(judge(claim, kept), cached=True)
    context.folder.mkdir(parents=True, exist_ok=True)
    try:
        finding = function(context)
    except NetwrightError as error:
        return judge(claim, NotAttempted("; ".join(str(error).splitlines())))
    if isinstance(finding, Finding):
        _write(path, key, finding)
    return judge(claim, finding)


def _key(claim: Claim, function: ClaimFunction, profile: Profile) -> str:
    """Changes with the claim, the function, its bound arguments, the profile and the package."""
    inner, bound = (
        (function.func, function.args) if isinstance(function, partial) else (function, ())
    )
    source = inspect.getsource(inner)
    parts = (claim.model_dump_json(), source, repr(bound), profile, __version__)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _read(path: Path, key: str) -> Finding | None:
    try:
        if not path.exists():
            return None
        stored = read_typed(path, TypeAdapter(_Stored), what="is no finding")
    except DataError:
        _log.warning("%s: cannot be read; the claim is checked again", path)
        return None
    if stored.key != key:
        return None
    return Finding(stored.ours, stored.remark, stored.smaller_scale)


def _write(path: Path, key: str, finding: Finding) -> None:
    stored = _Stored(
        key=key,
        ours=finding.ours,
        remark=finding.remark,
        smaller_scale=finding.smaller_scale,
    )
    write_text(path, stored.model_dump_json(indent=2) + "\n")
