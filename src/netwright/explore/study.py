"""A study on the disk: what is searched, and one line for each finished evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter

from netwright import __version__, reading
from netwright.errors import ConfigError, RunError
from netwright.explore import ranking
from netwright.explore.settings import Ladder
from netwright.explore.space import Space, canonical, differences
from netwright.explore.trial import State, Trial
from netwright.files import locked, sweep, write_text
from netwright.records import Journal, read_lines
from netwright.settings import Settings, check

STUDY = "study.json"
TRIALS = "trials.jsonl"
ASKED = "asked.json"

_LINE = TypeAdapter(Trial)


class Identity(Settings):
    """What decides about every trial of a study; equal identities give equal trials.

    Attributes:
        schema_version: Of the files of the folder.
        name: Name of the study.
        space: What is searched.
        objective: Digest of what evaluates.
        proposer: What proposes, with its options.
        batch: Proposals that are made together.
        seed: Of everything random.
        ladder: Little effort first.
        versions: Packages on which proposals depend.
        made_of: What the objective says of itself, for the page of the study.
    """

    schema_version: Literal[1] = 1
    name: str
    space: Space
    objective: str
    proposer: str
    batch: int = Field(ge=1)
    seed: int
    ladder: Ladder | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    made_of: dict[str, object] = Field(default_factory=dict)


class Asked(Settings):
    """What the last call of a search asked for; it decides about no trial.

    Attributes:
        title: What is searched, in a sentence.
        trials: How many proposals.
    """

    title: str = ""
    trials: int = Field(ge=0)


@dataclass(frozen=True, slots=True)
class Study:
    """What a search has found.

    Attributes:
        identity: What was searched, and how.
        trials: The finished trials by number.
        num_evaluations: Lines of the journal: evaluations, those that were looked up included.
        asked: What the last call of the search asked for; ``None`` where no folder says so.
    """

    identity: Identity
    trials: tuple[Trial, ...]
    num_evaluations: int = 0
    asked: Asked | None = None

    @property
    def space(self) -> Space:
        """What was searched."""
        return self.identity.space

    @property
    def front(self) -> list[Trial]:
        """The feasible trials that none dominates."""
        return ranking.front(self.trials, self.space)

    @property
    def best(self) -> Trial | None:
        """The feasible trial that is best in the first goal."""
        return ranking.best(self.trials, self.space)

    def count(self, state: State) -> int:
        """Number of trials in a state."""
        return sum(trial.state == state for trial in self.trials)

    @property
    def unmet(self) -> tuple[str, float] | None:
        """The constraint that keeps most trials from being feasible, and its best margin.

        ``None`` where some trial is feasible, or no trial has margins.
        """
        if self.best is not None:
            return None
        margins: dict[str, list[float]] = {}
        for trial in self.trials:
            for title, margin in trial.margins.items():
                margins.setdefault(title, []).append(margin)
        if not margins:
            return None
        worst = max(margins, key=lambda title: sum(m < 0 for m in margins[title]))
        return (worst, max(margins[worst])) if min(margins[worst]) < 0 else None


def open_study(folder: str | Path) -> Study:
    """Read a study, also while it is searched.

    Raises:
        RunError: The folder holds no study, or its files are damaged.
    """
    folder = Path(folder)
    identity = read_identity(folder)
    if identity is None:
        raise RunError(f"{folder}: holds no study", hint=f"a study has a file {STUDY}")
    lines = read_trials(folder, identity.space)
    return Study(
        identity, settled(lines, identity.ladder, identity.space), len(lines), read_asked(folder)
    )


def read_identity(folder: Path) -> Identity | None:
    """What the study of a folder is; none where it holds no study.

    Raises:
        ConfigError: Its file is damaged.
    """
    path = folder / STUDY
    if not path.exists():
        return None
    data = reading.read_json(path, kind=ConfigError)
    if not isinstance(data, dict):
        raise ConfigError("is no study", path=str(path))
    return check(data, Identity, source=str(path))


def read_asked(folder: Path) -> Asked | None:
    """What the last call of a search asked for; none where nothing says so.

    Raises:
        ConfigError: Its file is damaged.
    """
    path = folder / ASKED
    if not path.exists():
        return None
    data = reading.read_json(path, kind=ConfigError)
    return check(data if isinstance(data, dict) else {}, Asked, source=str(path))


def read_trials(folder: Path, space: Space) -> list[Trial]:
    """The evaluations of a study in the order in which they finished.

    Raises:
        RunError: A line is of another study.
    """
    found: dict[tuple[int, float], Trial] = {}
    for line in read_lines(folder / TRIALS):
        trial = _trial(line, space, folder / TRIALS)
        found.setdefault((trial.number, trial.fidelity), trial)
    return list(found.values())


def settled(evaluations: Sequence[Trial], ladder: Ladder | None, space: Space) -> tuple[Trial, ...]:
    """One trial for each proposal.

    On a ladder it is the evaluation with the most effort, and a trial that did not reach the top
    is stopped, not complete. Those that climbed only since a batch was cut short count no more.
    """
    if ladder is None:
        trials = {trial.number: trial for trial in reversed(evaluations)}
        return tuple(trials[number] for number in sorted(trials))
    steps: dict[tuple[int, float], dict[int, Trial]] = {}
    for trial in evaluations:
        steps.setdefault((trial.batch, trial.fidelity), {})[trial.number] = trial
    last: dict[int, Trial] = {}
    for batch in {trial.batch: None for trial in evaluations}:
        climbing = set(steps.get((batch, ladder.fidelities[0]), {}))
        for fidelity in ladder.fidelities:
            step = steps.get((batch, fidelity), {})
            found = [step[number] for number in sorted(climbing) if number in step]
            last |= {trial.number: trial for trial in found}
            climbing = set(climbers(found, ladder, space))
    top = ladder.fidelities[-1]
    return tuple(
        replace(trial, state="stopped")
        if trial.state == "complete" and trial.fidelity < top
        else trial
        for _, trial in sorted(last.items())
    )


def climbers(found: Sequence[Trial], ladder: Ladder, space: Space) -> list[int]:
    """Numbers of the trials of a batch that climb from one step of a ladder to the next."""
    count = max(1, round(len(found) * ladder.keep))
    best = [found[place] for place in ranking.order(found, space)]
    return sorted([trial.number for trial in best if trial.state == "complete"][:count])


@contextmanager
def writing(folder: Path, identity: Identity, asked: Asked) -> Iterator[Journal]:
    """Hold the folder of a study for this block, and add to its journal.

    Args:
        folder: The folder, made if missing.
        identity: What is searched.
        asked: What is asked for, which takes the place of what was.

    Raises:
        ConfigError: The folder holds another study; the message says in what it differs.
        RunError: Another process searches it, or it cannot be written.
    """
    with locked(folder, why="is searching this study"):
        sweep(folder)
        before = read_identity(folder)
        if before is None:
            write_text(folder / STUDY, identity.model_dump_json(indent=2) + "\n")
        else:
            _same(before, identity, folder)
        if read_asked(folder) != asked:
            write_text(folder / ASKED, asked.model_dump_json(indent=2) + "\n")
        with Journal(folder / TRIALS) as journal:
            yield journal


def line(trial: Trial) -> Mapping[str, object]:
    """A trial as one line of the journal."""
    return asdict(trial)


def _trial(data: Mapping[str, object], space: Space, source: Path) -> Trial:
    try:
        trial = _LINE.validate_python(data)
        parameters = space.complete(trial.parameters)
        # What is no finite number has no place in JSON, nor has text that spells it.
        json.dumps([data, trial.seconds, trial.values, trial.margins], allow_nan=False)
        if trial.number < 0:
            raise ValueError
    except (TypeError, ValueError):
        raise RunError(f"{source}: a line is no trial: {json.dumps(data)[:80]}") from None
    trial = replace(trial, parameters=parameters)
    faults = space.faults(trial.parameters)
    lack = space.lacks(trial.values) if trial.state == "complete" else None
    if lack is not None:
        raise RunError(
            f'{source}: trial {trial.number} is complete, but has no value "{lack}"',
            hint="take its line out, and the trial is made again",
        )
    if faults:
        raise RunError(
            f"{source}: trial {trial.number} is of another space: {faults[0]}",
            hint="use another folder",
        )
    return trial


def _same(before: Identity, now: Identity, folder: Path) -> None:
    found = differences(before.space, now.space)
    if before.objective != now.objective:
        found.append("the objective is another, or a file that it reads has changed")
    for name, word in (("proposer", "proposer"), ("batch", "batch"), ("seed", "seed")):
        one, other = getattr(before, name), getattr(now, name)
        if one != other:
            found.append(f"the {word} was {one}, and is {other}")
    if before.ladder != now.ladder:
        found.append("the ladder is another")
    for name, version in before.versions.items():
        if now.versions.get(name, version) != version:
            found.append(f"{name} was {version}, and is {now.versions[name]}")
    if found:
        raise ConfigError(
            f"{folder}: holds the study of another search: {'; '.join(found)}",
            hint="choose another folder, or go on with what is in its study.json",
        )


def identify(
    name: str,
    space: Space,
    *,
    objective: str,
    proposer: object,
    batch: int,
    seed: int,
    ladder: Ladder | None,
    packages: Sequence[str] = (),
    made_of: dict[str, object] | None = None,
) -> Identity:
    """The identity of a study that is about to begin."""
    from importlib.metadata import version

    versions = {"netwright": __version__, **{package: version(package) for package in packages}}
    return Identity(
        name=name, space=space, objective=objective, proposer=repr(proposer), batch=batch,
        seed=seed, ladder=ladder, versions=versions, made_of=made_of or {},
    )  # fmt: skip


__all__ = [
    "ASKED", "STUDY", "TRIALS", "Asked", "Identity", "Study", "canonical", "climbers", "identify",
    "line", "open_study", "read_asked", "read_trials", "settled", "writing",
]  # fmt: skip
