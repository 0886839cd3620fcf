import numpy as np
import pytest

from netwright.compress import apply_part, part_shapes, read_by_part, uniform
from netwright.flows.wafer_views import LINKS, OURS, wafer_views
from netwright.models import wafer_autoencoder
from netwright.tasks.calorimeter import calorimeter

pytest.importorskip("ot", reason="computes distances")


def test_events_and_curves_of_a_network_that_learned_nothing() -> None:
    task = calorimeter(seed=7).subset(60)
    net = wafer_autoencoder(task, latent_bits=9, hidden=(8,)).eval()
    plan = uniform(part_shapes(net, task, "encoder"), weight_bits=6, activation_bits=8)
    model = apply_part(net, plan, task, "encoder")
    assert read_by_part(model, task.test.arrays)[0].shape == (60, 1, 8, 8)
    sent = np.zeros((60, 16))
    views = wafer_views({"seed": 7, "path": None, "region": None}, task, model, sent)
    over_cells, over_bits = views.curves
    assert next(iter(over_bits.series)) == OURS
    assert len(over_bits.labels) == len(LINKS)
    best = over_bits.series["best choice"]
    assert best[0] > best[-1]  # more links lose less
    assert len(set(over_bits.series[OURS])) == 1  # zeros are zeros at every width
    assert len(over_cells.labels) == len(over_cells.series[OURS])
    assert {len(v) for row in views.wafers for v in row.views.values()} == {48}
