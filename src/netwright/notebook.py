"""Tables for notebooks: what ``_repr_html_`` of the values that people print returns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netwright.escape import html_text

MAX_ROWS = 200
"""Rows of a table in a notebook; the rest is counted."""


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as HTML; every text is escaped, whoever wrote it.

    Args:
        title: Stands above.
        head: Names of the columns.
        rows: As many cells each.

    Example:
        >>> "<caption>a &lt; b</caption>" in table("a < b", ["x"], [[1]])
        True
    """
    shown: list[str] = []
    hidden = 0
    for row in rows:
        if len(shown) < MAX_ROWS:
            shown.append("".join(f"<td>{_text(cell)}</td>" for cell in row))
        else:
            hidden += 1
    body = "".join(f"<tr>{cells}</tr>" for cells in shown)
    if hidden:
        body += f'<tr><td colspan="{len(head)}">and {hidden} more</td></tr>'
    columns = "".join(f"<th>{_text(name)}</th>" for name in head)
    return (
        f"<table><caption>{_text(title)}</caption><thead><tr>{columns}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _text(value: object) -> str:
    return html_text(str(value))
