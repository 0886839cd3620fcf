"""The same training of a policy for several seeds, on all cores, remembered on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright.files import write_text
from netwright.progress import Progress, silent
from netwright.reading import read_json
from netwright.records import Record
from netwright.train.jobs import run_jobs
from netwright.train.reinforced import Measured, Reinforcement, reinforce
from netwright.train.seeds import history_file, weights_file
from netwright.train.weights import save_weights

if TYPE_CHECKING:
    from gymnasium import Env


@dataclass(frozen=True)
class _Job:
    environment: Env[Any, Any]
    settings: Reinforcement
    folder: Path


def reinforce_seeds(
    environment: Env[Any, Any],
    settings: Reinforcement,
    seeds: Sequence[int],
    *,
    folder: str | Path,
    workers: int | None = None,
    progress: Progress = silent,
) -> dict[int, Record]:
    """Train a policy with every seed; a seed that is done is read from `folder`.

    A seed that was interrupted goes on where it was.

    Args:
        environment: It must go to other processes, and say itself how good a policy is.
        settings: Of the trainings; their seed is not used.
        seeds: One training for each.
        folder: Keeps weights, histories and records; one folder serves one set of settings.
        workers: Number of processes; the number of cores if not given.
        progress: Told of every seed.

    Returns:
        For each seed ``validation``, the first value of the measurement of the best policy, and
        ``steps``, the decisions before it; weights are in the file that
        :func:`~netwright.train.weights_file` says, histories in that of
        :func:`~netwright.train.history_file`.
    """
    folder = Path(folder)
    jobs = {
        f"seed {seed}, {settings.steps} steps": _Job(
            environment, replace(settings, seed=seed), folder
        )
        for seed in seeds
    }
    records = run_jobs(_train, jobs, log=folder / "seeds.jsonl", workers=workers, progress=progress)
    return dict(zip(seeds, records.values(), strict=True))


def read_measurements(folder: str | Path, seed: int) -> tuple[Measured, ...]:
    """Return what was measured in the training of a seed.

    Raises:
        DataError: The file is missing or damaged.
    """
    found = read_json(history_file(folder, seed))
    return tuple(Measured(int(steps), tuple(map(float, values))) for steps, values in found)


def _train(job: _Job) -> Record:
    seed = job.settings.seed
    unfinished = job.folder / f"seed-{seed}.checkpoint"
    job.folder.mkdir(parents=True, exist_ok=True)
    found = reinforce(job.environment, job.settings, checkpoint=unfinished)
    history = [(item.steps, list(item.values)) for item in found.history]
    write_text(history_file(job.folder, seed), json.dumps(history) + "\n")
    save_weights(found.policy, weights_file(job.folder, seed))
    unfinished.unlink(missing_ok=True)
    return {"validation": found.best.values[0], "steps": found.best.steps}
