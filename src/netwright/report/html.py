"""The report as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from netwright.escape import visible
from netwright.quantities import Quantity
from netwright.report import figures, hardware_figures, numbers
from netwright.report.designs import designs
from netwright.report.document import Document
from netwright.report.front import (
    alike,
    beaten_verdicts,
    blind_verdicts,
    front,
    pareto,
    training_of,
)
from netwright.report.hardware import Hardware
from netwright.report.headline import headline
from netwright.report.learning_figures import confusion, training
from netwright.report.style import SERIES
from netwright.report.view_pictures import pictures
from netwright.report.views import Views

TEMPLATE = "report.html.j2"


def render(document: Document) -> str:
    """The page of a document: inline pictures and style, no script, nothing from a network.

    Raises:
        MissingExtra: The document has pictures to draw and Matplotlib is not installed.
    """
    template = _environment().get_template(TEMPLATE)
    chosen = next((point for point in document.front if point.chosen), None)
    return template.render(
        document=document,
        style=Markup(_resource("style.css")),
        pictures={name: Markup(picture) for name, picture in _pictures(document)},
        views=_drawn(document.views, "view"),
        chip=_drawn(document.chip, "chip"),
        headline=headline(document),
        verdicts=blind_verdicts(document.front, document.measure)
        + beaten_verdicts(document.front, document.measure),
        chosen=chosen,
        fewer=[point for point in document.front if chosen and point.had_less(chosen)],
        total_weights=sum(row.num_weights for row in document.plan),
        total_bops=sum(row.bops.value for row in document.plan),
        total_bytes=sum(row.stored_bytes or 0 for row in document.plan),
        sparse=any(row.pattern for row in document.plan),
        front=[point for point in document.front if point.kind != "sampled"],
        edge=pareto(alike(document.front), document.measure),
        num_sampled=sum(point.kind == "sampled" for point in document.front),
        input_widths=_input_widths(document),
        growth=[item for row in document.sensitivities for item in row.input_growth.values()],
    )


def _drawn(views: Views | None, prefix: str) -> list[Markup]:
    return [Markup(drawn) for drawn in pictures(views, prefix=prefix)] if views else []


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_resource),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        count=numbers.count,
        percent=numbers.percent,
        figure=numbers.figure,
        ratio=numbers.ratio,
        sources=_sources,
        training_of=training_of,
    )
    environment.tests["quantity"] = lambda value: isinstance(value, Quantity)
    return environment


def _seen(value: object) -> object:
    """What the page shows of a value: text keeps no controls and no change of direction."""
    return visible(value, lines=True) if type(value) is str else value


def _resource(name: str) -> str:
    return (files("netwright.report") / "templates" / name).read_text(encoding="utf-8")


def _pictures(document: Document) -> Iterable[tuple[str, str]]:
    if document.roc:
        yield "roc", figures.roc(document.roc)
    if document.confusion:
        yield "confusion", confusion(document.confusion)
    if document.training:
        yield "training", training(document.training, document.measure)
    if document.sensitivities:
        yield "sensitivities", figures.sensitivities(document.sensitivities)
        if 1 <= _num_read(document) <= len(SERIES):
            yield "input_growth", figures.input_growth(document.sensitivities)
    if document.plan:
        yield "plan", figures.plan(document.plan)
    if document.front:
        yield "front", front(document.front, document.measure)
    if document.certificate:
        yield "certificate", figures.certificate(document.certificate)
    if document.designs:
        yield "designs", designs(document.designs, document.measure)
    for prefix, made in (("", document.hardware), ("tables-", document.tables)):
        if made:
            yield from _hardware_pictures(prefix, made)


def _hardware_pictures(prefix: str, made: Hardware) -> Iterable[tuple[str, str]]:
    """The pictures of one design; `prefix` tells them from those of another."""
    if made.layers:
        yield f"{prefix}pipeline", hardware_figures.pipeline(made.layers, prefix=prefix)
    if made.routing:
        rows, plan = made.routing.utilization, made.routing.floor_plan
        yield f"{prefix}utilization", hardware_figures.utilization(rows, prefix=prefix)
        if plan:
            yield f"{prefix}floor_plan", hardware_figures.floor_plan(plan, prefix=prefix)
    if made.depths:
        yield f"{prefix}depths", hardware_figures.depths(made.depths, prefix=prefix)


def _num_read(document: Document) -> int:
    """Layers whose reading was measured; each is a line of a picture, and lines need colors."""
    return sum(bool(row.input_growth) for row in document.sensitivities)


def _input_widths(document: Document) -> list[int]:
    """The widths at which the reading of some layer was measured."""
    return sorted({bits for row in document.sensitivities for bits in row.input_growth})


def _sources(quantities: Iterable[Quantity | None]) -> list[str]:
    """The distinct sources, in order of appearance."""
    return list(dict.fromkeys(item.source for item in quantities if item is not None))
