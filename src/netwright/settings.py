"""Settings: frozen models that what a user writes is checked against, with every fault named."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from netwright.errors import ConfigError
from netwright.faults import faults, refused_values

M = TypeVar("M", bound=BaseModel)

FOLDER = "folder"
"""What validators find the folder under in their context."""


class Settings(BaseModel):
    """Base of all configuration models: frozen, strict, and closed to unknown names.

    Fields that hold several values are tuples; a TOML array fills them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def check(
    data: Mapping[str, object], model: type[M], *, source: str, folder: Path | None = None
) -> M:
    """`data` as a `model`.

    Args:
        data: What a TOML file held.
        model: What it must hold.
        source: Name of the file, for messages.
        folder: Where the relative paths in it start.

    Raises:
        ConfigError: Some settings are not accepted; the message lists all of them.
    """
    try:
        # JSON, because strict checking of Python data refuses a list for a tuple.
        return model.model_validate_json(json.dumps(data, default=str), context={FOLDER: folder})
    except ValidationError as error:
        found = faults(error, model)
    except ConfigError as error:  # a dataclass of options refuses its values
        found = refused_values(model, data) or error.faults
    raise refused(found, source=source)


def refused(found: Sequence[str], *, source: str, hint: str | None = None) -> ConfigError:
    """The error of a file in which some settings are not accepted.

    Args:
        found: A sentence for each, which begins with the path of the setting.
        source: Name of the file.
        hint: What to do instead.
    """
    if len(found) == 1:
        return ConfigError(found[0], path=source, hint=hint)
    lines = "".join(f"\n  {fault}" for fault in found)
    error = ConfigError(f"{len(found)} settings are not accepted{lines}", path=source, hint=hint)
    error.faults = tuple(found)
    return error
