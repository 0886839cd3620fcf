"""Designs that were generated before, read from their folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from netwright.backends.base import GRAPH, MANIFEST, Backend, Design
from netwright.errors import ConfigError, DataError, RunError
from netwright.escape import visible
from netwright.ir import Graph, load
from netwright.reading import read_typed
from netwright.registry import resolve

Chosen = TypeVar("Chosen")

_AGAIN = "generate the design again"


class _Graph(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    digest: str


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    schema_version: Literal[1]
    kind: str
    graph: _Graph
    options: dict[str, Any]
    files: dict[str, str]


_RECORDS = TypeAdapter(_Record)


@dataclass(frozen=True, slots=True)
class Opened:
    """What the folder of a design says of it.

    Attributes:
        root: The folder.
        kind: Kind of the backend that made it.
        graph: The integer graph it was made from.
        options: The options it was made with, as they were written.
        files: SHA-256 of every file when it was written.
    """

    root: Path
    kind: str
    graph: Graph
    options: Mapping[str, Any]
    files: Mapping[str, str]

    @classmethod
    def of(cls, folder: str | Path, *, kind: str = "") -> Opened:
        """Read the manifest and the graph of a design.

        Args:
            folder: Folder of the design.
            kind: The kind it must be of; any if empty.

        Raises:
            RunError: The folder holds no design, or one of another kind.
            DataError: Its manifest or its graph is damaged, or they do not belong together.
        """
        root = Path(folder)
        if not (root / MANIFEST).is_file():
            raise RunError(f"{root}: holds no design", hint="generate one there first")
        record = read_typed(
            root / MANIFEST, _RECORDS, what="is no manifest of a design", hint=_AGAIN
        )
        if kind and record.kind != kind:
            raise RunError(f'{root}: holds a design of kind "{record.kind}", not "{kind}"')
        graph = load(root / GRAPH)
        if graph.digest != record.graph.digest:
            raise DataError(f"{root / GRAPH}: is not the graph of the manifest", hint=_AGAIN)
        return cls(root, record.kind, graph, record.options, MappingProxyType(record.files))

    def options_as(self, cls: type[Chosen]) -> Chosen:
        """The options as the dataclass of the backend.

        Raises:
            DataError: They are not options of this backend.
        """
        try:
            return TypeAdapter(cls).validate_python(dict(self.options))
        except (ValidationError, ConfigError) as error:
            reason = visible(str(error).splitlines()[0])
            raise DataError(
                f"{self.root / MANIFEST}: its options are not accepted ({reason})", hint=_AGAIN
            ) from error


def open_design(folder: str | Path) -> Design:
    """The design in a folder, whichever backend wrote it.

    Args:
        folder: Folder of the design; nothing in it is changed.

    Raises:
        RunError: The folder holds no design.
        ConfigError: No backend of its kind is installed.
        DataError: Its manifest or its graph is damaged.
    """
    maker = cast("Callable[[], Backend]", resolve("backends", Opened.of(folder).kind))
    return maker().open(folder)
