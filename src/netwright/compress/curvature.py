"""Curvature of the loss: Hutchinson traces and top eigenvalues by Hessian-vector products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from netwright.errors import ConfigError, NumericsError
from netwright.progress import Progress, silent

SMALLEST_PROBES = 16


@dataclass(frozen=True, slots=True)
class TraceEstimate:
    """A trace with its uncertainty.

    Attributes:
        trace: Mean over the probes.
        standard_error: Standard error of that mean.
        probes: Number of probes.
    """

    trace: float
    standard_error: float
    probes: int

    @property
    def relative_error(self) -> float:
        """Standard error over the magnitude of the trace."""
        return self.standard_error / max(abs(self.trace), 1e-300)


def hutchinson(
    loss: Tensor,
    blocks: Sequence[Tensor],
    *,
    probes: int,
    relative_error: float,
    generator: torch.Generator,
    together: bool = False,
    progress: Progress = silent,
) -> tuple[TraceEstimate, ...]:
    """Traces of the diagonal blocks of the Hessian of `loss`.

    Each probe draws a vector v of ±1 for one block and adds ``vᵀ H v`` (Hutchinson 1990; HAWQ-V2,
    Dong et al. 2020, section 3.2). Blocks are probed one by one, so that the coupling between
    blocks adds no variance. Probing of a block ends when its relative standard error reaches
    `relative_error`, or after `probes` probes.

    Args:
        loss: A scalar whose graph reaches every block twice differentiably.
        blocks: The tensors whose Hessian blocks are wanted.
        probes: Largest number of probes for a block.
        relative_error: Target, 0 to use all probes.
        generator: Source of the probes.
        together: Probe all blocks with one product each time: as many times cheaper as there are
            blocks; what couples them adds to the variance, not to the mean. All probes are used.
        progress: Told of every probe, and the largest number there can be.

    Raises:
        ConfigError: `probes` is below 2.
        NumericsError: The loss has no finite second derivative.
    """
    if probes < 2:
        raise ConfigError(f"probes must be 2 or more, not {probes}")
    gradients = torch.autograd.grad(loss, list(blocks), create_graph=True)
    if together:
        return _probed_together(gradients, blocks, probes, generator, progress)
    estimates = []
    for i, (block, gradient) in enumerate(zip(blocks, gradients, strict=True)):
        samples: list[float] = []
        while len(samples) < probes:
            samples.append(_probe(gradient, block, generator))
            progress(i * probes + len(samples), len(blocks) * probes, "probes")
            if len(samples) >= SMALLEST_PROBES:
                estimate = _estimate(samples)
                if relative_error > 0 and estimate.relative_error <= relative_error:
                    break
        estimates.append(_estimate(samples))
    return tuple(estimates)


def _probed_together(
    gradients: Sequence[Tensor],
    blocks: Sequence[Tensor],
    probes: int,
    generator: torch.Generator,
    progress: Progress,
) -> tuple[TraceEstimate, ...]:
    samples: list[list[float]] = [[] for _ in blocks]
    for number in range(probes):
        signs = [_signs(block, generator) for block in blocks]
        products = torch.autograd.grad(
            list(gradients), list(blocks), signs, retain_graph=True, materialize_grads=True
        )
        for found, sign, product in zip(samples, signs, products, strict=True):
            found.append(_finite(float((sign * product).sum())))
        progress(number + 1, probes, "probes")
    return tuple(_estimate(found) for found in samples)


def _signs(block: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, block.shape, generator=generator, dtype=block.dtype) * 2 - 1


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise NumericsError("the loss has no finite second derivative")
    return value


def _probe(gradient: Tensor, block: Tensor, generator: torch.Generator) -> float:
    signs = _signs(block, generator)
    return _finite(float((_hessian_product(gradient, block, signs) * signs).sum()))


def _hessian_product(gradient: Tensor, block: Tensor, vector: Tensor) -> Tensor:
    """``H v``; zero where the gradient does not depend on the block."""
    if not gradient.requires_grad:
        return torch.zeros_like(block)
    (product,) = torch.autograd.grad(
        gradient, block, vector, retain_graph=True, materialize_grads=True
    )
    return product


def _estimate(samples: list[float]) -> TraceEstimate:
    count = len(samples)
    mean = math.fsum(samples) / count
    variance = math.fsum((value - mean) ** 2 for value in samples) / (count - 1)
    return TraceEstimate(mean, math.sqrt(variance / count), count)


def top_eigenvalue(
    loss: Tensor,
    block: Tensor,
    *,
    generator: torch.Generator,
    iterations: int = 50,
    tolerance: float = 1e-3,
) -> float:
    """The eigenvalue of largest magnitude of one Hessian block, by power iteration.

    Args:
        loss: A scalar, twice differentiable in `block`.
        block: The tensor whose Hessian block is meant.
        generator: Source of the first vector.
        iterations: Largest number of Hessian-vector products.
        tolerance: Relative change that ends the iteration.
    """
    (gradient,) = torch.autograd.grad(loss, block, create_graph=True)
    vector = torch.randn(block.shape, generator=generator, dtype=block.dtype)
    vector /= vector.norm()
    value = 0.0
    for _ in range(iterations):
        product = _hessian_product(gradient, block, vector)
        previous, value = value, float((product * vector).sum())
        norm = float(product.norm())
        if norm == 0 or abs(value - previous) <= tolerance * abs(value):
            break
        vector = product / norm
    return value
