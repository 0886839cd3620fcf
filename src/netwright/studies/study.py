"""Studies: the claims of one paper, and where the functions that check them are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Literal, Self

from pydantic import Field, model_validator

from netwright.errors import ConfigError
from netwright.registry import entries, resolve
from netwright.run import Reporter, Settings, load_toml
from netwright.studies.claims import Claim, Finding, NotAttempted, Profile


class Study(Settings):
    """A paper's claims, as read from ``NAME.toml``.

    Attributes:
        name: Short name.
        title: What is studied.
        paper: Authors, title, year and identifier.
        claims: In the order in which they are checked.
    """

    schema_version: Literal[1]
    name: str
    title: str
    paper: str
    claims: tuple[Claim, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [claim.id for claim in self.claims]
        repeated = sorted({claim_id for claim_id in ids if ids.count(claim_id) > 1})
        if repeated:
            raise ValueError(f"claims: each id must be unique; repeated: {', '.join(repeated)}")
        return self


@dataclass(frozen=True, slots=True)
class Context:
    """What a claim's function may use.

    Attributes:
        profile: ``"smoke"`` or ``"full"``; a function may do less for smoke, and then says so.
        folder: A folder that lasts between runs and is shared by the study's functions: long work
            keeps its parts here and goes on after an interruption.
        reporter: Where to say how far the work is.
    """

    profile: Profile
    folder: Path
    reporter: Reporter


ClaimFunction = Callable[[Context], Finding | NotAttempted]
"""Checks one claim. A :class:`~netwright.errors.NetwrightError` that it raises makes the claim
not attempted; any other exception ends the study."""


def load_study(path: str | Path) -> Study:
    """Read a study's claims.

    Raises:
        ConfigError: The file is not a study; the message lists all faults.
    """
    path = Path(path)
    return load_toml(path, Study)


def find_study(name: str) -> Study:
    """The study of this name, from the TOML file beside its module.

    Raises:
        ConfigError: There is no such study.
    """
    return load_study(Path(_module(name).__file__ or "").with_suffix(".toml"))


def list_studies() -> tuple[Study, ...]:
    """All studies, those of other packages included, by name."""
    return tuple(find_study(name) for name in sorted(entries("studies")))


def functions_of(study: Study) -> Mapping[str, ClaimFunction]:
    """The function of each claim that has one, by claim id."""
    module = _module(study.name)
    found = ((claim.id, getattr(module, claim.function, None)) for claim in study.claims)
    return {claim_id: function for claim_id, function in found if function is not None}


def pictures_of(name: str) -> Callable[[Path], tuple[Path, ...]] | None:
    """The function that draws a study's pictures into a folder, if it has a module for them."""
    place = f"{_module(name).__name__}_pictures"
    if find_spec(place) is None:
        return None
    draw: Callable[[Path], tuple[Path, ...]] = import_module(place).draw
    return draw


def _module(name: str) -> ModuleType:
    module = resolve("studies", name)
    if not isinstance(module, ModuleType):
        raise ConfigError(f'the study "{name}" must be a module, not {type(module).__name__}')
    return module
