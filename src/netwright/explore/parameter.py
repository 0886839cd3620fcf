"""What can be varied: choices, whole numbers and real numbers, each perhaps under a condition."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import (
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from netwright.faults import shown
from netwright.settings import Settings

Scalar: TypeAlias = bool | int | float | str

Value: TypeAlias = Scalar | tuple[Scalar, ...]
"""What a parameter can be set to; what a TOML file can hold without tables."""


def _one_of_all(given: object, check: ValidatorFunctionWrapHandler) -> Value:
    try:
        found: Value = check(tuple(given) if isinstance(given, list) else given)
    except ValidationError:
        raise ValueError(
            "must be a finite number, text, true or false, or an array of these, not "
            f"{shown(given)}"
        ) from None
    if isinstance(found, int) and abs(found) > LARGEST:
        raise ValueError(f"must be from -2**63 to 2**63, not {shown(found)}")
    return found


Given: TypeAlias = Annotated[Value, WrapValidator(_one_of_all)]
"""A value that stands in a file."""

Point: TypeAlias = Mapping[str, Value]
"""The value of every active parameter, in the order of the space."""

MOST_LEVELS = 1 << 20

LARGEST = 2**63


class _Parameter(Settings):
    """Base of all parameters.

    Attributes:
        name: How trials, rules and conditions call it.
        paths: What it sets, as dotted paths of the objective; its name if not given. Several paths
            get the same value.
        when: Values of earlier parameters with which this one exists at all.
    """

    name: str = Field(min_length=1, max_length=120)
    paths: tuple[str, ...] = ()
    when: dict[str, tuple[Given, ...]] = Field(default_factory=dict)

    @property
    def targets(self) -> tuple[str, ...]:
        """The dotted paths that it sets."""
        return self.paths or (self.name,)

    def is_active(self, point: Point) -> bool:
        """Whether it exists beside the values of earlier parameters."""
        return all(
            parent in point and same_value(point[parent], values)
            for parent, values in self.when.items()
        )


class Choice(_Parameter):
    """One of several values.

    Attributes:
        kind: ``choice``.
        values: At least one; all different.
        ordered: Whether neighbours in the list are alike, which some proposers use.
    """

    kind: Literal["choice"] = "choice"
    values: tuple[Given, ...] = Field(min_length=1)
    ordered: bool = False

    @field_validator("values")
    @classmethod
    def _distinct(cls, values: tuple[Value, ...]) -> tuple[Value, ...]:
        for index, value in enumerate(values):
            if same_value(value, values[:index]):
                raise ValueError(f"must differ from each other; {value!r} is there twice")
        return values

    @property
    def num_levels(self) -> int:
        """Values that it can have."""
        return len(self.values)

    def level(self, index: int) -> Value:
        """The value at a place, from 0."""
        return self.values[index]

    def index(self, value: Value) -> int | None:
        """The place of a value; none where it is no value of this parameter."""
        return next((i for i, own in enumerate(self.values) if same_value(value, (own,))), None)

    def share(self, value: Value) -> float:
        """Where a value lies between the first (0) and the last (1)."""
        return _share(self.index(value), len(self.values))


class Whole(_Parameter):
    """A whole number.

    Attributes:
        kind: ``integer``.
        low: The smallest.
        high: The largest.
        step: Distance of neighbours; `high` is one of the values.
        logarithmic: Whether ratios count, not differences.
    """

    kind: Literal["integer"] = "integer"
    low: int = Field(ge=-(2**53), le=2**53)
    high: int = Field(ge=-(2**53), le=2**53)
    step: int = Field(default=1, ge=1)
    logarithmic: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.high < self.low:
            raise ValueError(f"must have high of at least low ({self.low}), not {self.high}")
        if self.logarithmic and (self.low < 1 or self.step != 1):
            raise ValueError("a logarithmic one must have low of at least 1 and step 1")
        if (self.high - self.low) % self.step:
            last = self.high - (self.high - self.low) % self.step
            raise ValueError(f"must reach high ({self.high}) in steps of {self.step}; {last} is")
        if self.num_levels > MOST_LEVELS:
            raise ValueError(f"must have at most {MOST_LEVELS} values, not {self.num_levels}")
        return self

    @property
    def num_levels(self) -> int:
        """Values that it can have."""
        return (self.high - self.low) // self.step + 1

    def level(self, index: int) -> Value:
        """The value at a place, from 0."""
        return self.low + index * self.step

    def index(self, value: Value) -> int | None:
        """The place of a value; none where it is no value of this parameter."""
        if type(value) is not int or not self.low <= value <= self.high:
            return None
        index, rest = divmod(value - self.low, self.step)
        return None if rest else index

    def share(self, value: Value) -> float:
        """Where a value lies between low (0) and high (1)."""
        if not isinstance(value, int) or self.high == self.low:
            return 0.0
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


class Real(_Parameter):
    """A real number.

    Attributes:
        kind: ``real``.
        low: The smallest.
        high: The largest.
        logarithmic: Whether ratios count, not differences.
    """

    kind: Literal["real"] = "real"
    low: float
    high: float
    logarithmic: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.high <= self.low:
            raise ValueError(f"must have high above low ({self.low:g}), not {self.high:g}")
        if self.logarithmic and self.low <= 0:
            raise ValueError(f"a logarithmic one must have low above 0, not {self.low:g}")
        width = self.high / self.low if self.logarithmic else self.high - self.low
        if math.isinf(width):
            what = "high / low" if self.logarithmic else "high - low"
            raise ValueError(
                f"must have {what} of at most {sys.float_info.max:.2g}, not low {self.low:g} and "
                f"high {self.high:g}"
            )
        return self

    @property
    def num_levels(self) -> None:
        """It has no levels."""

    def at(self, share: float) -> float:
        """The value at a share of the way from low (0) to high (1)."""
        if self.logarithmic:
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + share * (self.high - self.low)
        return min(max(value, self.low), self.high)

    def share(self, value: Value) -> float:
        """Where a value lies between low (0) and high (1)."""
        number = float(value) if isinstance(value, int | float) else self.low
        if self.logarithmic:
            return math.log(number / self.low) / math.log(self.high / self.low)
        return (number - self.low) / (self.high - self.low)


Parameter: TypeAlias = Annotated[Choice | Whole | Real, Field(discriminator="kind")]
"""Any kind of parameter."""


def holds(parameter: Choice | Whole | Real, value: Value) -> bool:
    """Whether a parameter can have a value."""
    if isinstance(parameter, Real):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and parameter.low <= value <= parameter.high  # type: ignore[operator]
    return parameter.index(value) is not None


def at_share(parameter: Choice | Whole | Real, share: float) -> Value:
    """The value of a parameter at a share of its range: uniform shares give uniform values."""
    if isinstance(parameter, Real):
        return parameter.at(share)
    if isinstance(parameter, Whole) and parameter.logarithmic:
        low, high = parameter.low - 0.5, parameter.high + 0.5
        number = round(low * (high / low) ** share)
        return min(max(number, parameter.low), parameter.high)
    count = parameter.num_levels
    return parameter.level(min(int(share * count), count - 1))


def same_value(value: Value, accepted: tuple[Value, ...]) -> bool:
    """Whether a value is one of several; 1, 1.0 and true are three values."""
    return any(type(value) is type(other) and value == other for other in accepted)


def _share(index: int | None, count: int) -> float:
    return 0.0 if index is None or count < 2 else index / (count - 1)
