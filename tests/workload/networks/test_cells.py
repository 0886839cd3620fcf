from __future__ import annotations

import pytest

from netwright.workload.networks.cells import amoebanet_d, darts


@pytest.mark.parametrize(
    ("network", "published"),
    [(darts(), 4.7e6), (amoebanet_d(18, 208), 82e6), (amoebanet_d(18, 416), 318e6)],
    ids=["darts", "amoebanet_d 208", "amoebanet_d 416"],
)
def test_parameters_are_the_published_ones(network, published):
    """The papers' counts include normalizations, which are no tensors here."""
    assert network.num_parameters == pytest.approx(published, rel=0.02)


def test_extents_of_the_last_cell():
    workload = darts()
    pooled = next(e for e in workload.einsums if e.name.startswith("mean"))
    assert workload.by_name[pooled.reads[0]].shape == (1, 768, 7, 7)
