from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from netwright.compress.quantize import quantizer
from netwright.errors import ConfigError, NumericsError, UnsupportedOp
from netwright.formats import Format, OutlierPairs
from netwright.formats.hadamard import rotated
from netwright.train import FormatQuantizer, FormattedLayer


def tensor(*shape: int, seed: int = 0) -> torch.Tensor:
    values = np.random.default_rng(seed).standard_t(3, shape)
    return torch.tensor(values, dtype=torch.float32)


def placed(name: str, bits: int = 4, **options: object) -> FormatQuantizer:
    given = {"channel_axis": 0, "group_axis": 1} | options
    return FormatQuantizer(quantizer(name, bits), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["absmax", "outlier", "mx", "nvfp4", "mse(numbers=flint)"])
def test_what_comes_out_is_what_the_format_stores(name: str) -> None:
    values, place = tensor(6, 64), placed(name)
    assert torch.equal(place(values), values), "nothing is chosen yet"
    format = place.calibrate(values)
    assert np.allclose(place(values).numpy(), format.nearest(values.numpy()), rtol=1e-6)
    assert torch.equal(place(place(values)), place(values)) or name in ("mx", "nvfp4")


def test_the_middle_axis_is_grouped_where_channels_lie_there() -> None:
    """What a convolution reads, (rows, channels, positions), is that of a product, transposed."""
    values = tensor(3, 8, 5)
    middle = placed("outlier", channel_axis=None, group_axis=1)
    last = placed("outlier", channel_axis=None, group_axis=-1)
    middle.calibrate(values)
    last.calibrate(values.transpose(1, 2))
    assert torch.equal(middle(values), last(values.transpose(1, 2)).transpose(1, 2))


def test_odd_extents_are_padded_and_cut_again() -> None:
    values, place = tensor(4, 7), placed("outlier")
    format = place.calibrate(values)
    padded = np.pad(values.numpy(), [(0, 0), (0, 1)])
    assert np.allclose(place(values).numpy(), format.nearest(padded)[:, :7], rtol=1e-6)


def test_a_rotation_is_undone_behind_the_grid() -> None:
    values, place = tensor(4, 24), placed("hadamard(inner=mse)")
    format = place.calibrate(values)
    turned = rotated(values.numpy(), 8)
    stored = rotated(format.nearest(turned), 8)
    assert np.allclose(place(values).numpy(), stored, atol=1e-5)


def test_gradients_pass_to_all_that_is_not_cut() -> None:
    place = placed("outlier", channel_axis=None)
    place.use(Format(OutlierPairs(), (1.0,)))
    values = torch.tensor([[3.2, 60.0, 1000.0, 1.0]], requires_grad=True)
    found = place(values)
    assert found.tolist() == [[0.0, 64.0, 96.0, 0.0]]
    found.sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[1.0, 1.0, 0.0, 1.0]]


def test_the_scale_learns_as_in_lsq() -> None:
    """By hand: codes less steps inside, codes beyond the ends, times the gradient."""
    place = placed("outlier", channel_axis=0, learns_scale=True)
    place.use(Format(OutlierPairs(), (0.5, 2.0), 0))
    values = torch.tensor([[1.7, 0.2], [500.0, 3.0]])
    (place(values) * torch.tensor([[1.0, 2.0], [1.0, 1.0]])).sum().backward()
    inside = (3 - 3.4) * 1 + (0 - 0.4) * 2
    beyond = 96.0 + (0 - 1.5)  # 250 steps are cut at 96; its victim was 1.5 steps
    assert isinstance(place.scale, nn.Parameter)
    assert place.scale.grad is not None
    assert place.scale.grad.tolist() == pytest.approx([inside, beyond], rel=1e-5)


def test_bad_values_and_layers() -> None:
    place = placed("outlier")
    place.calibrate(tensor(2, 4))
    with pytest.raises(NumericsError, match="a value that is not finite"):
        place(torch.full((2, 4), torch.nan))
    place.watch()
    with pytest.raises(ConfigError, match="not used on the calibration rows"):
        place.watched()
    with pytest.raises(UnsupportedOp, match="Conv2d in groups"):
        FormattedLayer(nn.Conv2d(4, 4, 1, groups=2))
    with pytest.raises(UnsupportedOp, match="Embedding"):
        FormattedLayer(nn.Embedding(4, 4))


@pytest.mark.parametrize("layer", [nn.Linear(6, 4), nn.Conv2d(6, 4, 3)])
def test_a_layer_multiplies_what_is_stored(layer: nn.Module) -> None:
    values = tensor(2, 6) if isinstance(layer, nn.Linear) else tensor(2, 6, 5, 5)
    fits = quantizer("outlier", 4)
    made = FormattedLayer(layer, weights=fits, inputs=fits, outputs=quantizer("absmax", 8))
    plain = layer(values)
    assert torch.equal(made(values), plain)
    assert made.weights is not None
    assert made.inputs is not None
    assert made.outputs is not None
    made.weights.calibrate(layer.weight)
    made.inputs.calibrate(values)
    made.outputs.calibrate(plain)
    stored = torch.func.functional_call(
        layer, {"weight": made.weights(layer.weight)}, (made.inputs(values),)
    )
    assert torch.equal(made(values), made.outputs(stored))
    assert torch.equal(made.weight, made.weights(layer.weight))
    assert "int" in repr(made)
