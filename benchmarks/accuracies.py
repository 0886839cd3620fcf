"""Accuracies of the networks among which the study nasaic searches: all of them, trained once.

Every network of three spaces is trained from scratch with three seeds, briefly and on few rows;
what counts is the order of the networks, and how far seeds differ. Finished trainings are
remembered in ``accuracies.jsonl``, which ships with the package, and are not done again: the target
goes on where it was ended.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console

from netwright import models, tasks, train
from netwright.explore.objectives.chip import NetworkOptions
from netwright.records import Record
from netwright.studies import nasaic_spaces as spaces

LOG = Path(__file__).parents[1] / "src/netwright/studies/nasaic_data/accuracies.jsonl"
SEEDS = (0, 1, 2)
EPOCHS = {"fashion-mnist": 2, "digits": 4, "nuclei": 3}
ROWS = {"fashion-mnist": 1500, "digits": 2000, "nuclei": 256}
BATCH_SIZE, LEARNING_RATE = 16, 3e-3


@dataclass(frozen=True)
class Job:
    """One training: a network with its task, and the seed of weights and order."""

    network: NetworkOptions
    seed: int


def jobs() -> Iterator[tuple[str, Job]]:
    """Every training by its key in the table; the first seed of all networks first."""
    for seed in SEEDS:
        for task, (family, image) in spaces.TASKS.items():
            for decided in spaces.choices(family):
                options = {"task": task, "family": family, "image": image,
                           "arguments": spaces.arguments(family, decided)}  # fmt: skip
                network = NetworkOptions.model_validate(options)
                yield f"{network.key} {seed}", Job(network, seed)


@cache
def _task(name: str) -> tasks.Task:
    made = {
        "fashion-mnist": lambda: tasks.fashion_mnist(layout="image"),
        "digits": tasks.digits,
        "nuclei": lambda: tasks.nuclei(source="both", rows=128),
    }
    return made[name]().subset(ROWS[name])


def trained(job: Job) -> Record:
    """Train a network and score it; the test split is looked at once."""
    own, started = job.network, time.process_time()
    task = _task(own.task)
    make: Any = {"resnet9": models.resnet9, "unet": models.unet}[own.family]
    model = make(image=own.image, **own.arguments, seed=job.seed)
    train.fit(
        model, task, epochs=EPOCHS[own.task], batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE,
        warmup=0.1, seed=job.seed, keep="last",
    )  # fmt: skip
    return {
        "score": train.evaluate(model, task),
        "validation": train.evaluate(model, task, split="validation"),
        "parameters": sum(own.numel() for own in model.parameters()),
        "cpu_seconds": round(time.process_time() - started, 2),
    }


def main() -> None:
    """Train what is missing."""
    console = Console()
    found = train.run_jobs(
        trained, dict(jobs()), log=LOG, workers=int(sys.argv[1]) if sys.argv[1:] else None,
        progress=lambda done, count, text: console.print(f"{done} of {count}: {text}"),
    )  # fmt: skip
    console.print(f"{len(found)} trainings in {LOG}")


if __name__ == "__main__":
    main()
