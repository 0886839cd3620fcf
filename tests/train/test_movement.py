from __future__ import annotations

import pytest
import torch

from netwright.errors import NumericsError
from netwright.train import trace
from netwright.train.movement import AveragePool, Concat, MaxPool, Move
from netwright.train.operations import Operation
from tests.train.stepwise import SHAPE, network, require_alike, rows

WINDOW = {"kernel": (3,), "strides": (2,), "pads": (1, 1)}
PLANE = {"kernel": (2, 2), "strides": (1, 2), "pads": (0, 1, 0, 1)}
IMAGE = (2, 5, 6)
MOVES: dict[str, tuple[Operation, tuple[int, ...]]] = {
    "max pool": (MaxPool(WINDOW), SHAPE),
    "max pool of planes": (MaxPool(PLANE), IMAGE),
    "mean of windows": (AveragePool({**WINDOW, "kernel": (4,)}), SHAPE),
    "mean of planes": (AveragePool(PLANE), IMAGE),
    "view": (Move("Reshape", {"shape": (1, 2, 12)}, (1, *SHAPE)), SHAPE),
    "turn": (Move("Transpose", {"order": (0, 2, 1)}, (1, *SHAPE)), SHAPE),
    "part": (Move("Slice", {"axis": 2, "start": 1, "stop": 6, "step": 3}, (1, *SHAPE)), SHAPE),
    "part of channels": (
        Move("Slice", {"axis": 1, "start": 1, "stop": 2, "step": 1}, (1, *IMAGE)),
        IMAGE,
    ),
    "repeat": (Move("Resize", {"factors": (2,)}, (1, *SHAPE)), SHAPE),
    "repeat planes": (Move("Resize", {"factors": (2, 3)}, (1, *IMAGE)), IMAGE),
}


@pytest.mark.parametrize("name", MOVES)
def test_codes_are_what_is_simulated(name: str) -> None:
    operation, shape = MOVES[name]
    require_alike(network(operation, shape=shape), rows(shape))


def test_the_mean_of_windows_of_any_size_is_in_the_scale() -> None:
    model = network(AveragePool(WINDOW))
    graph = trace(model)
    assert graph.types[graph.outputs[0]].scale == (2.0**-4 / 3,)
    (values,) = rows()
    with torch.no_grad():
        wanted = model.train()(values)
        torch.testing.assert_close(wanted.double(), model.eval()(values), rtol=0, atol=1e-6)


def test_tensors_of_two_scales_cannot_be_joined() -> None:
    with pytest.raises(NumericsError, match="tensors that are joined must lie on one grid"):
        network(Concat(1), terms=2)(*rows(terms=2))
