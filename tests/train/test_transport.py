"""The loss beside the exact distance, with gradients."""

import numpy as np
import pytest
import torch

from netwright.errors import ConfigError
from netwright.tasks.calorimeter import wafer_emd
from netwright.train.losses import find_loss
from netwright.train.transport import transport

RNG = np.random.default_rng(3)


def wafers(rows: int) -> torch.Tensor:
    return torch.from_numpy(RNG.gamma(0.3, 1.0, (rows, 48)))


def test_it_is_a_little_above_the_distance() -> None:
    pytest.importorskip("ot", reason="computes distances")
    true, found = wafers(20), wafers(20)
    exact = wafer_emd(true.numpy(), found.numpy()).mean()
    assert exact < float(transport(found, true)) < 1.25 * exact


def test_scales_do_not_count_and_nearer_is_less() -> None:
    cells = torch.eye(48, dtype=torch.float64)
    near, far = (float(transport(cells[:1], cells[i : i + 1])) for i in (1, 15))
    assert near == pytest.approx(2.0, rel=1e-3)
    assert near < far
    true, found = wafers(5), wafers(5)
    assert float(transport(3 * found, true)) == pytest.approx(float(transport(found, true)), 1e-4)
    assert float(transport(true, true)) < 0.2 * float(transport(found, true))


def test_gradients_lead_downhill() -> None:
    true = wafers(4)
    found = wafers(4).requires_grad_()
    assert torch.autograd.gradcheck(lambda outputs: transport(outputs, true), found + 0.1)
    loss = transport(found, true)
    (slope,) = torch.autograd.grad(loss, found)
    assert float(transport((found - 1e-3 * slope).detach(), true)) < loss.item()


def test_wafers_without_charge_are_left_out() -> None:
    true, found = wafers(3), wafers(3)
    true[1] = 0
    kept = torch.tensor([0, 2])
    assert transport(found, true).item() == transport(found[kept], true[kept]).item()
    nothing = transport(found.requires_grad_(), torch.zeros_like(true))
    assert (nothing.item(), nothing.requires_grad) == (0.0, True)


def test_it_has_a_name_and_takes_wafers_only() -> None:
    assert find_loss("transport") is transport
    with pytest.raises(ConfigError, match=r"wafers of shape \(rows, 48\), not \(2, 3\)"):
        transport(torch.zeros(2, 3), torch.zeros(2, 3))
