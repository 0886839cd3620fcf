"""Figures of a machine with their sources, and what every part of its file has in common."""

from __future__ import annotations

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from netwright.arch.units import convert
from netwright.quantities import Fidelity, Quantity

LEAST, MOST = 1e-30, 1e30
"""Figures of machines lie between these; products and quotients of them stay finite."""


class Part(BaseModel):
    """Base of everything an architecture file holds: frozen, strict, closed to unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Figure(Part):
    """A figure with its source, as written in a file.

    A node converts its figures to the unit that is counted in; see :mod:`netwright.arch.units`.

    Attributes:
        value: In `unit`; never negative.
        unit: A unit of the figure's kind, with or without a prefix.
        source: Paper and table, or why it was assumed.
        fidelity: How it was obtained.
    """

    value: float = Field(ge=0)
    unit: str = Field(max_length=100)
    source: str = Field(min_length=1)
    fidelity: Fidelity = "published"

    def to_quantity(self) -> Quantity:
        """The figure as a quantity."""
        return Quantity(self.value, self.unit, self.source, self.fidelity)


def in_unit(figure: Figure, wanted: str, *, above_zero: bool = False) -> Figure:
    """A figure in the unit that is counted in; where it divides, it must be above 0.

    Raises:
        ValueError: The unit is another one, the figure is beyond what can be summed up with others,
            or it divides and is 0.
    """
    value = convert(figure.value, figure.unit, wanted=wanted)
    if value and not LEAST <= value <= MOST:
        raise ValueError(
            f"must be from {LEAST:g} to {MOST:g} {wanted}, or 0 where it does not divide, "
            f"not {value:g} {wanted}"
        )
    if above_zero and value == 0:
        raise ValueError(f"must be above 0, not {figure.value:g} {figure.unit}")
    return figure.model_copy(update={"value": value, "unit": wanted})


def figure_in(wanted: str, *, above_zero: bool = False) -> AfterValidator:
    """What converts figures of a setting, see :func:`in_unit`."""
    return AfterValidator(lambda figure: in_unit(figure, wanted, above_zero=above_zero))
