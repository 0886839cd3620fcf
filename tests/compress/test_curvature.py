from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.compress import TraceEstimate, hutchinson, top_eigenvalue
from netwright.errors import ConfigError, NumericsError
from tests.toys import clouds


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def quadratic(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """½ xᵀ A x and x; the Hessian is A."""
    point = torch.randn(len(matrix), dtype=torch.float64, generator=generator(7)).requires_grad_()
    return 0.5 * point @ matrix @ point, point


def symmetric(size: int, seed: int) -> Tensor:
    made = torch.randn(size, size, dtype=torch.float64, generator=generator(seed))
    return made + made.T


def small_net() -> tuple[Tensor, list[Tensor]]:
    """The loss of a small network in float64, and its weights."""
    torch.manual_seed(0)
    task = clouds(300)
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    loss = functional.cross_entropy(
        net(torch.from_numpy(task.train.inputs).double()), torch.from_numpy(task.train.targets)
    )
    return loss, [net[0].weight, net[2].weight]


def exact_hessian(loss: Tensor, block: Tensor) -> Tensor:
    """The Hessian block by n Hessian-vector products."""
    (gradient,) = torch.autograd.grad(loss, block, create_graph=True)
    rows = []
    for i in range(block.numel()):
        (row,) = torch.autograd.grad(gradient.reshape(-1)[i], block, retain_graph=True)
        rows.append(row.reshape(-1))
    return torch.stack(rows)


def test_a_diagonal_hessian_is_exact_with_every_probe() -> None:
    loss, point = quadratic(torch.diag(torch.arange(1.0, 6.0, dtype=torch.float64)))
    (found,) = hutchinson(loss, [point], probes=50, relative_error=0.0, generator=generator())
    assert found.trace == pytest.approx(15.0, rel=1e-12)
    assert found.standard_error == pytest.approx(0.0, abs=1e-12)
    assert found.probes == 50


@pytest.mark.parametrize("seed", range(5))
def test_a_known_quadratic_lies_within_three_standard_errors(seed: int) -> None:
    matrix = symmetric(20, seed)
    loss, point = quadratic(matrix)
    (found,) = hutchinson(loss, [point], probes=400, relative_error=0.0, generator=generator(seed))
    assert abs(found.trace - float(matrix.trace())) <= 3 * found.standard_error
    spread = 2 * (matrix.square().sum() - matrix.diag().square().sum())  # variance of one probe
    assert found.standard_error == pytest.approx(float(spread / 400) ** 0.5, rel=0.2)


def test_a_small_network_lies_within_three_standard_errors() -> None:
    loss, blocks = small_net()
    found = hutchinson(loss, blocks, probes=300, relative_error=0.0, generator=generator())
    for estimate, block in zip(found, blocks, strict=True):
        wanted = float(exact_hessian(loss, block).trace())
        assert abs(estimate.trace - wanted) <= 3 * estimate.standard_error
        assert estimate.relative_error < 0.1


def test_the_estimate_is_unbiased_over_seeds() -> None:
    """The mean of many short estimates: the error shrinks with their number."""
    loss, blocks = small_net()
    wanted = float(exact_hessian(loss, blocks[0]).trace())
    found = [
        hutchinson(loss, blocks[:1], probes=20, relative_error=0.0, generator=generator(seed))[0]
        for seed in range(60)
    ]
    traces = np.array([estimate.trace for estimate in found])
    assert abs(traces.mean() - wanted) <= 3 * traces.std(ddof=1) / np.sqrt(len(traces))
    within = np.abs(traces - wanted) <= 2 * np.array([e.standard_error for e in found])
    assert within.mean() > 0.8


def test_a_linear_softmax_layer_has_its_closed_form() -> None:
    """H = mean over rows of (diag(p) - p pᵀ) ⊗ x xᵀ."""
    task = clouds(100)
    inputs = torch.from_numpy(task.train.inputs).double()
    layer = nn.Linear(6, 3, bias=False).double()
    loss = functional.cross_entropy(layer(inputs), torch.from_numpy(task.train.targets))
    share = torch.softmax(layer(inputs).detach(), dim=1)
    wanted = float(((share - share.square()).sum(1) * inputs.square().sum(1)).mean())
    (found,) = hutchinson(
        loss, [layer.weight], probes=500, relative_error=0.0, generator=generator()
    )
    assert abs(found.trace - wanted) <= 3 * found.standard_error


def test_probing_stops_at_the_wanted_error() -> None:
    loss, blocks = small_net()
    (early,) = hutchinson(loss, blocks[:1], probes=5000, relative_error=0.1, generator=generator())
    assert 16 <= early.probes < 5000
    assert early.relative_error <= 0.1
    (full,) = hutchinson(loss, blocks[:1], probes=30, relative_error=1e-9, generator=generator())
    assert full.probes == 30


def test_blocks_do_not_disturb_each_other() -> None:
    """Coupling between blocks adds no variance: a diagonal block stays exact."""
    coupling = torch.tensor([[2.0, 9.0], [9.0, 3.0]], dtype=torch.float64)
    first, second = (torch.ones((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    both = torch.stack([first, second])
    loss = 0.5 * both @ coupling @ both
    found = hutchinson(loss, [first, second], probes=20, relative_error=0.0, generator=generator())
    assert [estimate.trace for estimate in found] == [2.0, 3.0]


def test_a_loss_that_is_linear_in_a_block_has_no_curvature() -> None:
    first, second = (torch.ones(3, requires_grad=True) for _ in range(2))
    loss = first.sum() + second.square().sum()
    found = hutchinson(loss, [first, second], probes=4, relative_error=0.0, generator=generator())
    assert [estimate.trace for estimate in found] == [0.0, 6.0]
    assert found[0].relative_error == 0.0
    assert top_eigenvalue(loss, first, generator=generator()) == 0.0


def test_progress_counts_probes() -> None:
    loss, blocks = small_net()
    seen: list[tuple[float, float]] = []
    hutchinson(
        loss, blocks, probes=3, relative_error=0.0, generator=generator(),
        progress=lambda done, most, _: seen.append((done, most)),
    )  # fmt: skip
    assert seen == [(i, 6) for i in range(1, 7)]


def test_bad_settings_and_bad_losses_are_refused() -> None:
    loss, blocks = small_net()
    with pytest.raises(ConfigError, match="probes must be 2 or more, not 1"):
        hutchinson(loss, blocks, probes=1, relative_error=0.0, generator=generator())
    point = torch.zeros(1, requires_grad=True)
    with pytest.raises(NumericsError, match="the loss has no finite second derivative"):
        hutchinson(
            point.abs().pow(1.5).sum(), [point], probes=2, relative_error=0.0,
            generator=generator(),
        )  # fmt: skip


def test_relative_error_of_an_estimate() -> None:
    assert TraceEstimate(-4.0, 1.0, 10).relative_error == 0.25


@pytest.mark.parametrize("seed", range(5))
def test_the_top_eigenvalue_of_a_known_quadratic(seed: int) -> None:
    matrix = symmetric(12, seed)
    values = torch.linalg.eigvalsh(matrix)
    largest = values[values.abs().argmax()]
    loss, point = quadratic(matrix)
    found = top_eigenvalue(loss, point, generator=generator(seed), iterations=3000, tolerance=1e-9)
    assert found == pytest.approx(float(largest), rel=1e-3)


def test_a_negative_top_eigenvalue_keeps_its_sign() -> None:
    loss, point = quadratic(torch.diag(torch.tensor([-5.0, 1.0, 2.0], dtype=torch.float64)))
    assert top_eigenvalue(loss, point, generator=generator()) == pytest.approx(-5.0, rel=1e-2)


def test_the_top_eigenvalue_of_a_network() -> None:
    loss, blocks = small_net()
    values = torch.linalg.eigvalsh(exact_hessian(loss, blocks[0]))
    found = top_eigenvalue(loss, blocks[0], generator=generator())
    assert found == pytest.approx(float(values.max()), rel=0.02)
