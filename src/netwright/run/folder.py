"""A run folder on disk: its lock, its stage folders, and how a stage becomes finished.

A stage is finished at the moment its record, ``stage.json``, stands in its folder: the record is
written last, under the temporary name, and everything after that can be repeated. So a process may
be killed anywhere; :meth:`RunFolder.recover` completes or discards what it left.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter

from netwright.errors import CorruptOutput, DataError, RunError
from netwright.files import locked, sha256, sweep, write_atomic, write_text, writing
from netwright.reading import read_typed
from netwright.run.manifest import FLOW, MANIFEST, StageRecord

RECORD = "stage.json"
_RECORDS = TypeAdapter(StageRecord)
WORKING = "is working on this run"
"""What a process is told that finds the folder in use."""

STAGES, SCRATCH, LOGS = "stages", "scratch", "logs"
"""Folders of the stages, of the parts of stages that are not done, and of records."""

_TEMPORARY, _REPLACED = ".tmp-", ".old-"
_OWN = {MANIFEST, FLOW, STAGES, SCRATCH, LOGS}


class RunFolder:
    """The folder of one run; open it with :func:`opened` to change it.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def stages(self) -> Path:
        """Folder of all stage folders."""
        return self.path / STAGES

    def stage(self, position: int, name: str) -> Path:
        """Folder of a stage; `position` counts from 1."""
        return self.stages / f"{position:02d}-{name}"

    def label(self, position: int, name: str) -> str:
        """Folder of a stage, relative to the run folder."""
        return self.stage(position, name).relative_to(self.path).as_posix()

    def scratch(self, name: str, key: str) -> Path:
        """Folder in which a stage keeps finished parts until it is done."""
        return self.path / SCRATCH / f"{name}-{key[:16]}"

    def logs(self, name: str) -> Path:
        """Folder for what a stage puts on record beside its outputs."""
        return self.path / LOGS / name

    @property
    def shared(self) -> Path:
        """Folder in which stages keep what later ones can use as it is, until the run is done."""
        return self.path / SCRATCH / "shared"

    def end(self) -> None:
        """Drop what stages kept for each other."""
        with writing(self.path):
            if self.shared.exists():
                shutil.rmtree(self.shared)

    def found(self, position: int, name: str) -> Path | None:
        """Folder of a finished stage, also where it had another position; ``None`` if missing."""
        places = sorted(self.stages.glob(f"[0-9][0-9]-{name}"))
        here = self.stage(position, name)
        return here if here in places else places[0] if places else None

    def recover(self) -> None:
        """Complete or discard what a killed process left."""
        with writing(self.path):
            sweep(self.path)
            for left in sorted(self.stages.glob(f"{_TEMPORARY}*")):
                if (left / RECORD).exists():
                    self._swap(left, self.stages / left.name.removeprefix(_TEMPORARY))
                else:
                    shutil.rmtree(left)
            for left in sorted(self.stages.glob(f"{_REPLACED}*")):
                place = self.stages / left.name.removeprefix(_REPLACED)
                if place.exists():
                    shutil.rmtree(left)
                else:
                    left.rename(place)

    def adopt(self, position: int, name: str) -> None:
        """Give a stage folder the number it has in the present flow."""
        found, here = self.found(position, name), self.stage(position, name)
        if found is not None and found != here:
            with writing(self.path):
                found.rename(here)

    def begin(self, position: int, name: str, key: str) -> tuple[Path, Path]:
        """Make the temporary output folder and the scratch folder of a stage."""
        temporary = self.stages / f"{_TEMPORARY}{position:02d}-{name}"
        scratch = self.scratch(name, key)
        with writing(self.path):
            if temporary.exists():
                shutil.rmtree(temporary)
            temporary.mkdir(parents=True)
            scratch.mkdir(parents=True, exist_ok=True)
        return temporary, scratch

    def finish(self, position: int, name: str, record: StageRecord) -> None:
        """Turn the temporary folder of a stage into its folder, and drop its scratch."""
        temporary = self.stages / f"{_TEMPORARY}{position:02d}-{name}"
        with writing(self.path):
            write_text(temporary / RECORD, record.model_dump_json(indent=2) + "\n")
            self._swap(temporary, self.stage(position, name))
            for scratch in (self.path / SCRATCH).glob(f"{name}-*"):
                if scratch.name.removeprefix(f"{name}-").isalnum():
                    shutil.rmtree(scratch)

    def publish(self, stage: Path, names: tuple[str, ...]) -> None:
        """Copy files of a finished stage to the top of the run folder."""
        for name in names:
            write_atomic(self.path / name, partial(_copy, stage / name))

    def _swap(self, temporary: Path, place: Path) -> None:
        replaced = self.stages / f"{_REPLACED}{place.name}"
        if replaced.exists():
            shutil.rmtree(replaced)
        if place.exists():
            place.rename(replaced)
        temporary.rename(place)
        if replaced.exists():
            shutil.rmtree(replaced)


def _copy(source: Path, stream: IO[bytes]) -> None:
    with source.open("rb") as origin:
        shutil.copyfileobj(origin, stream)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a stage's folder, by relative path, without the stage's record."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in files
        if path != folder / RECORD
    }


def read_record(folder: Path) -> StageRecord | None:
    """The record of a finished stage; ``None`` where there is none that can be read."""
    try:
        return read_typed(folder / RECORD, _RECORDS, what="is no record of a stage")
    except DataError:
        return None


def check_outputs(folder: Path, record: StageRecord, *, inside: Path) -> None:
    """Compare every output with its digest.

    Args:
        folder: Folder of the stage.
        record: What was written there.
        inside: The run folder; paths in messages are relative to it.

    Raises:
        CorruptOutput: A file is missing or changed.
    """
    for name, digest in record.outputs.items():
        path = folder / name
        try:
            intact = sha256(path) == digest
        except OSError:
            intact = False
        if not intact:
            raise CorruptOutput(str(path.relative_to(inside)))


@contextmanager
def opened(path: Path) -> Iterator[RunFolder]:
    """Lock the run folder `path` for this process, making it if it is missing.

    The lock belongs to the process, so it is free again when the process has died, however it died.

    Raises:
        RunError: Another process works there, the folder holds something else, or it cannot be
            written.
    """
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    strange = sorted(names - _OWN)
    if strange and not (path / MANIFEST).exists() and not (path / STAGES).exists():
        raise RunError(
            f'{path}: is not a run folder (it holds "{strange[0]}" and no {MANIFEST})',
            hint="choose an empty folder with --runs, or another name for the flow",
        )
    with locked(path, why=WORKING):
        run = RunFolder(path)
        run.recover()
        yield run


def set_aside(path: str | Path) -> Path | None:
    """Keep the run in `path` under another name, so that a fresh one can start there.

    Returns:
        Where the old run is now, ``NAME-YYYYMMDD-HHMMSS`` by the time of its last change; ``None``
        if there was no run.

    Raises:
        RunError: Another process works on the run, or it cannot be renamed.
    """
    path = Path(path)
    if not (path / MANIFEST).exists():
        return None
    with writing(path):
        changed = datetime.fromtimestamp((path / MANIFEST).stat().st_mtime, UTC)
        stamp = changed.strftime("%Y%m%d-%H%M%S")
        place = path.with_name(f"{path.name}-{stamp}")
        with locked(path, why=WORKING):
            if place.exists():
                raise RunError(f"{place}: exists already, so the old run cannot be kept there")
            path.rename(place)
    return place


def run_names(runs: str | Path) -> list[str]:
    """Names of all runs in a folder, in alphabetical order; none where there is no such folder."""
    return sorted(path.parent.name for path in Path(runs).glob(f"*/{MANIFEST}"))


def find_run(name: str, *, runs: str | Path = Path("runs")) -> Path:
    """Folder of a run, given as a path or by its name in `runs`.

    Raises:
        RunError: There is none.
    """
    runs = Path(runs)
    for path in (Path(name), runs / name):
        if (path / MANIFEST).exists():
            return path
    known = run_names(runs)
    listed = f"runs in {runs}: {', '.join(known)}" if known else f"{runs} holds no run yet"
    raise RunError(f'"{name}" is not a run folder', hint=listed)
