"""Autoencoders of wafers: sizes, what links keep, and what is refused."""

from __future__ import annotations

import pytest
import torch

from netwright import tasks
from netwright.errors import ConfigError
from netwright.models import wafer_autoencoder
from netwright.models.autoencoder import Truncate
from tests.toys import clouds


@pytest.fixture(scope="module")
def wafers() -> tasks.Task:
    return tasks.calorimeter().subset(60)


@pytest.mark.parametrize(("layout", "parameters"), [("8x8", 2144), ("4x4x3", 2288)])
def test_encoders_have_the_published_numbers_of_parameters(layout: str, parameters: int) -> None:
    task = tasks.calorimeter(layout=layout).subset(20)
    for kind in ("dense", "convolutional"):
        model = wafer_autoencoder(task, decoder=kind)  # type: ignore[arg-type]
        assert sum(p.numel() for p in model.encoder.parameters()) == parameters
        outputs = model(torch.from_numpy(task.test.inputs))
        assert outputs.shape == (20, 48)
        assert bool((outputs >= 0).all())


@pytest.mark.parametrize("bits", [1, 3, 5, 7, 9])
def test_a_link_keeps_the_highest_bits(bits: int) -> None:
    codes = torch.arange(512)
    values = codes.float() / 256
    kept = Truncate(bits)(values)
    assert torch.equal(kept * 256, ((codes >> (9 - bits)) << (9 - bits)).float())
    assert Truncate(bits)(torch.tensor([7.0, -1.0])).tolist() == [2 - 2.0 ** (1 - bits), 0.0]
    assert len(kept.unique()) == 2**bits


def test_gradients_pass_through_a_link_inside_its_range() -> None:
    values = torch.tensor([-0.5, 0.3, 1.2, 2.5], requires_grad=True)
    Truncate(3)(values).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_without_bits_a_link_keeps_everything() -> None:
    values = torch.tensor([0.123, 5.0])
    assert torch.equal(Truncate(None)(values), values)


def test_the_seed_decides(wafers: tasks.Task) -> None:
    inputs = torch.from_numpy(wafers.test.inputs)
    first, again, other = (wafer_autoencoder(wafers, seed=s)(inputs) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_telescope_error_falls_in_a_few_steps(wafers: tasks.Task) -> None:
    model = wafer_autoencoder(wafers, latent_bits=9)
    inputs, targets = (torch.from_numpy(a) for a in (wafers.train.inputs, wafers.train.targets))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    errors = []
    for _ in range(30):
        outputs = model(inputs)
        errors.append(wafers.evaluate(outputs.detach().numpy(), split="train"))
        optimizer.zero_grad()
        (outputs - targets).square().mean().backward()
        optimizer.step()
    assert errors[-1] < 0.9 * errors[0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"latent_bits": 0}, "latent_bits must be 1 to 16, not 0"),
        ({"latent_bits": 17}, "latent_bits must be 1 to 16, not 17"),
        ({"decoder": "deep"}, 'decoder must be dense or convolutional, not "deep"'),
        ({"hidden": (0,)}, "hidden must be positive integers up to 65536, not [0]"),
    ],
)
def test_impossible_options_are_refused(
    wafers: tasks.Task, options: dict[str, object], expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        wafer_autoencoder(wafers, **options)  # type: ignore[arg-type]
    assert str(caught.value) == expected


def test_another_task_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"an autoencoder of wafers reads \(1, 8, 8\) or"):
        wafer_autoencoder(clouds())
