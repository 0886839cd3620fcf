from __future__ import annotations

import pytest

from netwright.workload.networks.nasnet import nasnet_a, pnasnet5


@pytest.mark.parametrize(
    ("network", "published", "macs"),
    [(nasnet_a(), 88.9e6, 10_283_796_000), (pnasnet5(), 86.1e6, 10_817_985_120)],
    ids=["nasnet_a", "pnasnet5"],
)
def test_parameters_and_macs(network, published, macs):
    """Published parameters include normalizations; the MACs are those of timm's networks, exported
    and read back."""
    assert network.num_parameters == pytest.approx(published, rel=0.01)
    assert network.num_macs == macs
