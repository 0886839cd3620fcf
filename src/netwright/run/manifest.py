"""``manifest.json``: what a run did, with which versions, on which machine, and every digest."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from netwright.errors import CorruptOutput, DataError, RunError, StaleRun
from netwright.files import sha256, write_text
from netwright.reading import read_json
from netwright.run.machine import Machine

SCHEMA = 1
"""Version of the layout of a run folder; part of every stage key."""

MANIFEST = "manifest.json"
FLOW = "flow.toml"

Status: TypeAlias = Literal["waiting", "running", "done", "failed", "interrupted"]


class StageRecord(BaseModel):
    """What one finished stage was made from, and what it made.

    Attributes:
        name: Name of the stage.
        key: Digest of everything that the outputs depend on.
        version: Version of the stage.
        netwright: Version of the package that did the work.
        started: Time in UTC, ISO 8601.
        seconds: Wall time; a stage that was interrupted counts from its last start.
        inputs: Digest of the outputs of each stage, and of each file, that was read.
        outputs: SHA-256 of every file, by its path in the stage's folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    key: str
    version: int
    netwright: str
    started: str
    seconds: float
    inputs: dict[str, str]
    outputs: dict[str, str]


class StageEntry(BaseModel):
    """A stage in the manifest.

    Attributes:
        name: Name of the stage.
        folder: Its folder, relative to the run folder.
        status: How far it is.
        cached: Whether the last command took it over from an earlier one.
        record: What it was made from, once it is done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    folder: str
    status: Status = "waiting"
    cached: bool = False
    record: StageRecord | None = None


class Manifest(BaseModel):
    """A whole run.

    Attributes:
        schema_version: :data:`SCHEMA` of the writer.
        netwright: Version of the package.
        commit: Commit of the package's working tree, where it has one and git is installed.
        dirty: Whether that tree had changes.
        flow: Name of the flow.
        started: When the run folder was made; UTC, ISO 8601.
        updated: When this manifest was written.
        arguments: Command line of the last command.
        seeds: Seeds of all stages.
        machine: Where the last command ran.
        files: SHA-256 of the settings and of every published file, by name.
        stages: In order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA
    netwright: str
    commit: str | None
    dirty: bool | None
    flow: str
    started: str
    updated: str
    arguments: tuple[str, ...]
    seeds: tuple[int, ...]
    machine: Machine
    files: dict[str, str] = {}
    stages: tuple[StageEntry, ...]

    def stage(self, name: str) -> StageEntry | None:
        """The stage `name`, or ``None``."""
        return next((stage for stage in self.stages if stage.name == name), None)


def read_manifest(folder: str | Path) -> Manifest:
    """The manifest of the run in `folder`.

    Raises:
        RunError: There is no run, or its manifest is damaged.
        StaleRun: The run was written by another version of the schema.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    try:
        if not path.exists():
            raise FileNotFoundError
        document = read_json(path)
        schema = document["schema_version"]
        author = document.get("netwright", "of unknown version")
    except FileNotFoundError:
        raise RunError(
            f"{folder}: is not a run folder (it has no {MANIFEST})",
            hint="name a folder that `netwright run` has made, such as runs/jets",
        ) from None
    except DataError as error:
        raise _damaged(path, error.message.removeprefix(f"{path}: ")) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, str(error)) from error
    if schema != SCHEMA:
        raise StaleRun(
            f"was written by netwright {author} in schema {schema}; this version has {SCHEMA}",
            path=str(folder),
            hint="make it afresh with netwright run FLOW --new, which keeps the old run under "
            f"another name, or use netwright {author}",
        )
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _damaged(path, f"{place}: {first['msg']}") from error


def published(folder: Path, name: str) -> Path:
    """A file at the top of a run folder that is what the run wrote, if it is there at all.

    Args:
        folder: The folder of a run.
        name: Name of the file.

    Raises:
        RunError: There is no run, or its manifest is damaged.
        StaleRun: The run was written by another version of the schema.
        CorruptOutput: The file was changed since.
    """
    path, recorded = folder / name, read_manifest(folder).files.get(name)
    if path.exists() and (recorded is None or sha256(path) != recorded):
        raise CorruptOutput(
            str(path),
            hint=f"netwright verify {folder} says what else is wrong; netwright run FLOW makes "
            "what was changed anew",
        )
    return path


def write_manifest(manifest: Manifest, folder: Path) -> Path:
    """Write the manifest of the run in `folder`; it appears whole or not at all.

    Raises:
        RunError: The folder cannot be written or is full.
    """
    return write_text(folder / MANIFEST, manifest.model_dump_json(indent=2) + "\n")


def _damaged(path: Path, reason: str) -> RunError:
    return RunError(
        f"{path}: is damaged ({reason})",
        hint="delete this one file and run the flow again (netwright run FLOW), which writes it: "
        "finished stages carry their own records",
    )
