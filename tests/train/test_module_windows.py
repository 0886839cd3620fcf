"""Layers with windows as nodes: their attributes are those of the layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from netwright.errors import GraphError
from netwright.ir import interpret
from netwright.train import trace

LAYERS = {
    "same": nn.Conv2d(2, 3, (2, 3), padding="same", dilation=(2, 1)),
    "depthwise": nn.Conv2d(2, 4, 3, groups=2, stride=2),
    "transposed": nn.ConvTranspose2d(
        2, 4, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2
    ),
    "upsample": nn.Upsample(scale_factor=3),
    "average": nn.AvgPool2d(3, stride=2, padding=1),
    "adaptive": nn.AdaptiveAvgPool2d((3, None)),
    "largest": nn.MaxPool2d(2, stride=1, padding=1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_with_windows_is_one_node(name: str) -> None:
    rows = np.random.default_rng(0).normal(size=(3, 2, 6, 5)).astype(np.float32)
    graph = trace(LAYERS[name], rows)
    assert len(graph.nodes) == 1
    with torch.no_grad():
        wanted = LAYERS[name](torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(interpret(graph, rows)[graph.outputs[0]], wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.Upsample(scale_factor=2, mode="bilinear"), "interpolates with mode bilinear"),
        (nn.Upsample((9, 10)), "resizes (6, 5) to (9, 10)"),
        (nn.AdaptiveAvgPool2d(4), "windows from (6, 5) to (4, 4) have more than one size"),
        (nn.MaxPool2d(2, dilation=2), "max pooling must have dilation 1"),
        (nn.AvgPool2d(2, padding=1, count_include_pad=False), "must divide by its whole window"),
    ],
)
def test_windows_without_a_meaning_are_refused(layer: nn.Module, message: str) -> None:
    with pytest.raises(GraphError) as caught:
        trace(layer, np.zeros((3, 2, 6, 5), np.float32))
    assert message in str(caught.value)
