"""Parametrised electromagnetic showers in a sampling calorimeter.

The longitudinal and radial profiles and their fluctuations are those of Grindhammer and Peters
(hep-ex/0001020) for sampling calorimeters, with the constants of Geant4's
``source/parameterisations/gflash``. Lengths along the shower are in radiation lengths. No detector
is simulated: this is a parametrisation, not Geant4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Z_ABSORBER, Z_SENSOR = 74.0, 14.0  # tungsten, silicon
Z_EFFECTIVE = 73.1  # weighted by mass: 0.665 radiation lengths of tungsten and 0.3 mm of silicon
CRITICAL_GEV = 0.0081  # of tungsten 7.97 MeV (Particle Data Group), the silicon weighted in
MOLIERE_CM = 2.8  # LLRCMS/HGCAL-FastShower, python/shower_cfg.py
E_HAT = 1.0 / (1.0 + 0.007 * (Z_ABSORBER - Z_SENSOR))
LARGEST_SIGMA = 0.5
SMALLEST_T, SMALLEST_ALPHA = 1.0, 1.1
SMALLEST_Y = 12.0  # the parametrisation has no maximum below about 10 critical energies
MAX_RADIUS_CM = 30.0


@dataclass(frozen=True, slots=True)
class Profiles:
    """Profiles of showers, one value each.

    Attributes:
        energy: GeV.
        t_max: Depth of the maximum of this shower, in radiation lengths.
        alpha: Shape of the gamma distribution along the shower.
        mean_alpha: Shape of the average shower of this energy.
    """

    energy: Array
    t_max: Array
    alpha: Array
    mean_alpha: Array


def mean_profile(energy: Array, sampling: float) -> tuple[Array, Array]:
    """Mean of ln T and of ln alpha in a sampling calorimeter.

    Args:
        energy: GeV, (showers,).
        sampling: Sampling frequency: layers in a radiation length.
    """
    log_y = np.log(np.maximum(energy / CRITICAL_GEV, SMALLEST_Y))
    t_homogeneous = log_y - 0.812
    alpha_homogeneous = 0.81 + (0.458 + 2.26 / Z_EFFECTIVE) * log_y
    t = np.maximum(t_homogeneous - 0.55 / sampling - 0.69 * (1 - E_HAT), 0.2)
    alpha = np.maximum(alpha_homogeneous - 0.476 / sampling, SMALLEST_ALPHA)
    return np.log(t), np.log(alpha)


def sample_profiles(energy: Array, sampling: float, rng: np.random.Generator) -> Profiles:
    """Draw the profile of each shower; the two parameters are correlated.

    Args:
        energy: GeV, (showers,).
        sampling: Sampling frequency.
        rng: Source of random numbers.
    """
    log_y = np.log(np.maximum(energy / CRITICAL_GEV, SMALLEST_Y))
    mean_t, mean_alpha = mean_profile(energy, sampling)
    sigma_t = _capped(1.0 / (-2.5 + 1.25 * log_y))
    sigma_alpha = _capped(1.0 / (-0.82 + 0.79 * log_y))
    rho = 0.784 - 0.023 * log_y
    first, second = rng.standard_normal((2, len(energy)))
    common, apart = np.sqrt((1 + rho) / 2) * first, np.sqrt((1 - rho) / 2) * second
    t_max = np.maximum(np.exp(mean_t + sigma_t * (common + apart)), SMALLEST_T)
    alpha = np.maximum(np.exp(mean_alpha + sigma_alpha * (common - apart)), SMALLEST_ALPHA)
    return Profiles(energy, t_max, alpha, np.exp(mean_alpha))


def _capped(sigma: Array) -> Array:
    """Widths; those of soft showers, where the formula turns negative or wild, are the largest."""
    return np.where((sigma > 0) & (sigma < LARGEST_SIGMA), sigma, LARGEST_SIGMA)


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


def spot_profiles(profiles: Profiles) -> Profiles:
    """The profiles along which energy spots are spread, which are shorter than those of energy."""
    return replace(
        profiles,
        t_max=profiles.t_max * (0.813 + 0.0019 * Z_EFFECTIVE),
        alpha=np.maximum(profiles.alpha * (0.844 + 0.0026 * Z_EFFECTIVE), SMALLEST_ALPHA),
    )


def num_spots(energy: Array, resolution: float) -> Array:
    """Mean number of energy spots of a whole shower.

    Args:
        energy: GeV.
        resolution: Stochastic term of the energy resolution, in square roots of GeV.
    """
    return 10.3 * np.maximum(energy, 0.0) ** 0.959 / resolution


def energy_fraction(profiles: Profiles, begin: Array, end: Array) -> Array:
    """Share of a shower's energy between two depths.

    It is P(alpha, beta end) - P(alpha, beta begin) of the regularized incomplete gamma function,
    integrated by eight points of Gauss and Legendre: layers are thin beside the shower.

    Args:
        profiles: Of the showers.
        begin: Depth in radiation lengths, (showers,); negative before the shower starts.
        end: Depth behind `begin`, (showers,).
    """
    alpha, beta = profiles.alpha, (profiles.alpha - 1.0) / profiles.t_max
    low, high = np.maximum(begin, 0.0), np.maximum(end, 0.0)
    half, middle = (high - low) / 2, (high + low) / 2
    constant = alpha * np.log(beta) - np.array([math.lgamma(shape) for shape in alpha.tolist()])
    total = np.zeros_like(alpha)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        depth = np.maximum(middle + half * node, 1e-9)
        total += weight * np.exp(constant + (alpha - 1.0) * np.log(depth) - beta * depth)
    return total * half


def sample_radii(
    profiles: Profiles, depth: Array, sampling: float, counts: NDArray[np.int64],
    rng: np.random.Generator,
) -> Array:  # fmt: skip
    """Draw the distances of energy spots from the axes of their showers, in centimeters.

    A narrow core and a wide tail, both widening with depth.

    Args:
        profiles: Of the showers.
        depth: Where the spots are, in radiation lengths, (showers,).
        sampling: Sampling frequency.
        counts: Spots of each shower, (showers,).
        rng: Source of random numbers.

    Returns:
        Shape ``(counts.sum(),)``, shower after shower.
    """
    core, tail, weight = radial_parameters(profiles, depth, sampling)
    core, tail, weight = (np.repeat(item, counts) for item in (core, tail, weight))
    in_core = rng.random(len(core)) < weight
    uniform = rng.random(len(core))
    scale = np.where(in_core, core, tail) * MOLIERE_CM
    return np.minimum(scale * np.sqrt(uniform / (1.0 - uniform)), MAX_RADIUS_CM)


def radial_parameters(
    profiles: Profiles, depth: Array, sampling: float
) -> tuple[Array, Array, Array]:
    """Radii of core and tail in Molière radii, and the core's share of the energy."""
    alpha, mean = profiles.alpha, profiles.mean_alpha
    tau = depth / profiles.t_max * (alpha - 1.0) / alpha * mean / (mean - 1.0)
    log_e = np.log(np.maximum(profiles.energy, 0.1))
    fading = np.exp(-tau)
    core = (
        0.0251 + 0.00319 * log_e + (0.1162 - 0.000381 * Z_EFFECTIVE) * tau
        - 0.0203 * (1 - E_HAT) + 0.0397 * fading / sampling
    )  # fmt: skip
    tail = (
        (0.659 - 0.00309 * Z_EFFECTIVE)
        * (
            np.exp(np.minimum(-2.59 * (tau - 0.645), 30.0))
            + np.exp(np.minimum((0.3585 + 0.0412 * log_e) * (tau - 0.645), 30.0))
        )
        - 0.14 * (1 - E_HAT)
        - 0.495 * fading / sampling
    )
    q = (0.401 + 0.00187 * Z_EFFECTIVE - tau) / (1.313 - 0.0686 * log_e)
    weight = (2.632 - 0.00094 * Z_EFFECTIVE) * np.exp(q - np.exp(np.minimum(q, 30.0)))
    weight += (1 - E_HAT) * (0.348 - 0.642 * np.exp(-((tau - 1.0) ** 2)) / sampling)
    return np.maximum(core, 0.005), np.maximum(tail, 0.01), np.clip(weight, 0.0, 1.0)
