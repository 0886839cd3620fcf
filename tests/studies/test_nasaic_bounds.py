from __future__ import annotations

import numpy as np

from netwright import cost
from netwright.studies.nasaic_bounds import bounds
from netwright.studies.nasaic_runs import objective
from netwright.studies.nasaic_spaces import space

NAME = "classes and digits"


def test_two_unlike_halves_take_no_more_than_two_alike_ones() -> None:
    chip, varied = objective(NAME, 1e-4), space(NAME, None)
    point = {p.name: p.values[0] for p in varied.parameters}
    point["template_1"] = next(p for p in varied.parameters if p.name == "template_1").values[-1]
    _, networks, machine = chip.seen(varied.settings(point))
    units = cost.units_of(machine)
    pairs = np.array([[0, 1, 0], [0, 1, 1]])
    for layers in networks:
        way_s, work_s, joules = bounds(layers, units, pairs)
        assert (way_s > 0).all()
        assert (way_s <= work_s * (1 + 1e-9)).all()
        for own in (way_s, work_s, joules):
            assert own[2] <= own[:2].min() * (1 + 1e-9)
