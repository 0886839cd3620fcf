"""Several runs side by side: what they were told, what they found."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Literal

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from netwright.notebook import table
from netwright.quantities import Quantity
from netwright.report.numbers import figure, percent
from netwright.report.part import Part

Section = Literal["run", "settings", "accuracy", "resources", "latency", "certificate"]


class ComparedRow(Part):
    """One thing, in every run.

    Attributes:
        section: What kind of thing.
        name: What it is.
        values: One for each run; ``None`` where a run has none.
        remark: How they differ, in words, where that can be said.
    """

    section: Section
    name: str
    values: tuple[Quantity | str | None, ...]
    remark: str = ""

    @property
    def differs(self) -> bool:
        """Whether the runs say unlike things."""
        return len(set(self.cells)) > 1

    @property
    def cells(self) -> tuple[str, ...]:
        """The values as text."""
        return tuple(_text(self.section, value) for value in self.values)


class Comparison(Part):
    """Several runs side by side.

    Attributes:
        runs: What tells the runs apart.
        rows: What was compared.
    """

    runs: tuple[str, ...]
    rows: tuple[ComparedRow, ...]

    def _repr_html_(self) -> str:
        rows = ((row.section, row.name, *row.cells, row.remark) for row in self.rows)
        head = ("", "", *self.runs, "difference")
        return table(" and ".join(self.runs), head, rows)

    def by_section(self) -> list[tuple[Section, list[ComparedRow]]]:
        """The rows of each section, in order."""
        names: Iterable[Section] = dict.fromkeys(row.section for row in self.rows)
        return [(name, [row for row in self.rows if row.section == name]) for name in names]


def render_comparison(found: Comparison) -> str:
    """A page of its own: style inside, no script, nothing from a network."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    folder = files("netwright.report") / "templates"
    style = (folder / "style.css").read_text(encoding="utf-8")
    page = (folder / "comparison.html.j2").read_text(encoding="utf-8")
    return environment.from_string(page).render(
        title=" and ".join(found.runs),
        style=Markup(style),
        runs=found.runs,
        sections=found.by_section(),
    )


def _text(section: Section, value: Quantity | str | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return percent(value) if section == "accuracy" else figure(value)
