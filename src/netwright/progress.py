"""How far long work is: the one signature of everything that is told of it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told how far long work is.

    Every function that takes long has an argument ``progress``; any function of three arguments
    will do. What it returns is ignored; what it raises ends the work.

    >>> def show(done: float, total: float, text: str) -> None:
    ...     print(f"{done:g} of {total:g}: {text}")
    """

    def __call__(self, done: float, total: float, text: str, /) -> object:
        """Hear that `done` of `total` steps are finished.

        Args:
            done: From 0 to `total`.
            total: Number of steps; 0 where it is not known.
            text: What is finished or goes on now; may be empty.
        """


def silent(done: float, total: float, text: str, /) -> None:
    """Tell nobody."""
