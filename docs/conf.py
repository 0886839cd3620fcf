"""Settings of the documentation; `make docs` builds it and fails on any warning."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from netwright import __version__

project = "netwright"
author = "The netwright founders"
project_copyright = "The netwright founders, Apache-2.0"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_templates"]
html_math_renderer = "mathml"

html_theme = "furo"
html_title = f"netwright {release}"
html_static_path = ["_static"]
html_copy_source = False
html_show_sphinx = False

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autosummary_ignore_module_all = False
autosummary_imported_members = True
templates_path = ["_templates"]


def inline_formula(self: HTML5Translator, node: nodes.math) -> None:
    """Write MathML, which browsers draw themselves: no script, no network."""
    self.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def displayed_formula(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write MathML on lines of its own."""
    self.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def plain_stars(
    _app: Sphinx, _what: str, _name: str, _of: object, _opt: object, lines: list[str]
) -> None:
    """Keep the star of shapes such as ``(rows, *shape)``, which would begin an emphasis."""
    lines[:] = [re.sub(r"(?<![*\\`])\*(?=\w+[,)])", r"\\*", line) for line in lines]


def draw_gallery(app: Sphinx) -> None:
    """Draw the pages of the gallery from the reports that it keeps."""
    from netwright.report import read
    from netwright.report.html import render

    folder = Path(app.outdir) / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((Path(app.srcdir) / "gallery").glob("*.json")):
        (folder / f"{path.stem}.html").write_text(render(read(path)), encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Register the gallery, the renderer of formulas and the reader of docstrings."""
    app.connect("builder-inited", draw_gallery)
    app.connect("autodoc-process-docstring", plain_stars, priority=1)
    app.add_html_math_renderer("mathml", (inline_formula, None), (displayed_formula, None))
