"""Objective ``python``: a function in a Python file of the user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from netwright import python_file
from netwright.errors import ConfigError
from netwright.explore.objective import Tell
from netwright.explore.parameter import Value
from netwright.explore.space import Space
from netwright.reading import read_bytes
from netwright.settings import Settings


class PythonOptions(Settings):
    """Options of the objective.

    Attributes:
        function: ``"FILE.py:NAME"``: gets the value of each parameter by path, and returns a table
            of numbers by name.
    """

    function: str

    def make(self, folder: Path | None = None) -> PythonObjective:
        """The objective.

        Args:
            folder: Where relative paths start.
        """
        try:
            name = python_file.parse(self.function, folder=folder)
        except ConfigError as error:
            raise ConfigError(f"function: {error.message}", hint=error.hint) from None
        return PythonObjective(str(name.path.resolve()), name.attribute)


@dataclass(frozen=True, slots=True)
class PythonObjective:
    """A function in a file; other processes run the file again.

    Attributes:
        path: The file.
        attribute: Name of the function.
    """

    path: str
    attribute: str

    @property
    def digest(self) -> str:
        """The bytes of the file."""
        data = read_bytes(self.path, most=python_file.MAX_BYTES, kind=ConfigError)
        return f"python {self.attribute} {hashlib.sha256(data).hexdigest()}"

    def check(self, space: Space) -> None:
        """Refuse a file that cannot be run, or that has no such function."""
        self._function()

    def evaluate(
        self, settings: Mapping[str, Value], *, fidelity: float, tell: Tell
    ) -> Mapping[str, float]:
        """What the function returns."""
        found = self._function()(dict(settings))
        if not isinstance(found, Mapping):
            raise ConfigError(
                f'"{self.attribute}" must return a table of numbers, not {type(found).__name__}'
            )
        return found

    def _function(self) -> Callable[[Mapping[str, Value]], Any]:
        name = python_file.parse(f"{self.path}:{self.attribute}")
        found = python_file.lookup(name)
        if not callable(found):
            raise ConfigError(f'"{name}" must be a function, not {type(found).__name__}')
        return cast("Callable[[Mapping[str, Value]], Any]", found)
