"""Policies, machines and controllers of the study ``tbsac``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from netwright import compress, ir, tasks, train
from netwright.ir import Graph
from netwright.models import Policy
from netwright.quantities import Quantity
from netwright.registry import resolve
from netwright.studies import Context
from netwright.tasks import beam

SEEDS = (0, 1, 2, 3, 4)
MACHINES = 200
TEST = 2023
"""Seed of the machines for figures; policies are trained and chosen on others."""

SETTINGS = {
    "policy": train.Reinforcement(front="convolution"),
    "dense policy": train.Reinforcement(front="dense"),
    "dense policy without trend": train.Reinforcement(front="dense"),
}
WITHOUT = "dense policy without trend"

SWEEPS: Mapping[str, tuple[str, tuple[float, ...]]] = {
    "swap_chance": ("chance that a corrector's sign is wrong", (0, 0.02, 0.05, 0.1, 0.2)),
    "solenoid_each": ("largest error of every field", (0, 0.2, 0.4, 0.6)),
    "gain": ("largest error of every corrector", (0, 0.3, 0.6, 0.9)),
}

AFFINE = beam.AffinePlant


def environment(*, trend: bool = True) -> Any:
    """The environment of the published randomization."""
    return cast(Any, resolve("environments", "beam"))(trend=trend)


def policies(context: Context, name: str) -> list[Policy]:
    """The policies of all seeds; trained once, and kept in the folder of the study."""
    folder, settings = context.folder / name.replace(" ", "-"), SETTINGS[name]
    where = environment(trend=name != WITHOUT)
    train.reinforce_seeds(where, settings, SEEDS, folder=folder, progress=context.reporter.update)
    found = []
    for seed in SEEDS:
        policy = train.new_policy(where, settings)
        train.load_weights(policy, train.weights_file(folder, seed))
        found.append(policy.eval())
    return found


def controller(policy: Policy, name: str = "policy") -> Any:
    """A policy as the closed loop takes it."""
    decide = train.acting(policy)
    return beam.without_trend(decide) if name == WITHOUT else decide


def drawn(count: int = MACHINES, faults: beam.Faults | None = None) -> beam.Machines:
    """Machines that no policy has seen."""
    return beam.Machines.draw(beam.CM1, count, np.random.default_rng(TEST), faults)


@cache
def plants() -> tuple[beam.AffinePlant, beam.AffinePlant]:
    """Machines as published: half with the fields as drawn, half with one factor off."""
    return AFFINE(drawn(MACHINES // 2)), AFFINE(drawn(MACHINES // 2, beam.Faults(solenoid=0.05)))


def share(controllers: list[Any], plant: beam.Plant) -> list[float]:
    """Shares of machines below 1 mm, one for each controller."""
    return [run(one, plant).share_below(1.0) for one in controllers]


def run(one: Any, plant: beam.Plant) -> beam.Episodes:
    """The closed loop on one plant."""
    return beam.run_closed_loop(plant, one, seed=TEST)


def classical() -> dict[str, Any]:
    """The controllers without a network."""
    return {
        "none": beam.Nothing(),
        "random": beam.Random(),
        "least squares, as drawn": beam.svd_controller(beam.CM1),
        "least squares, measured": beam.Measured(),
        "Broyden": beam.Broyden(),
    }


def sweep(chosen: list[Policy], fault: str) -> dict[str, list[float]]:
    """Mean shares below 1 mm over the values of a fault, by controller."""
    found: dict[str, list[float]] = {}
    for value in SWEEPS[fault][1]:
        faults = beam.Faults(**{fault: value})  # type: ignore[arg-type]
        plant = AFFINE(drawn(faults=faults))
        for name, one in classical().items():
            found.setdefault(name, []).append(share([one], plant)[0])
        shares = share([controller(policy) for policy in chosen], plant)
        found.setdefault("policy", []).append(float(np.mean(shares)))
    return found


def quantize(context: Context, policy: Policy, bits: int) -> Graph:
    """The integer graph of a policy, taught by what the policy decides on other machines."""
    path = context.folder / f"policy-{bits}-bits.npz"
    if not path.exists():
        context.folder.mkdir(parents=True, exist_ok=True)
        ir.save(_taught(policy, bits), path)
    return ir.load(path)


def _taught(policy: Policy, bits: int) -> Graph:
    episodes = environment().rollout(train.acting(policy), machines=600, seed=TEST + 1)
    seen = episodes.observations[np.isfinite(episodes.actions).all(axis=2)].astype(np.float32)
    task = tasks.from_arrays(
        seen, train.acting(policy)(seen), values=True, standardize=False, score="rmse"
    )
    shapes = compress.layer_shapes(policy, task.input_shape)
    plan = compress.uniform(shapes, weight_bits=bits, activation_bits=8, input_bits=12)
    tuned = compress.finetune(policy, plan, task, epochs=4, batch_size=128)
    return train.trace(tuned, name="policy")


def simulated(figure: Quantity) -> Quantity:
    """A figure of a plant that is computed, labelled so."""
    return replace(figure, fidelity="simulated")


def is_done(folder: Path, name: str) -> bool:
    """Whether the policies of all seeds are trained."""
    where = folder / name.replace(" ", "-")
    return all(train.weights_file(where, seed).exists() for seed in SEEDS)
