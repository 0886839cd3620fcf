"""Products with other weights in each stage, against automatic differentiation of their parts."""

import pytest
import torch
from torch import Tensor, nn

from netwright.formats import NM
from netwright.train.nm_masks import pruned
from netwright.train.sparse_products import Masks, Product, sparse_product, sums

LAYERS = {
    "linear": (nn.Linear(8, 4), (3, 8)),
    "tokens": (nn.Linear(8, 4), (3, 5, 8)),
    "conv2d": (nn.Conv2d(4, 8, 3, stride=2, padding=1), (2, 4, 5, 5)),
    "groups": (nn.Conv2d(4, 8, 1, groups=2, bias=False), (2, 4, 3, 3)),
    "conv1d": (nn.Conv1d(4, 4, 3, dilation=2), (2, 4, 7)),
}


def mask(weight: Tensor, seed: int) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, weight.shape, generator=draws).float()


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("kind", ["all", "forward", "backward", "both", "gradients"])
def test_every_stage_sees_its_own_weights(name: str, kind: str) -> None:
    torch.manual_seed(0)
    layer: Product
    layer, shape = LAYERS[name]  # type: ignore[assignment]
    weight = torch.randn(layer.weight.shape, requires_grad=True)
    values = torch.randn(shape, requires_grad=True)
    masks = Masks(
        mask(weight, 1) if kind in ("forward", "both") else None,
        mask(weight, 2) if kind in ("backward", "both") else None,
        NM(1, 2) if kind == "gradients" else None,
    )
    made = sparse_product(layer, values, weight, layer.bias, masks)
    gradient = torch.randn(made.shape)
    wanted = [values, weight] + ([] if layer.bias is None else [layer.bias])
    found = torch.autograd.grad(made, wanted, gradient)

    seen = weight.detach() if masks.forward is None else weight.detach() * masks.forward
    assert torch.equal(made, sums(layer, values, seen, layer.bias))
    axis = made.ndim - 1 if isinstance(layer, nn.Linear) else 1
    back = gradient if kind != "gradients" else pruned(gradient, NM(1, 2, axis))
    other = weight.detach() if masks.backward is None else weight.detach() * masks.backward
    into = torch.autograd.grad(sums(layer, values, other, layer.bias), values, back)
    torch.testing.assert_close(found[0], into[0])
    free = sums(layer, values.detach(), weight, layer.bias)
    learned = torch.autograd.grad(free, wanted[1:], gradient)
    torch.testing.assert_close(found[1:], learned)


def test_without_gradients_only_the_forward_pass_is_computed() -> None:
    layer = nn.Linear(4, 2)
    masks = Masks(torch.zeros(2, 4))
    with torch.no_grad():
        made = sparse_product(layer, torch.ones(1, 4), layer.weight, layer.bias, masks)
    assert torch.equal(made[0], layer.bias)


def test_products_follow_the_precision_of_the_training() -> None:
    layer, values = nn.Linear(4, 2), torch.ones(1, 4)
    masks = Masks(torch.ones(2, 4), torch.ones(2, 4))
    with torch.autocast("cpu", torch.bfloat16):
        made = sparse_product(layer, values, layer.weight, layer.bias, masks)
    made.float().sum().backward()
    assert made.dtype == torch.bfloat16
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype == torch.float32
