"""Claims of a paper, what we found, and the verdict that follows from both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from netwright.quantities import Fidelity, Quantity
from netwright.report import ClaimRow, Verdict
from netwright.run import Settings

Kind = Literal["exact", "anchor", "ratio", "trend"]
"""How a figure is compared.

``exact``
    Equal to the published value within `tolerance` (0: equal). For arithmetic.
``anchor``
    At most `tolerance` away from the published value, in the claim's unit.
``ratio``
    Ours over published differs from one by at most `tolerance`.
``trend``
    At least `at_least`, or at most `at_most`, give or take `tolerance`. For statements of
    direction; a published value is only shown.
"""

Profile = Literal["smoke", "full"]
"""``smoke`` takes seconds and runs in continuous integration; ``full`` takes minutes."""

_INDIRECT = ("modelled", "assumed")


class Claim(Settings):
    """One statement of a paper that can be checked.

    Attributes:
        id: Unique in its study; lower-case words joined by dashes. The function that checks it has
            the same name with underscores.
        text: The claim as a sentence, with what differs here (such as other data).
        kind: How the figures are compared.
        published: The published figure; ``None`` when only a direction is claimed.
        unit: Unit of all figures of the claim; empty for ratios.
        source: Paper and table, or where else the figure was read.
        fidelity: How the figure in `published` was obtained, where no paper prints it.
        tolerance: See :data:`Kind`.
        at_least: Lower bound of a trend.
        at_most: Upper bound of a trend.
        profile: The smallest profile that checks the claim.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
    text: str
    kind: Kind
    published: float | None = None
    unit: str = ""
    source: str
    fidelity: Fidelity = "published"
    tolerance: float = Field(default=0.0, ge=0)
    at_least: float | None = None
    at_most: float | None = None
    profile: Profile = "full"

    @model_validator(mode="after")
    def _bounds_fit_kind(self) -> Self:
        bounds = (self.at_least, self.at_most)
        if self.kind == "trend" and bounds.count(None) != 1:
            raise ValueError(f'claim "{self.id}": a trend needs one of at_least and at_most')
        if self.kind != "trend" and bounds != (None, None):
            raise ValueError(f'claim "{self.id}": at_least and at_most belong to kind "trend"')
        if self.kind != "trend" and self.published is None:
            raise ValueError(f'claim "{self.id}": kind "{self.kind}" needs a published value')
        if self.kind == "ratio" and self.published == 0:
            raise ValueError(
                f'claim "{self.id}": kind "ratio" needs a published value other than 0'
            )
        return self

    @property
    def function(self) -> str:
        """Name of the function that checks the claim."""
        return self.id.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a claim's function found.

    Attributes:
        ours: Our figure, in the claim's unit.
        remark: What a reader should know beside the figure.
        smaller_scale: Why the check ran on less than the paper did; empty if it did not. It
            replaces a favorable verdict, never ``differs``.
    """

    ours: Quantity
    remark: str = ""
    smaller_scale: str = ""


@dataclass(frozen=True, slots=True)
class NotAttempted:
    """A claim's function declines, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A claim with our figure and the verdict that follows.

    Attributes:
        claim: The claim.
        ours: Our figure; ``None`` if the claim was not attempted.
        verdict: Computed by :func:`judge`.
        why: The comparison in words, and the function's remark.
        cached: Whether the figure was kept from an earlier run.
        in_profile: Whether the profile asks for this claim at all.
    """

    claim: Claim
    ours: Quantity | None
    verdict: Verdict
    why: str
    cached: bool = False
    in_profile: bool = True

    def to_row(self) -> ClaimRow:
        """The outcome as a row of a report."""
        claim = self.claim
        published = None
        if claim.published is not None:
            published = Quantity(claim.published, claim.unit, claim.source, claim.fidelity)
        return ClaimRow(
            id=claim.id,
            text=claim.text,
            published=published,
            ours=self.ours,
            verdict=self.verdict,
            why=self.why,
        )


def judge(claim: Claim, finding: Finding | NotAttempted) -> Outcome:
    """The verdict on a claim, computed from the figures, the kind and the tolerance.

    Outside the tolerance it is ``differs``. Inside, it is ``smaller-scale`` if the function says
    so; ``modelled`` if our figure is modelled or assumed and the claim is not arithmetic; ``trend``
    for a trend; ``reproduced`` otherwise.
    """
    if isinstance(finding, NotAttempted):
        return Outcome(claim, None, "not-attempted", finding.reason)
    holds, comparison = _compare(claim, finding.ours.value)
    verdict: Verdict
    if not holds:
        verdict = "differs"
    elif finding.smaller_scale:
        verdict = "smaller-scale"
    elif finding.ours.fidelity in _INDIRECT and claim.kind in ("anchor", "ratio"):
        verdict = "modelled"
    elif claim.kind == "trend":
        verdict = "trend"
    else:
        verdict = "reproduced"
    parts = (comparison, finding.smaller_scale, finding.remark)
    return Outcome(claim, finding.ours, verdict, "; ".join(filter(None, parts)))


def _compare(claim: Claim, ours: float) -> tuple[bool, str]:
    unit = f" {claim.unit}" if claim.unit else ""
    if claim.kind == "trend":
        return _compare_bound(claim, ours, unit)
    assert claim.published is not None  # the claim's own check
    difference = ours - claim.published
    if difference == 0:
        return True, "equal"
    if claim.kind == "ratio":
        off = ours / claim.published - 1
        return abs(off) <= claim.tolerance, f"{off:+.1%} (tolerance {claim.tolerance:.1%})"
    # Decimal figures are rarely exact in binary: a difference that prints as the tolerance is it.
    holds = abs(difference) <= claim.tolerance * (1 + 1e-9)
    return holds, f"off by {difference:+.4g}{unit} (tolerance {claim.tolerance:g})"


def _compare_bound(claim: Claim, ours: float, unit: str) -> tuple[bool, str]:
    slack = f" ± {claim.tolerance:g}" if claim.tolerance else ""
    if claim.at_least is not None:
        holds = ours >= claim.at_least - claim.tolerance
        return holds, f"must be at least {claim.at_least:.10g}{slack}{unit}"
    assert claim.at_most is not None  # the claim's own check
    holds = ours <= claim.at_most + claim.tolerance
    return holds, f"must be at most {claim.at_most:.10g}{slack}{unit}"
