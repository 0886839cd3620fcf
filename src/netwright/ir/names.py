"""New names that nothing else in a graph or a file has."""

from __future__ import annotations

from collections.abc import Iterable


class Names:
    """Hands out names; knows every name that is there from the start.

    >>> names = Names(["w", "w_transposed"])
    >>> names.fresh("w_transposed"), names.fresh("bias")
    ('w_transposed_2', 'bias')
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def fresh(self, wanted: str) -> str:
        """`wanted`, or a numbered variant of it that nothing is called; taken from now on."""
        name, number = wanted, 2
        while name in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(name)
        return name

    def __contains__(self, name: object) -> bool:
        return name in self._taken
