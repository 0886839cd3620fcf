"""The check of a whole run folder: is everything in it still what the stages made?

Digests tell that a file was changed. A person who edits a file can edit its digest too, so whatever
can be made again is: the records are compared with each other and with the settings, the report is
computed again from the stages, and its page is drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from netwright import __version__
from netwright.backends.base import BUILD_FOLDER
from netwright.backends.base import MANIFEST as DESIGN
from netwright.errors import ConfigError, DataError, MissingExtra, NetwrightError
from netwright.escape import visible
from netwright.files import sha256
from netwright.flows.certificate import certificate, damaged_outputs, first_failure
from netwright.flows.flow import load_flow
from netwright.flows.hardware import hardware
from netwright.progress import silent
from netwright.report import CertificateRow, Document, Hardware
from netwright.report.certificate import compared_rows
from netwright.report.html import render
from netwright.report.numbers import count
from netwright.report.store import HTML_NAME, JSON_NAME, read
from netwright.run.commit import revision
from netwright.run.folder import LOGS, RECORD, SCRATCH, STAGES, read_record
from netwright.run.manifest import FLOW, MANIFEST, Manifest, StageRecord, read_manifest
from netwright.run.plan import digest as digest_of
from netwright.run.plan import stage_key
from netwright.run.stage import AnyStage, Flow, StageContext

SHOWN = 8
"""Differences of a report that are listed."""

TOLERANCE = 1e-9
"""Relative difference of two real figures that are equal: other processors round sums otherwise."""

_DRAWING = ("netwright", "matplotlib")
"""Packages whose version decides what a page looks like."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What the check of a run found.

    Attributes:
        faults: One sentence for everything that is not as it was made, or not equal.
        certificate: The comparisons of the run; none if its files are damaged.
        hardware: The designs of the run, likewise.
        scope: What was checked, in words.
        limits: What could not be made again, and why.
        strangers: Files that are no part of the run, in words; empty if there are none.
    """

    faults: tuple[str, ...]
    certificate: tuple[CertificateRow, ...] = ()
    hardware: tuple[Hardware, ...] = ()
    scope: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    strangers: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether everything could be made again, so that nothing was left unchecked."""
        return not self.limits

    @property
    def holds(self) -> bool:
        """Whether something was compared, and nothing is wrong."""
        return bool(self.certificate) and not self.faults

    @property
    def verdict(self) -> str:
        """Everything in one line."""
        if not self.holds:
            number = len(self.faults)
            return f"verdict: FAILED, {number} {'fault' if number == 1 else 'faults'}"
        stages = len({row.stage for row in self.certificate})
        same, rows = compared_rows(self.certificate)
        proofs = [proof for made in self.hardware for proof in made.proofs]
        parts = [
            *self.scope,
            f"{stages} {'stage' if stages == 1 else 'stages'} identical on {count(same)} of "
            f"{count(rows)} rows",
        ]
        if proofs:
            still_open = sum(proof.num_open for proof in proofs)
            parts.append(
                f"{count(sum(proof.num_proven for proof in proofs))} statements proven"
                + (f", {count(still_open)} OPEN" if still_open else "")
            )
        parts += [self.strangers] if self.strangers else []
        left = f"INCOMPLETE, {'; '.join(self.limits)}; " if self.limits else ""
        return f"verdict: {left}verified: {'; '.join(parts)}"


def audit(folder: Path) -> Audit:
    """Check a run: files, records, settings, certificate, proofs, report.

    Raises:
        RunError: The folder is not a run, or its manifest is damaged.
        StaleRun: The run was written by another version.
    """
    manifest = read_manifest(folder)
    faults = (
        *damaged_outputs(folder),
        *_records(folder, manifest),
        *_added(folder, manifest),
        *_published(folder, manifest),
    )
    if faults:
        return Audit(faults)
    found = _Findings()
    stages = _settings(folder, manifest, found)
    rows: tuple[CertificateRow, ...] = ()
    designs: tuple[Hardware, ...] = ()
    try:
        rows, designs = certificate(folder), hardware(folder)
        if not rows:
            found.faults.append(f"{folder}: the flow of this run verifies nothing")
        elif failure := first_failure(folder):
            found.faults.append(failure)
    except DataError as error:
        found.faults.append(str(error))
    if (folder / JSON_NAME).exists():
        _report(folder, stages, rows, designs, found)
    strange, strangers = _beside(folder, manifest), ""
    if strange:
        shown = ", ".join(visible(name) for name in strange[:SHOWN])
        more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
        strangers = f"not part of the run: {shown}{more}"
    files = sum(len(entry.record.outputs) for entry in manifest.stages if entry.record)
    scope = (f"{len(manifest.stages)} stages with {count(files)} files are intact", *found.scope)
    return Audit(tuple(found.faults), rows, designs, scope, tuple(found.limits), strangers)


@dataclass(slots=True)
class _Findings:
    faults: list[str] = field(default_factory=list)
    scope: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)


def _records(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Where manifest, records and what stages read from each other do not agree."""
    if not manifest.stages:
        yield f"{folder}: the manifest names no stage"
    records = {entry.name: entry.record for entry in manifest.stages if entry.record is not None}
    for entry in manifest.stages:
        if entry.record is None:
            continue
        if read_record(folder / entry.folder) != entry.record:
            yield f"{entry.folder}/stage.json: differs from what the manifest says"
        if not entry.record.outputs:
            yield f"{entry.folder}: the stage has no output"
        for name, digest in entry.record.inputs.items():
            if name in records and digest_of(records[name].outputs) != digest:
                yield f"{entry.folder}: was made from other outputs of the stage {name}"


def _added(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Files in the folders of stages that no stage made, such as one more source for synthesis.

    What somebody builds from a design lies in the design's build folder and is not meant.
    """
    for entry in manifest.stages:
        if entry.record is None:
            continue
        known = {RECORD, *entry.record.outputs}
        designs = [name.removesuffix(DESIGN) for name in known if name.endswith(DESIGN)]
        built = tuple(f"{place}{BUILD_FOLDER}/" for place in designs)
        for path in sorted((folder / entry.folder).rglob("*")):
            name = path.relative_to(folder / entry.folder).as_posix()
            is_file = path.is_symlink() or not path.is_dir()
            if is_file and name not in known and not name.startswith(built or "\0"):
                yield f"{entry.folder}/{visible(name)}: was not made by the stage"


def _beside(folder: Path, manifest: Manifest) -> list[str]:
    """What lies in a run folder and is no part of the run: notes, stages of an older flow."""
    own = {MANIFEST, STAGES, SCRATCH, LOGS, *manifest.files}
    stages = {Path(entry.folder).name for entry in manifest.stages}
    found = [path.name for path in folder.iterdir() if path.name not in own]
    if (folder / STAGES).is_dir():
        places = (folder / STAGES).iterdir()
        found += [f"{STAGES}/{path.name}" for path in places if path.name not in stages]
    return sorted(name for name in found if not Path(name).name.startswith("."))


def _published(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the files at the top of the folder."""
    for name, digest in manifest.files.items():
        # A page may be drawn again by another version; it is compared with its drawing below.
        if name == HTML_NAME:
            if not (folder / name).is_file():
                yield f"{name}: missing"
        elif not (folder / name).is_file() or sha256(folder / name) != digest:
            yield f"{name}: missing or changed since it was written"
    made = [entry.record.outputs for entry in manifest.stages if entry.record is not None]
    for name in (JSON_NAME, HTML_NAME):
        known = [outputs[name] for outputs in made if name in outputs]
        if known and manifest.files.get(name) not in known:
            yield f"{name}: the manifest says something else than the stage that wrote it"


def _settings(folder: Path, manifest: Manifest, found: _Findings) -> Flow | None:
    """The flow of the run, if it can be read and is the one that the stages were made by."""
    commit = revision()
    if (manifest.netwright, manifest.commit) != (__version__, commit.commit if commit else None):
        author = f"netwright {manifest.netwright}"
        if manifest.commit:
            author += f", commit {manifest.commit[:9]}"
        found.limits.append(f"settings and report not computed again: made by {author}")
        return None
    try:
        flow = load_flow(folder / FLOW)
    except ConfigError:
        found.limits.append("settings and report not computed again: the flow is no file of ours")
        return None
    records = {entry.name: entry.record for entry in manifest.stages if entry.record is not None}
    if [stage.name for stage in flow.stages] != [entry.name for entry in manifest.stages]:
        found.faults.append(f"{FLOW}: its stages are not those of the manifest")
        return None
    changed = [stage.name for stage in flow.stages if not _has_key(stage, records)]
    for name in changed:
        found.faults.append(f"{FLOW}: stage {name} was made with other settings or inputs")
    found.scope.append("made with the settings in flow.toml")
    return None if changed else flow


def _has_key(stage: AnyStage, records: Mapping[str, StageRecord]) -> bool:
    """Whether the record's key follows from the settings and from what it says was read."""
    record = records[stage.name]
    return stage_key(stage, record.inputs) == record.key


def _report(
    folder: Path,
    flow: Flow | None,
    rows: tuple[CertificateRow, ...],
    designs: tuple[Hardware, ...],
    found: _Findings,
) -> None:
    """Compare the report with the stages, and the page with the report."""
    try:
        shown = read(folder / JSON_NAME)
    except NetwrightError as error:
        found.faults.append(str(error))
        return
    made = tuple(item for item in (shown.hardware, shown.tables) if item is not None)
    for name, equal in (("certificate", shown.certificate == rows), ("hardware", made == designs)):
        if not equal:
            found.faults.append(f"{JSON_NAME}: {name} is not what the stages found")
    again = None if flow is None else _document(folder, flow, shown, found)
    if again is not None:
        before, after = shown.model_dump(mode="json"), again.model_dump(mode="json")
        for difference in islice(differences(before, after), SHOWN):
            found.faults.append(f"{JSON_NAME}: {difference}")
        found.scope.append(f"{JSON_NAME} computed again")
    _page(folder, shown, found)


def _document(folder: Path, flow: Flow, shown: Document, found: _Findings) -> Document | None:
    """The report computed again from the stages; ``None`` where that is not possible here."""
    stage = next((stage for stage in flow.stages if _reports(stage)), None)
    if stage is None:
        return None
    places = {entry.name: folder / entry.folder for entry in read_manifest(folder).stages}
    inputs = {**{need: places[need] for need in stage.needs}, **stage.files}
    try:
        with TemporaryDirectory() as place:
            again = Path(place)
            told = StageContext(again, inputs, stage.parameters, again, silent, again, again)
            stage.function(told)
            return read(again / JSON_NAME).model_copy(update={"when": shown.when})
    except (MissingExtra, ModuleNotFoundError) as error:
        found.limits.append(f"{JSON_NAME} not computed again: {str(error).splitlines()[0]}")
    except Exception as error:  # whatever somebody wrote into the stages' files
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        found.faults.append(f"{JSON_NAME}: cannot be computed again from the stages ({text})")
    return None


def _reports(stage: AnyStage) -> bool:
    """Whether the stage writes the report, and is ours: what others do may take hours."""
    return JSON_NAME in stage.publish and stage.function.__module__.startswith("netwright.flows.")


def _page(folder: Path, shown: Document, found: _Findings) -> None:
    """Draw the page again; where another version drew it, its digest alone counts."""
    page = folder / HTML_NAME
    if not page.is_file():
        found.faults.append(f"{HTML_NAME}: missing")
        return
    try:
        drawn = render(shown)
    except MissingExtra as error:
        found.limits.append(f"{HTML_NAME} not drawn again: {error.message}")
    else:
        if page.read_bytes() == drawn.encode():
            found.scope.append(f"{HTML_NAME} drawn again")
            return
        here = _versions()
        author = {name: shown.when.versions.get(name) for name in _DRAWING} if shown.when else {}
        if author == here:
            found.faults.append(f"{HTML_NAME}: is not the page of {JSON_NAME}")
            return
        found.limits.append(
            f"{HTML_NAME} not drawn again: made by "
            + ", ".join(f"{name} {version}" for name, version in author.items())
        )
    if sha256(page) != read_manifest(folder).files.get(HTML_NAME):
        found.faults.append(f"{HTML_NAME}: changed since it was written")


def _versions() -> dict[str, str | None]:
    from netwright.run.machine import installed

    return {"netwright": __version__, "matplotlib": installed("matplotlib")}


def differences(before: object, after: object, place: str = "") -> Iterator[str]:
    """Where two JSON values differ, as sentences; real numbers within :data:`TOLERANCE` are equal.

    >>> list(differences({"a": [1, 2]}, {"a": [1, 3]}))
    ['a.1 says 2, the stages say 3']
    """
    where = place or "the document"
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            inner = f"{place}.{key}" if place else str(key)
            yield from differences(before.get(key), after.get(key), inner)
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            yield f"{where} has {len(before)} entries, the stages give {len(after)}"
            return
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{place}.{index}")
    elif isinstance(before, float) and isinstance(after, float):
        if not math.isclose(before, after, rel_tol=TOLERANCE):
            yield f"{where} says {before!r}, the stages say {after!r}"
    elif type(before) is not type(after) or before != after:
        yield f"{where} says {before!r}, the stages say {after!r}"
