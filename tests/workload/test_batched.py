from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.workload import batched, cascade

ONE = cascade.find("attention_1pass", extents={"e": 4, "f": 4, "p": 3, "m1": 2, "m0": 5})


def test_every_repetition_computes_what_one_does():
    many = batched(ONE, {"b": 2, "h": 3})
    assert many.by_name["RM"].shape == (2, 3, 3, 3)
    random = np.random.default_rng(1)
    inputs = {name: random.normal(size=many.by_name[name].shape) for name in ("Q", "K", "V")}
    found = cascade.execute(many, inputs)
    for b, h in ((0, 0), (1, 2)):
        alone = cascade.execute(ONE, {name: value[b, h] for name, value in inputs.items()})
        assert np.array_equal(found["AV"][b, h], alone["AV"])


def test_shared_tensors_stay_as_they_are():
    many = batched(ONE, {"b": 2}, shared=("K", "V"))
    assert many.by_name["K"].shape == ONE.by_name["K"].shape
    assert many.by_name["Q"].shape == (2, *ONE.by_name["Q"].shape)
    assert many.num_macs == 2 * ONE.num_macs


@pytest.mark.parametrize(
    ("ranks", "shared", "message"),
    [
        ({"p": 2}, (), 'node "QK": has a rank p already'),
        ({"b": 2}, ("LM",), 'node "LM": makes "LM", which is to be shared'),
        ({"b": 2}, ("X",), 'workload "attention_1pass" has no tensor "X"'),
    ],
)
def test_what_cannot_be_repeated(ranks, shared, message):
    with pytest.raises(GraphError) as caught:
        batched(ONE, ranks, shared=shared)
    assert message in str(caught.value)
