from __future__ import annotations

from dataclasses import replace

import pytest

from netwright.errors import GraphError
from netwright.workload import Builder, fuse, joined, resnet9, unet


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


def test_caches_of_joined_networks_are_their_own():
    b = Builder("attends")
    one = b.finish(b.attention(b.input((1, 1, 8)), 2, cached=5))
    both = joined([one, one])
    parts = [tensor for tensor in both.tensors if tensor.part_of]
    assert len(parts) == 4
    for tensor in parts:
        assert tensor.part_of.split(".")[0] == tensor.name.split(".")[0]
        assert tensor.part_of in both.by_name


def test_parts_of_nothing_are_refused():
    b = Builder("attends")
    one = b.finish(b.attention(b.input((1, 1, 8)), 2, cached=5))
    part = next(tensor for tensor in one.tensors if tensor.part_of)
    others = tuple(tensor for tensor in one.tensors if tensor is not part)
    with pytest.raises(GraphError, match='is part of "x", which is no external one'):
        replace(one, tensors=(*others, replace(part, part_of="x")))
    with pytest.raises(GraphError, match="has more elements"):
        replace(one, tensors=(*others, replace(part, shape=(1, 6, 8))))
