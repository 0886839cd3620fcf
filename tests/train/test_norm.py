from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn

from netwright import models
from netwright.train import fold_batch_norm
from tests.toys import clouds, disturb


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_folded_model_is_equal_in_evaluation_mode(kind: str) -> None:
    model = models.mlp(clouds(), batch_norm=True)
    inputs = torch.randn(20, 6)
    if kind == "convolutional":
        model, inputs = models.encoder(batch_norm=True), torch.randn(20, 1, 8, 8)
    disturb(model, seed=0)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    folded = fold_batch_norm(model.eval())
    assert not folded.training
    with torch.no_grad():
        torch.testing.assert_close(folded(inputs), model(inputs), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d) for part in folded.modules())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_a_layer_without_bias_and_a_plain_normalization() -> None:
    norm = nn.BatchNorm1d(3, affine=False)
    disturbed = nn.Sequential(OrderedDict(fc=nn.Linear(4, 3, bias=False), norm=norm)).eval()
    assert norm.running_mean is not None
    norm.running_mean.normal_()
    folded = fold_batch_norm(disturbed)
    inputs = torch.randn(5, 4)
    torch.testing.assert_close(folded(inputs), disturbed(inputs))


def test_a_model_without_normalization_is_copied() -> None:
    model = models.mlp(clouds())
    folded = fold_batch_norm(model)
    assert [name for name, _ in folded.named_children()] == [
        name for name, _ in model.named_children()
    ]
    assert folded.get_parameter("fc1.weight") is not model.get_parameter("fc1.weight")


class Branches(nn.Module):
    """Normalizations that stay: of an input, of what is read twice, behind other things."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.tokens = nn.Linear(4, 3)
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.BatchNorm1d(4) for _ in range(4))
        self.norm5 = nn.BatchNorm1d(3)
        disturb(self, seed=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.fc(self.norm1(x))
        z = self.norm2(y) + self.norm3(torch.relu(y))
        return self.norm5(self.tokens(self.norm4(z)[:, None, :].expand(-1, 3, -1)))


def test_a_normalization_elsewhere_stays() -> None:
    model = Branches().eval()
    inputs = torch.randn(7, 4)
    folded = fold_batch_norm(model, rows=[inputs])
    torch.testing.assert_close(folded(inputs), model(inputs))
    assert sum(isinstance(part, nn.BatchNorm1d) for part in folded.modules()) == 5


def test_a_shared_normalization_stays() -> None:
    norm = nn.BatchNorm1d(4)
    model = nn.Sequential(nn.Linear(4, 4), norm, nn.Linear(4, 4), norm)
    disturb(model, seed=1)
    model.eval()
    inputs = torch.randn(7, 4)
    torch.testing.assert_close(fold_batch_norm(model)(inputs), model(inputs))


def test_a_normalization_without_statistics_stays() -> None:
    layers = OrderedDict(fc=nn.Linear(4, 4), norm=nn.BatchNorm1d(4, track_running_stats=False))
    folded = fold_batch_norm(nn.Sequential(layers))
    assert isinstance(folded.get_submodule("norm"), nn.BatchNorm1d)
