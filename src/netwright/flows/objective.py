"""Objective ``flow``: what a run measures, any setting of its flow file being varied."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pydantic import Field

from netwright import __version__
from netwright.errors import ConfigError, DataError
from netwright.explore import Space, Tell, Value
from netwright.explore.objective import reached, unmeasured
from netwright.explore.paths import changed, looked_up
from netwright.files import sha256
from netwright.flows.flow import parse_flow
from netwright.reading import read_json
from netwright.run import Flow, execute
from netwright.run.config import read_toml
from netwright.run.folder import RunFolder
from netwright.settings import Settings

_PLACE = re.compile(r"(?P<stage>[a-z0-9-]+)/(?P<file>[\w.-]+\.json):(?P<path>.+)")


class FlowOptions(Settings):
    """Options of the objective.

    Attributes:
        flow: The flow file.
        values: What is measured, by name: ``"STAGE/FILE.json:PATH"``.
        until: The last stage that is run; that of the last value if not given.
        runs: Folder of the runs, one for each point; a run that was killed goes on.
        fidelity: Setting of the flow that a ladder sets, such as ``train.epochs``.
    """

    flow: Path
    values: dict[str, str] = Field(min_length=1)
    until: str | None = None
    runs: Path = Path("runs")
    fidelity: str | None = None

    def make(self, folder: Path | None = None) -> FlowObjective:
        """The objective.

        Args:
            folder: Where relative paths start.
        """
        where = (folder or Path()).resolve()
        faults = [
            f'values.{name} must read "STAGE/FILE.json:PATH", not "{place}"'
            for name, place in self.values.items()
            if _PLACE.fullmatch(place) is None
        ]
        if faults:
            raise ConfigError(faults)
        return FlowObjective(
            where / self.flow, dict(self.values), self.until, where / self.runs, self.fidelity
        )


@dataclass(frozen=True)
class FlowObjective:
    """What a run of a flow measures; paths are those of the flow file, such as ``train.epochs``.

    Attributes:
        flow: The flow file.
        values: Where each value stands, as ``"STAGE/FILE.json:PATH"``.
        until: The last stage that is run.
        runs: Folder of the runs.
        fidelity: Setting of the flow that a ladder sets.
    """

    flow: Path
    values: Mapping[str, str]
    until: str | None
    runs: Path
    fidelity: str | None = None

    @property
    def digest(self) -> str:
        """Version of this package, the flow file, the files that it names, and options."""
        flow = self._flow({})
        files = sorted(
            (name, sha256(path))
            for stage in flow.stages
            for name, path in stage.files.items()
            if path.is_file()
        )
        options = (sorted(self.values.items()), self.until, self.fidelity)
        content = [__version__, json.dumps(self._tables, default=str), repr(files), repr(options)]
        return f"flow {hashlib.sha256(chr(0).join(content).encode()).hexdigest()}"

    def check(self, space: Space) -> None:
        """Refuse settings that the flow does not have, and values that no stage writes."""
        found = reached(space, self._changed, self._built)
        found += unmeasured(space, self.values)
        if found:
            raise ConfigError(found)

    def evaluate(
        self, settings: Mapping[str, Value], *, fidelity: float, tell: Tell
    ) -> Mapping[str, float]:
        """Run the flow stage by stage; values are told as soon as their stage is done.

        Raises:
            DataError: A value is not where it should be.
        """
        given = dict(settings)
        if fidelity and self.fidelity is not None:
            given[self.fidelity] = int(fidelity) if fidelity == int(fidelity) else fidelity
        flow = self._flow(given)
        key = hashlib.sha256(repr(sorted(given.items())).encode()).hexdigest()[:16]
        folder = self.runs / f"{flow.name}-{key}"
        found: dict[str, float] = {}
        for position, stage in enumerate(flow.stages, start=1):
            wanted = {
                name: place for name, place in self.values.items() if _stage(place) == stage.name
            }
            if wanted or position == len(flow.stages):
                execute(replace(flow, stages=flow.stages[:position]), folder)
                own = RunFolder(folder).stage(position, stage.name)
                found |= {name: _read(own, place) for name, place in wanted.items()}
                tell(found)
        return found

    @cached_property
    def _tables(self) -> dict[str, object]:
        return read_toml(self.flow)

    def _changed(self, settings: Mapping[str, Value]) -> dict[str, object]:
        return changed(self._tables, settings, source=str(self.flow), create=True)

    def _built(self, tables: Mapping[str, object]) -> Flow:
        flow = parse_flow(tables, source=str(self.flow), folder=self.flow.parent)
        last = max(flow.index(_stage(place)) for place in self.values.values())
        if self.until is not None:
            last = max(last, flow.index(self.until))
        return replace(flow, stages=flow.stages[: last + 1])

    def _flow(self, settings: Mapping[str, Value]) -> Flow:
        return self._built(self._changed(settings))


def _stage(place: str) -> str:
    return place.partition("/")[0]


def _read(folder: Path, place: str) -> float:
    """The number at a place of a stage's output."""
    match = _PLACE.fullmatch(place)
    assert match is not None
    source = folder / match["file"]
    try:
        found = looked_up(read_json(source), match["path"])
    except ValueError as error:
        raise DataError(f"{match['path']}: {error}", source=str(source)) from None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise DataError(f"{match['path']} is no number", source=str(source))
    return float(found)
