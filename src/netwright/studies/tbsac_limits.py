"""The best there is for machines of the study ``tbsac``, and what it costs to search for it."""

from __future__ import annotations

import numpy as np

from netwright import train
from netwright.errors import MissingExtra
from netwright.quantities import Quantity
from netwright.studies import Context, Finding, NotAttempted
from netwright.studies.tbsac_policies import (
    AFFINE,
    MACHINES,
    controller,
    drawn,
    plants,
    policies,
    run,
)
from netwright.tasks import beam

SEARCHED, BUDGET = 5, 150


def regret(context: Context) -> Finding:
    """Over all seeds and machines."""
    found = []
    for chosen in policies(context, "policy"):
        for plant in plants():
            last = run(controller(chosen), plant).last_mm
            found.append(last - beam.least_rms(plant, beam.Rules().limit))
    source = f"{MACHINES} machines of the affine plant"
    ours = Quantity(float(np.mean(found)), "mm", source, "simulated")
    return Finding(ours, f"largest {np.max(found):.2f} mm")


def searches(context: Context) -> Finding | NotAttempted:
    """Steps until success, those of a machine that is not corrected being the whole budget."""
    machines, rules = drawn(SEARCHED, beam.Faults(solenoid=0.05)), beam.Rules(steps=BUDGET)
    kinds: dict[str, beam.Finder] = {
        "Nelder-Mead": beam.nelder_mead,
        "Bayesian": train.Bayesian(),
        "Bayesian with a model": train.Bayesian(model=True),
    }
    try:
        found = {
            name: beam.search_orbits(machines, find, plant=AFFINE, rules=rules)
            for name, find in kinds.items()
        }
    except MissingExtra as error:
        return NotAttempted(str(error))
    told = ", ".join(
        f"{name} {float(f.steps.mean()):.0f} steps, {100 * f.share_below(1.0):.0f} % below 1 mm"
        for name, f in found.items()
    )
    ratio = float(found["Bayesian"].steps.mean() / found["Bayesian with a model"].steps.mean())
    ours = Quantity(ratio, "", f"{SEARCHED} machines, at most {BUDGET} steps", "simulated")
    return Finding(ours, told)
