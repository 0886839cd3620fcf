"""Which stages of a flow are finished, and which are to do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from netwright.errors import ConfigError, CorruptOutput
from netwright.files import sha256
from netwright.run.folder import RunFolder, check_outputs, read_record
from netwright.run.manifest import MANIFEST, SCHEMA, StageRecord, read_manifest
from netwright.run.stage import AnyStage, Flow


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """What the next command will do with a stage.

    Attributes:
        name: Name of the stage.
        action: ``cached`` or ``to do``.
        reason: Why, in a few words.
    """

    name: str
    action: Literal["cached", "to do"]
    reason: str


@dataclass(frozen=True, slots=True)
class Finished:
    """What stands in a stage's folder.

    Attributes:
        record: Record of a stage that can be taken over, or ``None``.
        reason: Why it can, or cannot.
        corrupt: Whether a finished stage is lost because a file is missing or changed.
    """

    record: StageRecord | None
    reason: str
    corrupt: bool = False


def plan(
    flow: Flow, folder: str | Path, *, force_from: str | None = None
) -> tuple[PlannedStage, ...]:
    """What :func:`netwright.run.execute` would do; nothing is written.

    A stage after one that is to do counts as to do, although it will be skipped if its inputs come
    out the same.

    Raises:
        ConfigError: `force_from` is not a stage, or an external file is missing.
        StaleRun: The folder was written by another version.
    """
    folder = Path(folder)
    if (folder / MANIFEST).exists():
        read_manifest(folder)
    forced = forced_stages(flow, force_from)
    run = RunFolder(folder)
    records: dict[str, StageRecord] = {}
    planned = []
    for position, stage in enumerate(flow.stages, start=1):
        missing = [need for need in stage.needs if need not in records]
        if stage.name in forced:
            planned.append(PlannedStage(stage.name, "to do", "forced"))
        elif missing:
            planned.append(PlannedStage(stage.name, "to do", f'after "{missing[0]}"'))
        else:
            finished = find_finished(
                run, position, stage, stage_key(stage, digests(stage, records))
            )
            if finished.record is not None:
                records[stage.name] = finished.record
            action: Literal["cached", "to do"] = "cached" if finished.record else "to do"
            planned.append(PlannedStage(stage.name, action, finished.reason))
    return tuple(planned)


def find_finished(run: RunFolder, position: int, stage: AnyStage, key: str) -> Finished:
    """Look for finished, intact outputs of `stage` with this `key`."""
    folder = run.found(position, stage.name)
    if folder is None:
        kept = run.scratch(stage.name, key).exists()
        return Finished(None, "interrupted; goes on" if kept else "not done yet")
    record = read_record(folder)
    if record is None:
        return Finished(None, f"{folder.name}: its record is missing or damaged", corrupt=True)
    if record.key != key:
        return Finished(None, "settings, inputs or version changed")
    try:
        check_outputs(folder, record, inside=run.path)
    except CorruptOutput as error:
        return Finished(None, error.message, corrupt=True)
    return Finished(record, "outputs are intact")


def digests(stage: AnyStage, records: Mapping[str, StageRecord]) -> dict[str, str]:
    """Digest of everything that `stage` reads.

    Args:
        stage: The stage.
        records: Records of the finished stages, which include all that it needs.

    Raises:
        ConfigError: An external file or folder cannot be read.
    """
    found = {need: digest(records[need].outputs) for need in stage.needs}
    for name, path in stage.files.items():
        try:
            found[name] = _tree_digest(path)
        except OSError as error:
            raise ConfigError(
                f'stage "{stage.name}" reads {path}, which cannot be read ({error.strerror})'
            ) from error
    return found


def _tree_digest(path: Path) -> str:
    if not path.is_dir():
        return sha256(path)
    files = sorted(entry for entry in path.rglob("*") if entry.is_file())
    return digest({entry.relative_to(path).as_posix(): sha256(entry) for entry in files})


def stage_key(stage: AnyStage, inputs: Mapping[str, str]) -> str:
    """Digest of all that the outputs of `stage` depend on."""
    parameters = stage.parameters.model_dump(mode="json")
    return digest([SCHEMA, stage.name, stage.version, parameters, dict(inputs)])


def forced_stages(flow: Flow, name: str | None) -> frozenset[str]:
    """The stage `name` and all after it; none for ``None``.

    Raises:
        ConfigError: There is no such stage.
    """
    if name is None:
        return frozenset()
    return frozenset(stage.name for stage in flow.stages[flow.index(name) :])


def digest(value: object) -> str:
    """Digest of plain data, such as the outputs of a stage."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
