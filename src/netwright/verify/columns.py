"""Names of the columns of a table: which value of which input each holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from netwright.errors import DataError

_FORMS = ("{}{}", "{}_{}", "{}.{}", "{}[{}]")
"""How a column may be called after an input and the place of its value."""


def order_of(names: Sequence[str], sizes: Mapping[str, int], source: str) -> list[int] | None:
    """The column of every value, all inputs side by side in the graph's order.

    Args:
        names: Names of the columns.
        sizes: Values in a row of each input, in the graph's order.
        source: What is named where the names are refused.

    Returns:
        The columns; ``None`` where the names say nothing of the inputs, so that the order counts.

    Raises:
        DataError: Some names are those of inputs, and their order is not the graph's.

    >>> order_of(["z", "x1", "x0"], {"x": 2, "z": 1}, "rows.csv")
    [2, 1, 0]
    """
    found = {name: column for column, name in enumerate(names)}
    for wanted in _labels(sizes):
        if len(found) == len(names) and found.keys() == set(wanted):
            return [found[name] for name in wanted]
    expected = [name for name, size in sizes.items() for _ in range(size)]
    last: dict[str, int] = {}
    for column, (name, own) in enumerate(zip(names, expected, strict=True)):
        for other in sizes:
            index = _index(name, other)
            if index is None or (other != own and _index(name, own) is not None):
                continue
            if other != own or index < last.get(other, 0):
                raise DataError(
                    f'column {column + 1} is named "{name[:40]}", and the values of "{own}" are in '
                    "order there",
                    source=source,
                    hint="name every column after its input and its place, as in "
                    + ", ".join(next(_labels(sizes))[:6])
                    + ", or leave the names out",
                )
            last[other] = index + 1 if name != other else 0
    return None


def _labels(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Every way to name all columns, without those that give a name twice."""
    for bare in (True, False):
        for first in (0, 1):
            for form in _FORMS:
                made = [
                    name if bare and size == 1 else form.format(name, place + first)
                    for name, size in sizes.items()
                    for place in range(size)
                ]
                if len(set(made)) == len(made):
                    yield made


def _index(text: str, name: str) -> int | None:
    """The place that a column's name gives of an input; ``None`` if it is not named after it."""
    if text == name:
        return 0
    match = re.fullmatch(r"[_.\[]?([0-9]{1,9})\]?", text.removeprefix(name))
    return int(match[1]) if match and text.startswith(name) else None
