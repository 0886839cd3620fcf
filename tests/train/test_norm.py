from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn

from netwright import models
from netwright.errors import GraphError
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
    assert not any("norm" in name for name, _ in folded.named_children())
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


@pytest.mark.parametrize(
    "layers",
    [
        OrderedDict(norm=nn.BatchNorm1d(4)),
        OrderedDict(fc=nn.Linear(4, 4), relu=nn.ReLU(), norm=nn.BatchNorm1d(4)),
    ],
)
def test_a_normalization_elsewhere_is_refused(layers: OrderedDict[str, nn.Module]) -> None:
    with pytest.raises(GraphError) as caught:
        fold_batch_norm(nn.Sequential(layers))
    assert str(caught.value) == (
        'node "norm": batch normalization must follow a linear or convolutional layer'
    )


def test_a_normalization_without_statistics_is_refused() -> None:
    layers = OrderedDict(fc=nn.Linear(4, 4), norm=nn.BatchNorm1d(4, track_running_stats=False))
    with pytest.raises(GraphError, match="must track running statistics to be folded"):
        fold_batch_norm(nn.Sequential(layers))
