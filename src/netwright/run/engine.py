"""Running a flow: skip what is finished, do the rest, lose nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import netwright
from netwright.errors import ConfigError, RunError, refusal
from netwright.files import make_folder, sha256, write_text
from netwright.reading import read_text
from netwright.run import plan
from netwright.run.commit import revision
from netwright.run.folder import RunFolder, digests, opened
from netwright.run.machine import machine
from netwright.run.manifest import (
    FLOW,
    MANIFEST,
    Manifest,
    StageEntry,
    StageRecord,
    Status,
    read_manifest,
    write_manifest,
)
from netwright.run.preflight import require_installed
from netwright.run.stage import AnyStage, Flow, Reporter, Silent, StageContext
from netwright.run.when import now


def execute(
    flow: Flow,
    folder: str | Path,
    *,
    force_from: str | None = None,
    reporter: Reporter | None = None,
    arguments: Sequence[str] = (),
) -> Manifest:
    """Run every stage that is not finished; call again after any interruption to go on.

    Args:
        flow: What to do.
        folder: The run folder; made if missing.
        force_from: Do this stage and all after it again, finished or not.
        reporter: Told what happens.
        arguments: The command line, for the manifest.

    Returns:
        The manifest, which is also in the folder.

    Raises:
        ConfigError: `force_from` is not a stage, or an external file is missing.
        RunError: The folder cannot be written, is full, or is in use.
        StaleRun: The folder was written by another version.
        NotInstalled: Something that a stage to do requires is missing; nothing was started.
        NetwrightError: A later stage would refuse whatever earlier ones make; nothing was started.
        NetwrightError: A stage failed; the stages before it are kept.
    """
    folder = Path(folder)
    forced = plan.forced_stages(flow, force_from)
    with opened(folder) as run:
        session = _Session(run, flow, reporter or Silent(), tuple(arguments))
        for position, stage in enumerate(flow.stages, start=1):
            session.advance(position, stage, forced=stage.name in forced)
            session.publish(position, stage)
        run.end()
        return session.manifest


class _Session:
    """One command at work in a run folder; the manifest on disk follows each step."""

    def __init__(
        self, run: RunFolder, flow: Flow, reporter: Reporter, arguments: tuple[str, ...]
    ) -> None:
        self.run = run
        self.flow = flow
        self.reporter = reporter
        self.records: dict[str, StageRecord] = {}
        self.checked = False  # whether what the stages to do require is known to be there
        before = read_manifest(run.path) if (run.path / MANIFEST).exists() else None
        for position, stage in enumerate(flow.stages, start=1):
            run.adopt(position, stage.name)
        started, commit = now(), revision()
        self.manifest = Manifest(
            netwright=netwright.__version__,
            commit=commit.commit if commit else None,
            dirty=commit.dirty if commit else None,
            flow=flow.name,
            started=before.started if before else started,
            updated=started,
            arguments=arguments,
            seeds=flow.seeds,
            machine=machine(),
            files={FLOW: sha256(write_text(run.path / FLOW, flow.settings))} | _copied(flow, run),
            stages=tuple(
                StageEntry(name=stage.name, folder=run.label(position, stage.name))
                for position, stage in enumerate(flow.stages, start=1)
            ),
        )
        write_manifest(self.manifest, run.path)

    def publish(self, position: int, stage: AnyStage) -> None:
        """Copy what a finished stage publishes, and note it in the manifest."""
        if not stage.publish:
            return
        self.run.publish(self.run.stage(position, stage.name), stage.publish)
        outputs = self.records[stage.name].outputs
        files = {**self.manifest.files, **{name: outputs[name] for name in stage.publish}}
        self.manifest = self.manifest.model_copy(update={"files": files, "updated": now()})
        write_manifest(self.manifest, self.run.path)

    def advance(self, position: int, stage: AnyStage, *, forced: bool) -> None:
        """Take a stage over, or do it."""
        count = len(self.manifest.stages)
        inputs = plan.digests(stage, self.records)
        key = plan.stage_key(stage, inputs)
        finished = plan.find_finished(self.run, position, stage, key)
        if finished.record is not None and not forced:
            self._note(stage.name, "done", record=finished.record, cached=True)
            self.reporter.end(stage.name, position, count, status="cached", seconds=0.0)
            return
        if finished.corrupt:
            self.reporter.say(f"{finished.reason}; the stage is done again")
        if not self.checked:
            require_installed(self.flow.stages[position - 1 :])
            self._rehearse(self.flow.stages[position:])
            self.checked = True
        self.reporter.begin(stage.name, position, count)
        self._note(stage.name, "running")
        clock = time.monotonic()
        status: Status = "failed"
        try:
            record = self._perform(position, stage, key, inputs)
            status = "done"
            self._note(stage.name, status, record=record)
        except BaseException as error:
            status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            with suppress(RunError):  # a full disk must not hide the first error
                self._note(stage.name, status)
            raise
        finally:
            seconds = time.monotonic() - clock
            self.reporter.end(stage.name, position, count, status=status, seconds=seconds)

    def _rehearse(self, stages: Sequence[AnyStage]) -> None:
        for stage in stages:
            if stage.rehearse is not None:
                with _refusals(stage.name):
                    stage.rehearse()

    def _perform(
        self, position: int, stage: AnyStage, key: str, inputs: Mapping[str, str]
    ) -> StageRecord:
        started, clock = now(), time.monotonic()
        folder, scratch = self.run.begin(position, stage.name, key)
        places = {entry.name: self.run.path / entry.folder for entry in self.manifest.stages}
        context = StageContext(
            folder=folder,
            inputs={**{need: places[need] for need in stage.needs}, **stage.files},
            parameters=stage.parameters,
            scratch=scratch,
            progress=self.reporter.update,
            logs=self.run.logs(stage.name),
            shared=self.run.shared,
        )
        with _refusals(stage.name):
            stage.function(context)
        record = StageRecord(
            name=stage.name,
            key=key,
            version=stage.version,
            netwright=netwright.__version__,
            started=started,
            seconds=round(time.monotonic() - clock, 3),
            inputs=dict(inputs),
            outputs=digests(folder),
        )
        self.run.finish(position, stage.name, record)
        return record

    def _note(
        self,
        name: str,
        status: Status,
        *,
        record: StageRecord | None = None,
        cached: bool = False,
    ) -> None:
        if record is not None:
            self.records[name] = record
        change = {"status": status, "record": record, "cached": cached}
        stages = tuple(
            entry.model_copy(update=change) if entry.name == name else entry
            for entry in self.manifest.stages
        )
        self.manifest = self.manifest.model_copy(update={"stages": stages, "updated": now()})
        write_manifest(self.manifest, self.run.path)


@contextmanager
def _refusals(stage: str) -> Iterator[None]:
    """Turn what the machine refuses into a :class:`RunError`."""
    try:
        yield
    except Exception as error:
        refused = refusal(error)
        if refused is None:
            raise
        raise RunError(
            f'stage "{stage}": {refused.message}',
            hint=f"{refused.hint}; then give the same command again, finished stages are kept",
        ) from error


def _copied(flow: Flow, run: RunFolder) -> dict[str, str]:
    """Digests of the Python files that the settings name, copied to where they name them."""
    found = {}
    for name, source in flow.sources.items():
        target = run.path / name
        if source != target.resolve():
            make_folder(target.parent)
            write_text(target, read_text(source, kind=ConfigError))
        found[name] = sha256(target)
    return found
