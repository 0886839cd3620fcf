"""The search: proposals in batches, every finished evaluation on the disk before it counts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from netwright.errors import ConfigError, RunError, StaleRun
from netwright.explore import ranking
from netwright.explore.executors import Executor, Here, Session
from netwright.explore.objective import Job, Limits, Objective, Outcome, Work, described
from netwright.explore.parameter import Point
from netwright.explore.proposers.base import Proposer
from netwright.explore.settings import Ladder
from netwright.explore.space import Space, canonical
from netwright.explore.study import (
    Asked,
    Identity,
    Study,
    climbers,
    identify,
    line,
    open_study,
    read_trials,
    settled,
    writing,
)
from netwright.explore.trial import Trial
from netwright.progress import Progress, silent
from netwright.records import Journal


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched, and how; calling :meth:`run` again goes on after any interruption.

    Attributes:
        space: What is searched.
        objective: What evaluates points.
        proposer: What proposes them.
        name: Name of the study.
        batch: Proposals that are made together.
        seed: Of everything random.
        limits: What one evaluation may use.
        ladder: Little effort first.
        title: What is searched, in a sentence, for its page.

    Example:
        >>> from netwright.explore import Function, Goal, Random, Search, Space, Whole
        >>> space = Space(parameters=(Whole(name="x", low=-9, high=9),), goals=(Goal(value="y"),))
        >>> square = Function(lambda point: {"y": point["x"] ** 2})
        >>> study = Search(space, square, Random()).run(trials=40)
        >>> study.best.values["y"]
        0.0
    """

    space: Space
    objective: Objective
    proposer: Proposer
    name: str = "study"
    batch: int = 8
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    ladder: Ladder | None = None
    title: str = ""

    @property
    def identity(self) -> Identity:
        """What decides about every trial."""
        return identify(
            self.name, self.space, objective=self.objective.digest, proposer=self.proposer,
            batch=self.batch, seed=self.seed, ladder=self.ladder,
            packages=self.proposer.packages, made_of=described(self.objective),
        )  # fmt: skip

    def run(
        self,
        *,
        trials: int,
        folder: str | Path | None = None,
        executor: Executor | None = None,
        reuse: Sequence[str | Path] = (),
        progress: Progress = silent,
    ) -> Study:
        """Try points until there are `trials` of them, finished ones of the folder included.

        The trials are the same whatever the executor and however often the search was killed.

        Args:
            trials: How many proposals.
            folder: Where finished trials are kept; nowhere if not given.
            executor: Where evaluations run; in this process if not given.
            reuse: Folders of other studies with the same objective, whose values are taken over.
            progress: Told of every trial, with the best so far.

        Raises:
            ConfigError: The space, or the folder, does not fit.
            RunError: The folder is in use or cannot be written, or a cluster is gone; finished
                trials are kept.
        """
        self.space.check()
        self.objective.check(self.space)
        identity = self.identity
        known = _known(reuse, identity)
        asked = Asked(title=self.title, trials=trials)
        with ExitStack() as stack:
            journal, before = None, []
            if folder is not None:
                journal = stack.enter_context(writing(Path(folder), identity, asked))
                before = read_trials(Path(folder), self.space)
            work = Work(self.objective, self.space, self.limits)
            session = stack.enter_context((executor or Here()).open(work))
            driver = _Driver(self, journal, session, known, trials, progress, before)
            return Study(identity, driver.drive(), len(driver.done), asked)


class _Driver:
    """One call of a search: the only place where trials are decided and written."""

    def __init__(
        self,
        search: Search,
        journal: Journal | None,
        session: Session,
        known: Mapping[tuple[str, float], Trial],
        wanted: int,
        progress: Progress,
        before: Sequence[Trial],
    ) -> None:
        self.search, self.journal, self.session = search, journal, session
        self.wanted, self.progress = wanted, progress
        self.done = {(trial.number, trial.fidelity): trial for trial in before}
        self.known = dict(known)
        self.best: Trial | None = None
        for trial in before:
            self._note(trial)

    def drive(self) -> tuple[Trial, ...]:
        """Batch after batch; a batch sees the outcomes of all batches before it."""
        history: list[Trial] = []
        search = self.search
        batch = 0
        while len(history) < self.wanted:
            points = search.proposer.propose(history, search.space, search.batch, search.seed)
            for point in points:
                faults = search.space.faults(point)
                assert not faults, f"{search.proposer!r} proposed {point}: {'; '.join(faults)}"
            wanted = points[: self.wanted - len(history)]
            finished = self._batch(batch, len(history), wanted)
            history += finished
            batch += 1
            if len(points) < search.batch:
                break
        return tuple(history)

    def _batch(self, batch: int, first: int, points: Sequence[Point]) -> list[Trial]:
        numbers = {first + index: point for index, point in enumerate(points)}
        ladder = self.search.ladder
        if ladder is None:
            self._evaluate(batch, numbers, 0.0)
            return [self.done[number, 0.0] for number in numbers]
        climbing = numbers
        evaluations: list[Trial] = []
        for fidelity in ladder.fidelities:
            self._evaluate(batch, climbing, fidelity)
            found = [self.done[number, fidelity] for number in climbing]
            evaluations += found
            climbing = {n: climbing[n] for n in climbers(found, ladder, self.search.space)}
        return list(settled(evaluations, ladder, self.search.space))

    def _evaluate(self, batch: int, points: Mapping[int, Point], fidelity: float) -> None:
        """Finish what is not finished: looked up where equal, evaluated where not."""
        jobs: list[Job] = []
        waiting: dict[tuple[str, float], list[int]] = {}
        for number, point in points.items():
            if (number, fidelity) in self.done:
                self._check(self.done[number, fidelity], point)
                continue
            key = canonical(point), fidelity
            same = self.known.get(key)
            if same is not None:
                self._finish(_again(same, number, batch))
            elif key in waiting:
                waiting[key].append(number)
            else:
                waiting[key] = []
                jobs.append(Job(number, point, fidelity))
        for job, outcome in self.session.run(jobs) if jobs else ():
            trial = self._trial(job, batch, outcome)
            self._finish(trial)
            for number in waiting[canonical(job.point), fidelity]:
                self._finish(_again(trial, number, batch))

    def _check(self, trial: Trial, point: Point) -> None:
        if canonical(trial.parameters) != canonical(point):
            raise StaleRun(
                f"trial {trial.number} has {canonical(trial.parameters)}, but {point} is proposed "
                "now",
                path=str(self.journal.path) if self.journal else "",
                hint="use the versions of packages that its study.json names, or another folder",
            )

    def _trial(self, job: Job, batch: int, outcome: Outcome) -> Trial:
        return Trial(
            job.number, batch, job.point, outcome.state, outcome.values,
            _finite(self.search.space.margins(job.point, outcome.values)), outcome.reason,
            round(outcome.seconds, 6), job.fidelity,
        )  # fmt: skip

    def _finish(self, trial: Trial) -> None:
        """On the disk first, then counted, then told."""
        if self.journal is not None:
            self.journal.append(line(trial))
        self.done[trial.number, trial.fidelity] = trial
        self._note(trial)
        self.progress(len({number for number, _ in self.done}), self.wanted, self._told())

    def _note(self, trial: Trial) -> None:
        if trial.state in ("complete", "pruned"):
            self.known.setdefault((canonical(trial.parameters), trial.fidelity), trial)
        ladder = self.search.ladder
        if ladder is None or trial.fidelity == ladder.fidelities[-1]:
            candidates = [t for t in (self.best, trial) if t is not None]
            self.best = ranking.best(candidates, self.search.space)

    def _told(self) -> str:
        if self.best is None:
            return "none feasible yet"
        values = ", ".join(
            f"{goal.value} {self.best.values[goal.value]:.6g}" for goal in self.search.space.goals
        )
        return f"best {values} (trial {self.best.number})"


def _again(trial: Trial, number: int, batch: int) -> Trial:
    """A trial whose values are those of another one."""
    same = trial.same_as or f"trial {trial.number}"
    return replace(trial, number=number, batch=batch, seconds=0.0, same_as=same)


def _finite(margins: Mapping[str, float]) -> dict[str, float]:
    """Margins that JSON can hold."""
    most = 1e308
    return {title: min(max(margin, -most), most) for title, margin in margins.items()}


def _known(folders: Sequence[str | Path], identity: Identity) -> dict[tuple[str, float], Trial]:
    """Evaluations of other studies with the same objective, goals and constraints."""
    found: dict[tuple[str, float], Trial] = {}
    for folder in folders:
        other = open_study(folder)
        if other.identity.objective != identity.objective:
            raise ConfigError(
                f"{folder}: its trials have another objective, so that none can be taken over"
            )
        derived = {formula.name for formula in (*other.space.derived, *identity.space.derived)}
        for trial in read_trials(Path(folder), other.space):
            if trial.state != "complete" or identity.space.faults(trial.parameters):
                continue
            measured = {n: v for n, v in trial.values.items() if n not in derived}
            values = measured | identity.space.computed(trial.parameters, measured)
            if identity.space.lacks(values):
                continue
            values = {name: value for name, value in values.items() if math.isfinite(value)}
            taken = replace(
                trial, values=values, same_as=f"{folder} trial {trial.number}",
                margins=_finite(identity.space.margins(trial.parameters, measured)),
            )  # fmt: skip
            found.setdefault((canonical(trial.parameters), trial.fidelity), taken)
    return found


def result_digest(trials: Sequence[Trial]) -> str:
    """SHA-256 of what trials are, apart from how long they took: equal for equal searches."""
    text = "\n".join(
        f"{trial.number} {trial.batch} {canonical(trial.parameters)} {trial.state} "
        f"{sorted(trial.values.items())} {trial.fidelity} {trial.same_as}"
        for trial in trials
    )
    return hashlib.sha256(text.encode()).hexdigest()


__all__ = ["RunError", "Search", "result_digest"]
