from __future__ import annotations

import pytest

from netwright import arch
from netwright.cost import assess, layers_of, split
from netwright.errors import ConfigError, GraphError
from netwright.workload import Builder, fuse, resnet9, unet

SMALL = fuse(resnet9(image=(1, 8, 8), stem=4, filters=(8,), skips=(1,)))
OTHER = fuse(unet(image=(1, 8, 8), height=1, filters=4))


def test_a_chip_is_judged_as_the_mapper_does():
    pair = arch.find("unlike_pair")
    layers = [layers_of(own, pair) for own in (SMALL, OTHER)]
    for limit in (1e-3, 8e-6):
        mine = assess(layers, pair, limit_s=limit)
        if mine.seconds <= limit:
            whole = split([SMALL, OTHER], pair, limit_s=limit, method="greedy")
            assert mine.seconds == pytest.approx(whole.seconds)
            assert mine.joules == pytest.approx(whole.joules)
        assert mine.area_m2 == pytest.approx(pair.area_m2)
    assert assess(layers, pair, limit_s=1e-9).seconds > 1e-9  # the last split on the way there


def test_a_solver_is_asked_where_the_greedy_split_is_late():
    pair = arch.with_settings(
        arch.find("unlike_pair"), ["channels.elements=256", "pixels.elements=256"]
    )
    layers = [layers_of(own, pair) for own in (SMALL, OTHER)]
    shortest = split([SMALL, OTHER], pair).seconds
    greedy, asked = (assess(layers, pair, limit_s=shortest, solver=s) for s in ("never", "misses"))
    assert greedy.seconds > shortest
    assert not greedy.is_proven
    assert asked.seconds == pytest.approx(shortest)
    assert asked.is_proven
    loose = assess(layers, pair, limit_s=1.0, solver="always")
    assert loose.is_proven
    assert loose.joules <= assess(layers, pair, limit_s=1.0).joules


def test_what_cannot_be_judged_is_named():
    pair = arch.find("unlike_pair")
    with pytest.raises(ConfigError, match='compute unit "mac" is no accelerator'):
        assess([layers_of(SMALL, pair)], arch.find("nvdla"), limit_s=1.0)
    small = arch.with_settings(pair, ["pixels.buffer=64B", "channels.buffer=64B"])
    with pytest.raises(GraphError, match="no accelerator runs it"):
        assess([layers_of(SMALL, pair)], small, limit_s=1.0)
    b = Builder("video")
    with pytest.raises(GraphError, match="two ranks of the kind"):
        layers_of(b.finish(b.conv(b.input((1, 2, 4, 4, 4)), 3, 3)), pair)
