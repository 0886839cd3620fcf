"""What a report shows of training and of the mistakes that remain."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from netwright.report.part import Count, Part


class TrainingCurve(Part):
    """Loss and score of one training, epoch by epoch.

    Attributes:
        stage: What was trained.
        seed: Its seed.
        losses: Mean training loss of every epoch, in its own unit, nats for a cross entropy.
        accuracies: Score on the validation split after every epoch.
    """

    stage: str
    seed: int
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]

    @model_validator(mode="after")
    def _lengths_agree(self) -> Self:
        if not self.losses or len(self.losses) != len(self.accuracies):
            raise ValueError(
                "a training curve must have a loss and a score for every epoch, "
                f"not {len(self.losses)} and {len(self.accuracies)}"
            )
        return self


class Confusion(Part):
    """What rows of every class were taken for.

    Attributes:
        stage: Whose predictions these are.
        source: The rows.
        labels: Names of the classes.
        counts: For each true class, how many of its rows were given each class.
    """

    stage: str
    source: str
    labels: tuple[str, ...]
    counts: tuple[tuple[Count, ...], ...]

    @model_validator(mode="after")
    def _is_square(self) -> Self:
        size = len(self.labels)
        if len(self.counts) != size or any(len(row) != size for row in self.counts):
            raise ValueError(f"counts must have {size} rows of {size} numbers")
        return self

    @property
    def num_rows(self) -> int:
        """Rows of all classes."""
        return sum(map(sum, self.counts))

    @property
    def num_right(self) -> int:
        """Rows that were given their own class."""
        return sum(row[place] for place, row in enumerate(self.counts))
