from __future__ import annotations

import pytest
import torch

from netwright.errors import NumericsError
from netwright.train import QuantInput, trace
from netwright.train.arithmetic import Affine, Sum
from tests.train.stepwise import network, require_alike, rows

GAIN, SHIFT = torch.tensor([1.0, -0.5, 0.375, 3.0]), torch.tensor([0.5, 0.0, -1.25, 2.0])
CONSTANTS = {
    "factor": Affine(torch.tensor(0.5), None, None),
    "negative": Affine(torch.tensor(-1.0), None, None),
    "addend": Affine(torch.tensor(1.0), torch.tensor(0.5), None),
    "channels": Affine(GAIN, SHIFT, 1),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_are_exact(name: str) -> None:
    model = network(CONSTANTS[name])
    model.calibrate(*rows())
    require_alike(model, rows())


def test_a_factor_that_is_no_power_of_two_is_rounded_to_twelve_bits() -> None:
    made = Affine(torch.tensor(1 / 3), None, None)
    assert abs(float(made.factors) * 2.0**-made.shift - 1 / 3) < 2.0**-13


def test_a_factor_has_no_node_where_only_the_scale_changes() -> None:
    graph = trace(network(Affine(torch.tensor(0.25), None, None)))
    assert [node.op for node in graph.nodes] == ["Quantize"]
    assert graph.types[graph.outputs[0]].scale == (2.0**-6,)


def test_a_sum_of_two_scales() -> None:
    model = network(Sum(), terms=2)
    require_alike(model, rows(terms=2))
    graph = trace(model)
    assert [node.op for node in graph.nodes] == ["Quantize", "Quantize", "Requantize", "Add"]
    assert graph.node("op0_right").integers("multiplier") == (2,)


def test_a_sum_of_grids_that_nothing_brings_together_is_refused() -> None:
    model = network(Sum(), terms=2)
    first = model.steps[0].operation
    assert isinstance(first, QuantInput)
    first.quantizer.set_scale(torch.tensor(0.3))
    with pytest.raises(NumericsError, match="that no integers bring together"):
        model(*rows(terms=2))
