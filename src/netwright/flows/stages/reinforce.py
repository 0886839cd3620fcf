"""Stages ``reinforce`` and ``train``: policies of all seeds, and what the best one decides."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, cast

import numpy as np
from pydantic import AfterValidator, PlainValidator, SerializeAsAny, model_validator

from netwright.errors import ConfigError, MissingExtra
from netwright.files import write_npz
from netwright.flows.choice import Choice, reader
from netwright.flows.stages.common import CURVES, SCORES, Score, weights_name
from netwright.python_file import is_python_name
from netwright.run.stage import StageContext
from netwright.settings import Settings
from netwright.train.reinforced import Reinforcement

if TYPE_CHECKING:
    from netwright.models import Policy
    from netwright.tasks.beam_environment import BeamEnvironment

RECORDS = "policies.json"
ROLLOUTS = "rollouts.npz"
"""What the best policy decided: the rows of a task ``table``, which teach a quantized one."""

OBSERVATION, ACTION, SPLIT = "observation", "action", "split"
_PARTS = ((0.64, "train"), (0.8, "validation"), (1.0, "test"))


class EnvironmentSection(Choice):
    """Which environment; the other settings are its options.

    Attributes:
        kind: Name of an environment, or of one in a Python file.
    """

    OF: ClassVar[str] = "environments"
    GIVEN: ClassVar[tuple[str, ...]] = ("plant",)

    kind: str = "beam"

    @model_validator(mode="after")
    def _is_accepted(self) -> Self:
        if is_python_name(self.kind):  # of the user's own: made when its stage runs
            return self
        try:
            return self.require_made()
        except MissingExtra:  # said of all stages together, before the first one starts
            return self


AnyEnvironment = Annotated[
    SerializeAsAny[EnvironmentSection], PlainValidator(reader(EnvironmentSection))
]


def _without_seed(settings: Reinforcement) -> Reinforcement:
    if settings.seed != Reinforcement().seed:
        raise ValueError("seed must be left out: the flow has the seeds")
    return settings


ReinforceSettings = Annotated[Reinforcement, AfterValidator(_without_seed)]


class ReinforceParameters(Settings):
    """Settings of the stage ``reinforce``.

    Attributes:
        environment: In which environment.
        train: How policies are trained.
        seeds: One policy for each.
    """

    environment: AnyEnvironment
    train: ReinforceSettings
    seeds: tuple[int, ...]


class RolloutParameters(Settings):
    """Settings of the stage ``train``.

    Attributes:
        environment: In which environment.
        train: How policies were trained.
        seeds: Of the policies.
        machines: On how many machines the best policy decides.
        seed: Of these machines.
    """

    environment: AnyEnvironment
    train: ReinforceSettings
    seeds: tuple[int, ...]
    machines: int
    seed: int


def load_environment(section: EnvironmentSection, inputs: Any) -> BeamEnvironment:
    """The environment of a flow.

    Raises:
        ConfigError: What a Python file makes has no closed loop that can be measured.
    """
    made = section.make("environment", inputs)
    for needed in ("rollout", "measure"):
        if not hasattr(made, needed):
            raise ConfigError(
                f'environment "{section.kind}" must have a method "{needed}" as BeamEnvironment '
                f"has, and {type(made).__name__} has none"
            )
    return cast("BeamEnvironment", made)


def reinforce_policies(context: StageContext[ReinforceParameters]) -> None:
    """Train a policy for every seed on all cores; an interrupted one goes on where it was."""
    from netwright.train import history_file, reinforce_seeds, weights_file

    p = context.parameters
    environment = load_environment(p.environment, context.inputs)
    context.progress(0, len(p.seeds), "")
    records = reinforce_seeds(
        environment, p.train, p.seeds, folder=context.scratch, progress=context.progress
    )
    for seed in p.seeds:
        for path in (weights_file(context.scratch, seed), history_file(context.scratch, seed)):
            shutil.copyfile(path, context.folder / path.name)
    text = json.dumps({str(seed): record for seed, record in records.items()}, indent=2)
    (context.folder / RECORDS).write_text(text + "\n")


def best_policy(context_folder: Any, seeds: tuple[int, ...]) -> int:
    """The seed of the best policy on the validation machines; of equal ones, the first."""
    from netwright.train import read_measurements

    found = {s: max(m.values for m in read_measurements(context_folder, s)) for s in seeds}
    return max(seeds, key=lambda seed: found[seed])


def roll_out(context: StageContext[RolloutParameters]) -> None:
    """Keep the best policy as the float network, and what it decides as a table of rows.

    Whole machines are for training, validation or test.
    """
    from netwright.train import load_weights, new_policy

    p = context.parameters
    environment = load_environment(p.environment, context.inputs)
    best = best_policy(context.inputs["reinforce"], p.seeds)
    weights = context.inputs["reinforce"] / weights_name(best)
    policy = new_policy(environment, p.train)
    load_weights(policy, weights)
    shutil.copyfile(weights, context.folder / weights_name(p.seeds[0]))
    write_decisions(context.folder / ROLLOUTS, environment, policy, p.machines, p.seed)
    score = Score(seed=p.seeds[0], validation=0.0, test=0.0, larger_is_better=False)
    (context.folder / SCORES).write_text(f"[{score.model_dump_json()}]\n")
    (context.folder / CURVES).write_text("{}\n")
    text = json.dumps({"best": best, "settings": repr(replace(p.train, seed=best))}, indent=2)
    (context.folder / RECORDS).write_text(text + "\n")


def write_decisions(
    path: Path, environment: BeamEnvironment, policy: Policy, machines: int, seed: int
) -> None:
    """Write what a policy observes and decides on machines that the seed draws, as a table."""
    from netwright.train import acting

    decide = acting(policy.eval())
    episodes = environment.rollout(decide, machines=machines, seed=seed)
    taken = np.isfinite(episodes.actions).all(axis=2)
    machine = np.broadcast_to(np.arange(len(episodes)) / len(episodes), taken.shape)[taken]
    rows = episodes.observations[taken].astype(np.float32)
    seen = rows if environment.trend else rows[:, -environment.line.num_readings :]
    names = np.array([name for _, name in _PARTS])
    part = names[np.searchsorted([end for end, _ in _PARTS], machine, side="right")]
    write_npz(path, {OBSERVATION: seen, ACTION: decide(seen), SPLIT: part})
