"""N:M weights as an option of flows, and their patterns in plans."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from torch import nn

from netwright.errors import ConfigError, NumericsError
from netwright.formats import NM
from netwright.settings import Settings
from netwright.tasks import Task
from netwright.train import KeepNM
from netwright.train.nm import Method

_TEXT = re.compile(r"(\d{1,4}):(\d{1,4})")


class NMSparsity(Settings):
    """N:M weights from the first step of training on; see :class:`~netwright.train.KeepNM`.

    Attributes:
        kept: Weights of every group that stay.
        group: Weights of a group.
        method: Which stages of a training step see which weights.
        layers: Patterns by path, such as ``"2:4"``, or ``"dense"``; with it only these layers are
            sparse.
        decay: What is added of a weight that is not seen to its gradient; the published value of
            the method if left out.
        ragged: What becomes of a layer that the group does not divide.
    """

    kept: Annotated[int, Field(ge=1, le=1024)] = 2
    group: Annotated[int, Field(ge=2, le=1024)] = 8
    method: Method = "bdwp"
    layers: dict[str, str] = Field(default_factory=dict)
    decay: Annotated[float, Field(ge=0)] | None = None
    ragged: Literal["dense", "pad"] = "dense"

    @field_validator("layers")
    @classmethod
    def _are_patterns(cls, layers: dict[str, str]) -> dict[str, str]:
        for path, text in layers.items():
            try:
                _pattern(text)
            except ConfigError as error:
                raise ValueError(f'of "{path}" {error.message}') from None
        return layers

    @model_validator(mode="after")
    def _are_accepted(self) -> Self:
        try:
            self.callback()
        except (ConfigError, NumericsError) as error:
            raise ValueError(error.message) from None
        return self

    def make(self) -> Self:
        """Itself."""
        return self

    def callback(self) -> KeepNM:
        """What a training is given, in floating point or quantized."""
        return KeepNM(
            NM(self.kept, self.group),
            method=self.method,
            layers={path: _pattern(text) for path, text in self.layers.items()} or None,
            decay=self.decay,
            ragged=self.ragged,
        )

    def patterns(self, model: nn.Module, task: Task, *, part: str | None = None) -> dict[str, NM]:
        """The patterns that the weights of a trained network have, by path.

        Args:
            model: The float network.
            task: Its task.
            part: Path of a part; its layers alone, by their paths in it.
        """
        found = self.callback().patterns(model, task)
        if part is None:
            return found
        inside = f"{part}."
        return {
            path.removeprefix(inside): pattern
            for path, pattern in found.items()
            if path.startswith(inside)
        }


def _pattern(text: str) -> NM | None:
    if text == "dense":
        return None
    found = _TEXT.fullmatch(text)
    if found is None or not 0 < int(found[1]) < int(found[2]) <= 1024:
        raise ConfigError(
            f'must be "dense" or N:M, fewer kept than there are, such as "2:8", not "{text}"'
        )
    return NM(int(found[1]), int(found[2]))
