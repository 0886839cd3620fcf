from __future__ import annotations

import pytest

from netwright.errors import GraphError
from netwright.workload import fuse, joined, resnet9, unet


def test_networks_lie_side_by_side():
    first, second = resnet9(), unet()
    both = joined([first, second, first])
    assert both.name == "resnet9 + unet + resnet9_2"
    assert both.num_macs == 2 * first.num_macs + second.num_macs
    assert len(both.tensors) == 2 * len(first.tensors) + len(second.tensors)
    assert both.outputs[1] == f"unet.{second.outputs[0]}"
    for einsum in both.einsums:  # no network reads what another one makes
        assert {name.partition(".")[0] for name in einsum.reads} == {einsum.name.partition(".")[0]}


def test_one_network_stays_as_it_is():
    own = resnet9()
    assert joined([own]) is own


def test_what_cannot_be_joined():
    with pytest.raises(GraphError, match="there is no network to join"):
        joined([])
    with pytest.raises(GraphError, match="networks must be of one granularity"):
        joined([resnet9(), fuse(unet())])
