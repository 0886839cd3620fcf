"""What a report shows of the data that a network learned from."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.report.part import Count, Part

MAX_COLUMNS = 64
"""Most columns of a table that are shown one by one."""


class Spread(Part):
    """Raw values of the training rows.

    Attributes:
        name: Of the column, or of the whole input.
        low: Smallest value.
        mean: Mean.
        deviation: Standard deviation, dividing by the number of values.
        high: Largest value.
    """

    name: str
    low: float
    mean: float
    deviation: float
    high: float


class DataInput(Part):
    """An input.

    Attributes:
        name: Its name.
        shape: Shape of one row.
        codes: Whether it holds whole numbers that stand for something, such as word pieces.
        spreads: Of every column of a table of at most :data:`MAX_COLUMNS`, else of all values.
    """

    name: str
    shape: tuple[Count, ...]
    codes: bool
    spreads: tuple[Spread, ...]


class DataSection(Part):
    """The data of a task, whatever its kind.

    Attributes:
        name: Of the task.
        title: One line that names the data.
        recipe: How the data were made.
        synthetic: Whether they are simulated; ``None`` if nobody knows.
        license: Remark on the rights to them.
        remarks: What a user of the data must know.
        rows: Rows of every split.
        inputs: What a network reads, in its order.
        output_shape: What it says of one row.
        classes: Training rows of every class; empty if it is no classification.
        loss: Name of the loss.
        score: What counts as good, and its direction.
        sha256: Digest of the table, as its card says.
        digest: SHA-256 of all inputs and targets, as they are learned.
    """

    name: str
    title: str
    recipe: str
    synthetic: bool | None
    license: str
    remarks: tuple[str, ...]
    rows: Mapping[str, Count]
    inputs: tuple[DataInput, ...]
    output_shape: tuple[Count, ...]
    classes: Mapping[str, Count]
    loss: str
    score: str
    sha256: str
    digest: str

    @property
    def origin(self) -> str:
        """Whether the data are simulated, in a few words."""
        if self.synthetic is None:
            return "of unknown origin"
        return "that were simulated" if self.synthetic else "that were measured"
