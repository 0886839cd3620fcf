"""The second task of the study ``tbsac``: the transmission of an injector."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from netwright import train
from netwright.registry import resolve
from netwright.studies import Context, Finding, percent
from netwright.studies.tbsac_policies import MACHINES, SEEDS, TEST, simulated

SAMPLES, EPOCHS = 20_000, 15
"""What the surrogate is fitted to, and how long."""

SETTINGS = train.Reinforcement(
    front="dense", hidden=(64, 64), steps=16_000, discount=0.95, input_scale=1.0, evaluations=8
)

Decide = Callable[[NDArray[np.float32]], NDArray[np.floating]]


def injector(context: Context) -> Finding:
    """The envelope, which no policy was trained on; the surrogate and no policy in the remark."""
    make = cast(Any, resolve("environments", "injector"))
    fitted = train.fit_surrogate(SAMPLES, epochs=EPOCHS)
    learned_on, machine = make(plant=fitted.response), make()
    folder = context.folder / "injector"
    train.reinforce_seeds(
        learned_on, SETTINGS, SEEDS, folder=folder, workers=1, progress=context.reporter.update
    )
    policies = []
    for seed in SEEDS:
        policy = train.new_policy(machine, SETTINGS)
        train.load_weights(policy, train.weights_file(folder, seed))
        policies.append(train.acting(policy.eval()))
    random = np.random.default_rng(TEST)
    others: dict[str, Decide] = {
        "nothing": lambda seen: np.zeros((len(seen), 6)),
        "random": lambda seen: random.uniform(-1, 1, (len(seen), 6)),
    }

    def tried(where: Any, decide: Decide) -> tuple[float, float]:
        last, success = where.rollout(decide, machines=MACHINES, seed=TEST)
        return float(success.mean()), float(last.mean())

    found = [tried(machine, policy) for policy in policies]
    at_home = fmean(tried(learned_on, policy)[0] for policy in policies)
    told = [f"seeds {', '.join(f'{100 * share:.1f}' for share, _ in found)} %"]
    told.append(f"mean transmission at the end {100 * fmean(last for _, last in found):.1f} %")
    told.append(f"on the surrogate {100 * at_home:.1f} % (its error {fitted.error:.3f})")
    for name, decide in others.items():
        share, last = tried(machine, decide)
        told.append(f"{name} {100 * share:.1f} %, mean transmission {100 * last:.1f} %")
    shares = [share for share, _ in found]
    source = f"{MACHINES} injectors of the envelope"
    return Finding(simulated(percent(shares, source)), "; ".join(told))
