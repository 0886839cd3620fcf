from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from netwright.errors import GraphError, VerificationError
from netwright.train.prepared import prepare
from tests.networks import Residual, Two, seeded


def test_layers_are_named_by_their_paths_in_the_order_of_forward() -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.second = nn.Linear(4, 3)
            self.first = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU())

        def forward(self, x: Tensor) -> Tensor:
            return self.second(self.first(x))

    model = Turned()
    found = prepare(model, (6,))
    assert list(found.paths.values()) == ["first.0", "second"]
    assert isinstance(found.module.get_submodule("first.1"), nn.Identity)
    assert isinstance(model.first[1], nn.BatchNorm1d)
    assert found.layer("first.0") is found.module.get_submodule("first.0")


def test_the_copy_gives_what_the_module_gives() -> None:
    model = seeded(Residual)
    found = prepare(model, Residual.shape)
    rows = torch.randn(9, *Residual.shape)
    with torch.no_grad():
        torch.testing.assert_close(found.module.eval()(rows), model(rows), rtol=1e-4, atol=1e-4)


def test_a_module_that_is_a_layer_has_the_name_of_its_class() -> None:
    found = prepare(nn.Linear(6, 3), (6,))
    assert list(found.paths.values()) == ["linear"]
    assert found.layer("linear") is found.module


def test_shapes_of_inputs_go_by_name_or_by_order() -> None:
    for shapes in ({"z": (5,), "x": (6,)}, {"one": (6,), "other": (5,)}):
        found = prepare(Two(), shapes)
        assert dict(found.input_shapes) == {"x": (6,), "z": (5,)}
    with pytest.raises(GraphError, match="forward takes x, z; shapes are given for x"):
        prepare(Two(), (6,))


def test_what_tracing_cannot_see_is_found_by_comparison() -> None:
    class Sneaky(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            y = self.fc(x)
            return y * 1.5 if type(y) is Tensor and y.dtype is torch.float32 else y

    with pytest.raises(VerificationError, match="does something else than what was traced"):
        prepare(Sneaky(), (6,))
