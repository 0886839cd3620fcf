"""Networks of the study ``econ-t`` for one region of the detector, and for all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from netwright import train
from netwright.quantities import Quantity
from netwright.studies.claims import Finding
from netwright.studies.econ_t_networks import (
    SOURCE,
    TEST_ROWS,
    Networks,
    fit,
    network_distances,
    table,
    task_of,
    tuned,
)
from netwright.studies.study import Context
from netwright.tasks import REGION_NAMES, wafers

EPOCHS, MOVER_EPOCHS = 9, 3


def regional(context: Context, region: str | None) -> Networks:
    """Networks of 5 links trained on for a region, or as many steps for all of them."""
    epochs = EPOCHS if region else EPOCHS // len(REGION_NAMES)
    return fit(context, f"for-{region or 'all'}", tuned(context, 5), epochs, 2e-3, region=region)


def mover(context: Context, region: str | None) -> Networks:
    """The networks of 5 links for all wafers, trained on for the distance itself.

    For a region, or for all of them with as many steps; the end is kept, not the epoch of the best
    telescope error.
    """
    nets, task = regional(context, None), task_of(context, region)
    recipe = train.Recipe(epochs=MOVER_EPOCHS if region else MOVER_EPOCHS // len(REGION_NAMES),
                          batch_size=512, learning_rate=5e-4, warmup=0.02, keep="last")  # fmt: skip
    train.fit_seeds(nets, task, folder=context.folder / f"mover-{region or 'all'}",
                    objective=train.Supervised("transport"), recipe=recipe)  # fmt: skip
    return nets


def regions(context: Context) -> Finding:
    """Smallest gain of weights of their own, over the regions; of those for the telescope, too."""
    region = wafers(path=table(context))["test"].region[:TEST_ROWS]

    def gains(name: str, make: Callable[[Context, str | None], Networks]) -> dict[str, float]:
        common = network_distances(context, f"{name}-all", lambda: make(context, None))
        found = {}
        for index, place in enumerate(REGION_NAMES):
            own = network_distances(context, f"{name}-{place}", partial(make, context, place))
            rows = region == index
            found[place] = 100 * (1 - own[:, rows].mean() / common[:, rows].mean())
        return found

    moved, telescope = gains("mover", mover), gains("for", regional)
    told = [", ".join(f"{n} {v:+.2f} %" for n, v in found.items()) for found in (moved, telescope)]
    remark = f"{told[0]}; trained for the telescope loss: {told[1]}"
    return Finding(Quantity(float(min(moved.values())), "%", SOURCE, "measured"), remark=remark)
