"""How a space is searched, as a file says it."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from netwright.explore.objective import Limits
from netwright.settings import Settings

MOST_TRIALS = 10_000_000

MOST_SECONDS = 1e8
"""Three years; clocks of the system take no number that is much larger."""

MOST_MEGABYTES = 10**9


class Ladder(Settings):
    """Little effort first: of every batch the better trials are evaluated again with more.

    Attributes:
        fidelities: Efforts from least to most, in the unit of the objective.
        keep: Share of the trials of a batch that climb each step, at least one.
    """

    fidelities: tuple[float, ...] = Field(min_length=2)
    keep: float = Field(default=1 / 3, gt=0, lt=1)

    @field_validator("fidelities")
    @classmethod
    def _rising(cls, fidelities: tuple[float, ...]) -> tuple[float, ...]:
        if sorted(set(fidelities)) != list(fidelities) or fidelities[0] <= 0:
            raise ValueError(f"must rise from above 0, not {list(fidelities)}")
        return fidelities


class SearchSettings(Settings):
    """How a space is searched.

    Attributes:
        trials: Proposals to try.
        batch: Proposals that are made together; those of the next batch know all their outcomes.
            It is the number of evaluations that can go on at the same time.
        seed: Of everything random.
        proposer: ``kind`` and options of what proposes.
        time_limit_s: Most seconds of one evaluation.
        memory_limit_mb: Most megabytes that one evaluation takes.
        ladder: Little effort first.
    """

    trials: int = Field(default=100, ge=1, le=MOST_TRIALS)
    batch: int = Field(default=8, ge=1, le=10_000)
    seed: int = Field(default=0, ge=0, lt=2**31)
    proposer: dict[str, object] = Field(default_factory=lambda: dict[str, object](kind="tpe"))
    time_limit_s: float | None = Field(default=None, gt=0, le=MOST_SECONDS)
    memory_limit_mb: int | None = Field(default=None, ge=1, le=MOST_MEGABYTES)
    ladder: Ladder | None = None

    @model_validator(mode="after")
    def _kind(self) -> Self:
        if not isinstance(self.proposer.get("kind"), str):
            raise ValueError("must name the proposer: proposer.kind is missing")
        return self

    @property
    def limits(self) -> Limits:
        """What one evaluation may use."""
        most = self.memory_limit_mb
        return Limits(self.time_limit_s, None if most is None else most * 1_000_000)
