"""The telescope loss: equal to the error in NumPy, with gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright.errors import ConfigError
from netwright.tasks.telescope import telescope_error
from netwright.train import telescope as losses


@pytest.mark.parametrize("weights", ["published", "consistent"])
def test_loss_is_the_mean_error(weights: str) -> None:
    rng = np.random.default_rng(3)
    true, found = rng.exponential(0.05, (2, 40, 48)).astype(np.float32)
    loss = losses.telescope if weights == "published" else losses.consistent_telescope
    value = loss(torch.from_numpy(found), torch.from_numpy(true))
    assert value.ndim == 0
    wanted = telescope_error(true, found, weights=weights).mean()  # type: ignore[arg-type]
    assert float(value) == pytest.approx(wanted, rel=1e-5)
    other = telescope_error(
        true, found, weights="consistent" if weights == "published" else "published"
    ).mean()
    assert abs(other - wanted) > 1e-4 * wanted


def test_gradients_are_those_of_differences() -> None:
    generator = torch.Generator().manual_seed(1)
    true = torch.rand(3, 48, generator=generator, dtype=torch.float64)
    found = torch.rand(3, 48, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda outputs: losses.telescope(outputs, true), found)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        losses.telescope(torch.zeros(2, 48), torch.zeros(2, 47))
    assert str(caught.value) == (
        "the telescope loss needs outputs and targets of shape (rows, 48), not (2, 48) and (2, 47)"
    )
