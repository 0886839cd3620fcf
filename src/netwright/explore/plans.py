"""The sweep of bit plans: given plans and seeds as a space, fine-tuning as its objective."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import nn

from netwright.compress import (
    FINETUNING,
    Candidate,
    FrontPoint,
    LayerShape,
    Plan,
    total_bops,
)
from netwright.compress.part import apply_part
from netwright.errors import RunError
from netwright.explore.executors import Here, Pool
from netwright.explore.objective import Tell
from netwright.explore.parameter import Choice, Value
from netwright.explore.proposers import Listed
from netwright.explore.search import Search
from netwright.explore.space import Goal, Space
from netwright.explore.study import STUDY, read_identity
from netwright.processes import default_threads
from netwright.progress import Progress, silent
from netwright.tasks import Task
from netwright.train import Calibrate, evaluate, fit, single_threaded


@dataclass(frozen=True)
class FineTuning:
    """Scores of a plan, fine-tuned from the float model of a seed.

    Attributes:
        plans: The plans by name.
        models: A trained float model for each seed.
        task: Data.
        shapes: Layer shapes, for the bit operations.
        epochs: Epochs of each fine-tuning.
        part: Path of the part of the models that gets the widths; all of them if not given.
    """

    plans: Mapping[str, Plan]
    models: Mapping[int, nn.Module]
    task: Task
    shapes: tuple[LayerShape, ...]
    epochs: int
    part: str | None = None

    def check(self, space: Space) -> None:
        """The space is made of the plans."""

    @cached_property
    def digest(self) -> str:
        """The models, the data and how plans are tuned; plans have digests in their names."""
        state = hashlib.sha256()
        for seed, model in self.models.items():
            state.update(str(seed).encode())
            for name, array in model.state_dict().items():
                state.update(name.encode())
                state.update(array.detach().cpu().numpy().tobytes())
        state.update(self.task.card.sha256.encode())
        return f"fine-tuning {self.epochs} {self.part} {state.hexdigest()}"

    def evaluate(
        self, settings: Mapping[str, Value], *, fidelity: float, tell: Tell
    ) -> Mapping[str, float]:
        """Fine-tune and score."""
        plan, seed = self.plans[str(settings["plan"])], int(str(settings["seed"]))
        tell({"bops": total_bops(self.shapes, plan)})
        with single_threaded():
            recipe = replace(FINETUNING, epochs=self.epochs, seed=seed)
            model = apply_part(self.models[seed], plan, self.task, self.part)
            fit(model, self.task, recipe=recipe, callbacks=[Calibrate()])
            return {
                "bops": total_bops(self.shapes, plan),
                "test": evaluate(model, self.task),
                "validation": evaluate(model, self.task, split="validation"),
            }


def sweep(
    models: Sequence[nn.Module],
    task: Task,
    candidates: Sequence[Candidate],
    shapes: Sequence[LayerShape],
    *,
    epochs: int,
    seeds: Sequence[int],
    part: str | None = None,
    sampled_seeds: int = 1,
    folder: str | Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[FrontPoint, ...]:
    """Fine-tune and score every candidate from the float model of every seed.

    Args:
        models: One trained float model for each seed.
        task: Data.
        candidates: The plans.
        shapes: Layer shapes, for the bit operations.
        epochs: Epochs of each fine-tuning.
        seeds: Seeds of the fine-tuning, one for each model.
        part: Path of the part of the models that gets the widths; all of them if not given.
        sampled_seeds: How many seeds the sampled candidates get.
        folder: Studies of finished trials, one for each set of candidates; they go on from there,
            and take over what others of the same models have found.
        workers: Number of processes; one works in this process.
        progress: Told of every trial.

    Raises:
        RunError: A trial failed; the others are kept.
    """
    plans = {_name(candidate.plan): candidate.plan for candidate in candidates}
    wanted = [
        [(_name(candidate.plan), seed)
         for seed in seeds[: sampled_seeds if candidate.kind == "sampled" else len(seeds)]]
        for candidate in candidates
    ]  # fmt: skip
    pairs = dict.fromkeys(pair for own in wanted for pair in own)
    if not pairs:
        return ()
    points = tuple(dict[str, Value](plan=name, seed=seed) for name, seed in pairs)
    space = Space(
        parameters=(
            Choice(name="plan", values=tuple(plans)),
            Choice(name="seed", values=tuple(seeds)),
        ),
        goals=(Goal(value="validation", direction="maximize"), Goal(value="bops")),
    )
    by_seed = dict(zip(seeds, models, strict=True))
    objective = FineTuning(plans, by_seed, task, tuple(shapes), epochs, part)
    search = Search(space, objective, Listed(points), name="plans", batch=len(points))
    place = None if folder is None else Path(folder) / _set(points)
    count = min(workers or default_threads(), len(points))
    study = search.run(
        trials=len(points),
        folder=place,
        executor=Here() if count == 1 else Pool(count),
        reuse=() if place is None else _others(place, objective.digest),
        progress=progress,
    )
    for trial in study.trials:
        if trial.state != "complete":
            raise RunError(f"{trial.parameters['plan']} seed {trial.parameters['seed']}: "
                           f"{trial.reason}", hint="the other trials are kept")  # fmt: skip
    values = dict(zip(pairs, (trial.values for trial in study.trials), strict=True))
    return tuple(
        _point(candidate, [values[pair] for pair in own], shapes)
        for candidate, own in zip(candidates, wanted, strict=True)
    )


def _point(
    candidate: Candidate,
    found: Sequence[Mapping[str, float]],
    shapes: Sequence[LayerShape],
) -> FrontPoint:
    return FrontPoint(
        candidate,
        total_bops(shapes, candidate.plan),
        tuple(values["test"] for values in found),
        float(np.mean([values["validation"] for values in found])),
    )


def _name(plan: Plan) -> str:
    """A name that differs wherever plans do, apart from how they were made."""
    text = repr(replace(plan, origin=""))
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]} {plan}"


def _set(points: Sequence[Mapping[str, Value]]) -> str:
    return hashlib.sha256(repr(points).encode()).hexdigest()[:16]


def _others(place: Path, digest: str) -> list[Path]:
    """Studies beside one that fine-tuned the same models."""
    folders = [path.parent for path in sorted(place.parent.glob(f"*/{STUDY}"))]
    others = {folder: read_identity(folder) for folder in folders if folder != place}
    return [folder for folder, other in others.items() if other and other.objective == digest]
