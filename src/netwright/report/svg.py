"""Matplotlib figures as inline SVG that is equal byte for byte for equal data."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.errors import require
from netwright.escape import html_text
from netwright.files import write_atomic, write_text
from netwright.report.style import SETTINGS

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_PREAMBLE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r" *<metadata>.*?</metadata>\n", re.DOTALL)
_COMMENT = re.compile(r" *<!--.*?-->\n?", re.DOTALL)
_SIZE = re.compile(r' (?:width|height)="[\d.]+pt"')
_REFERENCE = re.compile(r'( id="|xlink:href="#|url\(#)')


def draw(
    paint: Callable[[Figure], None], *, width: float, height: float, name: str, title: str
) -> str:
    """Paint a figure and return it as one ``<svg>`` element.

    Args:
        paint: Fills the figure.
        width: Width in inches at the natural size; the page scales it.
        height: Height in inches.
        name: Unique on the page; identifiers inside the picture start with it.
        title: What the picture shows, for readers who do not see it.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    matplotlib = require("matplotlib", extra="plots", purpose="a report with pictures")
    figures = require("matplotlib.figure", extra="plots", purpose="a report with pictures")
    buffer = BytesIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = figures.Figure(figsize=(width, height), layout="constrained")
        paint(figure)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _inline(buffer.getvalue().decode(), name=name, title=title)


def draw_png(paint: Callable[[Figure], None], *, width: float, height: float) -> bytes:
    """Paint a figure and return it as a PNG file with a white ground.

    Args:
        paint: Fills the figure.
        width: Width in inches at 150 dots an inch.
        height: Height in inches.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    matplotlib = require("matplotlib", extra="plots", purpose="a report with pictures")
    figures = require("matplotlib.figure", extra="plots", purpose="a report with pictures")
    buffer = BytesIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = figures.Figure(figsize=(width, height), layout="constrained")
        paint(figure)
        figure.savefig(buffer, format="png", dpi=150, facecolor="white")
    return buffer.getvalue()


def write_picture(
    path: Path, paint: Callable[[Figure], None], *, width: float, height: float, title: str
) -> None:
    """Write a figure to a file: ``.png``, or SVG for any other suffix."""
    if path.suffix == ".png":
        png = draw_png(paint, width=width, height=height)
        write_atomic(path, lambda file: file.write(png))
        return
    svg = draw(paint, width=width, height=height, name="picture", title=title)
    standalone = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    write_text(path, svg if "xmlns=" in svg else standalone)


def plain_log(axis: Axis, *, steps: tuple[int, ...]) -> None:
    """Label a log axis with plain numbers at `steps` of every decade, in thousands from 10k on."""
    ticker = require("matplotlib.ticker", extra="plots", purpose="a report with pictures")
    axis.set_major_locator(ticker.LogLocator(subs=steps, numticks=20))
    axis.set_minor_locator(ticker.NullLocator())
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: _plain(value)))


def _plain(value: float) -> str:
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size and value >= 1e4:
            return f"{value / size:g}{suffix}"
    return f"{value:g}"


def _inline(text: str, *, name: str, title: str) -> str:
    for pattern in (_PREAMBLE, _METADATA, _COMMENT):
        text = pattern.sub("", text)
    text = _SIZE.sub("", text, count=2)
    text = _REFERENCE.sub(rf"\g<1>{name}-", text)
    label = html_text(title)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1).strip()
