"""Flow files: TOML that names a kind of flow and holds its settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from netwright.errors import ConfigError
from netwright.faults import closest
from netwright.registry import entries, resolve
from netwright.run.config import override, read_toml
from netwright.run.stage import Flow
from netwright.settings import Settings, check

DEFAULT_KIND = "codesign"


_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            "must be lower-case letters, digits and dashes, a letter first, 60 at most, "
            f'not "{name}"'
        )
    return name


def _distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"must differ from each other, not {list(seeds)}")
    return seeds


class FlowSettings(Settings):
    """Base of the settings of every kind of flow.

    A kind derives from it and defines :meth:`flow`; its name stands in the table ``flows`` of
    :mod:`netwright.registry` or in the entry points ``netwright.flows``.

    Attributes:
        schema_version: Version of the file's layout.
        name: Name of the flow, and of its run folder.
        kind: Which kind of flow this is.
        seeds: Everything random is repeated for each of them.
    """

    schema_version: Literal[1]
    name: Annotated[str, AfterValidator(_name)]
    kind: str = DEFAULT_KIND
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=2**31)], ...],
        Field(min_length=1),
        AfterValidator(_distinct),
    ] = (7,)

    def flow(self, *, folder: Path) -> Flow:
        """The stages of this flow.

        Args:
            folder: Folder of the flow file; relative paths in the file start there.
        """
        raise NotImplementedError


def load_flow(path: Path | str, *, overrides: Sequence[str] = ()) -> Flow:
    """Read a flow file.

    Args:
        path: The file.
        overrides: Assignments ``key.path=value`` that win over the file.

    Raises:
        ConfigError: The file cannot be read, or holds something that is not accepted.
    """
    source = str(path) + "".join(f" --set {assignment}" for assignment in overrides)
    data = override(read_toml(Path(path)), overrides)
    return parse_flow(data, source=source, folder=Path(path).resolve().parent)


def parse_flow(data: Mapping[str, object], *, source: str, folder: Path) -> Flow:
    """The flow that the tables of a file say.

    Args:
        data: What the file held.
        source: Its name, for messages.
        folder: Where relative paths in it start.

    Raises:
        ConfigError: Something is not accepted.
    """
    kind = data.get("kind", DEFAULT_KIND)
    if not isinstance(kind, str) or kind not in entries("flows"):
        known = tuple(entries("flows"))
        accepted = " or ".join(f'"{name}"' for name in known)
        near = closest(kind, known) if isinstance(kind, str) else ""
        raise ConfigError(f'kind must be {accepted}, not "{kind}"{near}', path=source)
    model = resolve("flows", kind)
    if not (isinstance(model, type) and issubclass(model, FlowSettings)):
        raise ConfigError(f'the flow kind "{kind}" must be a FlowSettings class, not {model!r}')
    return check(data, model, source=source, folder=folder).flow(folder=folder)
