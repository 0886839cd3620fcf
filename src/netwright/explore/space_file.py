"""Space files: TOML that says what is searched, what evaluates it, and how."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, Field

from netwright.errors import ConfigError
from netwright.explore.objective import Objective
from netwright.explore.parameter import Parameter
from netwright.explore.proposers.base import Proposer
from netwright.explore.search import Search
from netwright.explore.settings import SearchSettings
from netwright.explore.space import Constraint, Derived, Goal, Space
from netwright.options import make, options_of
from netwright.reading import read_toml
from netwright.registry import entries
from netwright.settings import Settings, check, refused

_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(
            "must be lower-case letters, digits and dashes, a letter first, 60 at most, "
            f'not "{name}"'
        )
    return name


class SpaceFile(Settings):
    """What a space file holds.

    Attributes:
        schema_version: Of the file's layout.
        name: Name of the study, and of its folder.
        title: What is searched, in a sentence.
        objective: ``kind`` and options of what evaluates.
        parameters: What is varied.
        goals: What is wanted.
        constraints: What must hold.
        derived: Values that are computed.
        search: How it is searched.
    """

    schema_version: Literal[1]
    name: Annotated[str, AfterValidator(_name)]
    title: str = ""
    objective: dict[str, object]
    parameters: tuple[Parameter, ...] = Field(min_length=1)
    goals: tuple[Goal, ...] = Field(min_length=1)
    constraints: tuple[Constraint, ...] = ()
    derived: tuple[Derived, ...] = ()
    search: SearchSettings = SearchSettings()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A space file, ready to run.

    Attributes:
        search: The search.
        trials: How many trials the file asks for.
    """

    search: Search
    trials: int


def load(path: str | Path, *, proposer: str | None = None, seed: int | None = None) -> Loaded:
    """Read a space file.

    Args:
        path: The file.
        proposer: Another proposer than the file's, with its default options.
        seed: Another seed.

    Raises:
        ConfigError: The file cannot be read, or something in it is not accepted; the message lists
            all faults.
    """
    path = Path(path)
    source = str(path)
    data = read_toml(path)
    file = check(data, SpaceFile, source=source)
    space = check(file.model_dump(include=set(Space.model_fields)), Space, source=source)
    options = file.search
    wanted = options.proposer if proposer is None else dict[str, object](kind=proposer)
    search = Search(
        space,
        cast(Objective, _made("objectives", file.objective, source, "objective", path.parent)),
        cast(Proposer, _made("proposers", wanted, source, "search.proposer", path.parent)),
        name=file.name,
        batch=options.batch,
        seed=options.seed if seed is None else seed,
        limits=options.limits,
        ladder=options.ladder,
        title=file.title,
    )
    try:
        space.check()
        search.objective.check(space)
    except ConfigError as error:
        raise refused(error.faults, source=source, hint=error.hint) from None
    return Loaded(search, options.trials)


def _made(kind: str, table: dict[str, object], source: str, place: str, folder: Path) -> object:
    """What a table with a ``kind`` and options makes."""
    name = table.get("kind")
    if not isinstance(name, str):
        raise ConfigError(
            f"{place}.kind is missing", path=source, hint=f"{kind}: {', '.join(entries(kind))}"
        )
    options = {key: value for key, value in table.items() if key != "kind"}
    try:
        model = options_of(kind, name, given=("folder",))
    except ConfigError as error:
        raise ConfigError(f"{place}.kind: {error.message}", path=source, hint=error.hint) from None
    checked = check(options, model, source=f"{source}: [{place}]")
    try:
        return make(kind, name, dict(checked), folder=folder)
    except ConfigError as error:
        faults = [f"{place}.{fault}" for fault in error.faults]
        raise refused(faults, source=source, hint=error.hint) from None
