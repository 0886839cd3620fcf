"""A flow and its stages: values that say what is computed from what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel

from netwright.errors import ConfigError
from netwright.progress import Progress

P = TypeVar("P", bound=BaseModel)


class Reporter(Protocol):
    """What the engine tells about a run; the command line prints it, tests record it."""

    def update(self, done: float, total: float, text: str, /) -> None:
        """How far the stage is; a :class:`~netwright.progress.Progress`."""

    def begin(self, stage: str, position: int, count: int) -> None:
        """A stage starts; `position` counts from 1 to `count`."""

    def end(self, stage: str, position: int, count: int, *, status: str, seconds: float) -> None:
        """A stage has ended: its status is ``cached``, ``done``, ``failed`` or ``interrupted``."""

    def say(self, text: str) -> None:
        """Something that a user should know."""


class Silent:
    """A reporter that says nothing."""

    def update(self, done: float, total: float, text: str, /) -> None:
        """Nothing."""

    def begin(self, stage: str, position: int, count: int) -> None:
        """Nothing."""

    def end(self, stage: str, position: int, count: int, *, status: str, seconds: float) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class StageContext(Generic[P]):
    """What a stage function works with.

    Attributes:
        folder: An empty folder; what is written here becomes the stage's output. Its name changes
            when the stage is done, so no file may hold this path.
        inputs: Output folder of each stage in `needs`, and each file in `files`; read only.
        parameters: The stage's settings.
        scratch: A folder that survives an interruption and is empty at the very first try of these
            parameters and inputs; a long stage keeps its finished parts here.
        progress: Is told how far the work is.
        logs: A folder of the run for records on which nothing depends; it need not exist.
        shared: A folder for what several stages build from the same outputs, named after these; it
            need not exist, and ends with the last stage.
    """

    folder: Path
    inputs: Mapping[str, Path]
    parameters: P
    scratch: Path
    progress: Progress
    logs: Path
    shared: Path


@dataclass(frozen=True, slots=True)
class Stage(Generic[P]):
    """One step of a flow.

    Attributes:
        name: Unique in its flow; lower-case letters, digits and dashes.
        version: Raised whenever the function gives other results for equal inputs.
        parameters: The settings that the results depend on, and nothing else.
        needs: Names of earlier stages whose outputs are read.
        function: Does the work; writes into the context's folder.
        files: External files or folders that are read, by the name the function knows them under.
        publish: Output files that are also copied to the top of the run folder.
        requires: Extras and programs that it cannot do without, looked for before any stage starts;
            ``"g++ or iverilog"`` stands for either.
        rehearse: Raises what the function would refuse whatever earlier stages make; called before
            any of these starts. Stages that differ in it alone are equal.
    """

    name: str
    version: int
    parameters: P
    needs: tuple[str, ...]
    function: Callable[[StageContext[P]], None]
    files: Mapping[str, Path] = field(default_factory=dict)
    publish: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    rehearse: Callable[[], None] | None = field(default=None, compare=False)


AnyStage: TypeAlias = Stage[Any]
"""A stage, whatever its parameters."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Stages in the order in which they run.

    Attributes:
        name: Name of the run folder.
        stages: Each after the ones it needs.
        seeds: All seeds that the stages use, for the manifest.
        settings: The resolved settings as TOML; written to ``flow.toml`` of the run.
        sources: Python files that the settings name, by their relative paths; copied beside them.
    """

    name: str
    stages: tuple[AnyStage, ...]
    seeds: tuple[int, ...] = ()
    settings: str = ""
    sources: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for stage in self.stages:
            if stage.name in seen:
                raise ConfigError(f'flow "{self.name}" has two stages "{stage.name}"')
            for need in stage.needs:
                if need not in seen:
                    raise ConfigError(
                        f'stage "{stage.name}" needs "{need}", which is not an earlier stage'
                    )
            seen.add(stage.name)

    def index(self, name: str) -> int:
        """Position of the stage `name`, from 0.

        Raises:
            ConfigError: There is no such stage.
        """
        names = [stage.name for stage in self.stages]
        if name not in names:
            raise ConfigError(
                f'flow "{self.name}" has no stage "{name}"', hint=f"stages: {', '.join(names)}"
            )
        return names.index(name)
