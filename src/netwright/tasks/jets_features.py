"""Substructure features of jets: energy correlation functions and their ratios.

With z_i = pT_i / sum pT and R_ij the distance of particles i and j in rapidity and azimuth::

    e2(b)  = sum_{i<j}   z_i z_j R_ij^b
    e3(b)  = sum_{i<j<k} z_i z_j z_k (R_ij R_jk R_ki)^b
    1e3(b) = sum_{i<j<k} z_i z_j z_k (smallest of R_ij, R_jk, R_ki)^b
    2e3(b) = sum_{i<j<k} z_i z_j z_k (product of the two smallest)^b

    C1 = e2    C2 = e3 / e2^2    D2 = e3 / e2^3    D2(a, b) = e3(a) / e2(b)^(3 a / b)
    M2 = 1e3 / e2    N2 = 2e3 / e2^2

(Larkoski, Salam, Thaler 2013; Larkoski, Moult, Neill 2014; Moult, Necib, Thaler 2016).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEATURES: tuple[str, ...] = (
    "j_zlogz",
    "j_c1_b0_mmdt",
    "j_c1_b1_mmdt",
    "j_c1_b2_mmdt",
    "j_c2_b1_mmdt",
    "j_c2_b2_mmdt",
    "j_d2_b1_mmdt",
    "j_d2_b2_mmdt",
    "j_d2_a1_b1_mmdt",
    "j_d2_a1_b2_mmdt",
    "j_m2_b1_mmdt",
    "j_m2_b2_mmdt",
    "j_n2_b1_mmdt",
    "j_n2_b2_mmdt",
    "j_mass_mmdt",
    "j_multiplicity",
)
"""Column names, in the order of the public data set."""

CLASSES: tuple[str, ...] = ("g", "q", "w", "z", "t")
"""Class names in label order: gluon, light quark, W, Z and top jets."""


def distances(rapidity: NDArray[np.float64], azimuth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the pairwise distances sqrt(dy^2 + dphi^2), with dphi wrapped to [-pi, pi].

    Args:
        rapidity: Shape ``(particles,)``.
        azimuth: Shape ``(particles,)``, in radians.

    Returns:
        Shape ``(particles, particles)``, symmetric with a zero diagonal.
    """
    delta_y = rapidity[:, None] - rapidity[None, :]
    delta_phi = np.abs(azimuth[:, None] - azimuth[None, :])
    delta_phi = np.minimum(delta_phi, 2 * np.pi - delta_phi)
    return np.hypot(delta_y, delta_phi)


def pair_sum(z: NDArray[np.float64], angles: NDArray[np.float64]) -> float:
    """Return sum_{i<j} z_i z_j A_ij of a symmetric matrix; its diagonal is ignored."""
    diagonal = float((z * z) @ np.diagonal(angles))
    return 0.5 * (float(z @ angles @ z) - diagonal)


def triangle_sum(z: NDArray[np.float64], angles: NDArray[np.float64]) -> float:
    """Return sum_{i<j<k} z_i z_j z_k A_ij A_jk A_ki of a symmetric matrix with zero diagonal.

    Every triple occurs six times in the trace of the third power of sqrt(z_i z_j) A_ij.
    """
    root = np.sqrt(z)
    matrix = angles * root[:, None] * root[None, :]
    return float(np.vdot(matrix @ matrix, matrix)) / 6.0


def ordered_triple_sums(
    z: NDArray[np.float64], distance: NDArray[np.float64]
) -> tuple[float, float, float, float]:
    """Return 1e3(1), 1e3(2), 2e3(1) and 2e3(2).

    The pairs j < k are listed once, by j and then k. Those with j > i are then a tail of the list,
    so each first particle i works on contiguous arrays, and every triple occurs exactly once.

    Args:
        z: Momentum fractions, shape ``(particles,)``.
        distance: Pairwise distances, shape ``(particles, particles)``.
    """
    particles = len(z)
    row, column = np.triu_indices(particles, 1)
    pair_distance, pair_weight = distance[row, column], z[row] * z[column]
    scratch = np.empty((3, len(row)))
    sums = np.zeros(4)
    tail = 0
    for first in range(particles - 2):
        tail += particles - 1 - first
        length = len(row) - tail
        opposite, weight = pair_distance[tail:], pair_weight[tail:] * z[first]
        smallest, other, middle = scratch[:, :length]
        distance[first].take(row[tail:], out=smallest, mode="clip")  # "clip" writes unbuffered
        distance[first].take(column[tail:], out=other, mode="clip")
        np.maximum(smallest, other, out=middle)
        np.minimum(smallest, other, out=smallest)
        np.minimum(middle, opposite, out=middle)
        np.maximum(middle, smallest, out=middle)
        np.minimum(smallest, opposite, out=smallest)
        middle *= smallest
        sums[0] += weight @ smallest
        sums[2] += weight @ middle
        smallest *= smallest
        middle *= middle
        sums[1] += weight @ smallest
        sums[3] += weight @ middle
    one_1, one_2, two_1, two_2 = sums.tolist()
    return one_1, one_2, two_1, two_2


def ratio(numerator: float, denominator: float) -> float:
    """Return numerator / denominator, or 0 where the denominator is 0 (a jet of one particle)."""
    return numerator / denominator if denominator > 0.0 else 0.0


def jet_features(
    pt: NDArray[np.float64],
    rapidity: NDArray[np.float64],
    azimuth: NDArray[np.float64],
    *,
    mass_gev: float,
) -> NDArray[np.float64]:
    """Return the 16 features of one jet, in the order of `FEATURES`.

    Args:
        pt: Transverse momenta of the jet's particles, shape ``(particles,)``, any unit, > 0.
        rapidity: Shape ``(particles,)``.
        azimuth: Shape ``(particles,)``, in radians.
        mass_gev: Groomed mass of the jet in GeV; it is copied to its column.

    Returns:
        Shape ``(16,)``. A ratio whose denominator vanishes is 0.

    Example:
        >>> two = np.array([3.0, 1.0])
        >>> values = jet_features(two, np.array([0.0, 0.2]), np.zeros(2), mass_gev=40.0)
        >>> round(float(values[FEATURES.index("j_c1_b1_mmdt")]), 6)  # 0.75 * 0.25 * 0.2
        0.0375
    """
    z = pt / pt.sum()
    distance = distances(rapidity, azimuth)
    squared = distance * distance
    e2_0 = 0.5 * (1.0 - float(z @ z))
    e2_1, e2_2 = pair_sum(z, distance), pair_sum(z, squared)
    e3_1, e3_2 = triangle_sum(z, distance), triangle_sum(z, squared)
    one_1, one_2, two_1, two_2 = ordered_triple_sums(z, distance)
    return np.array(
        [
            float(z @ np.log(z)),
            e2_0,
            e2_1,
            e2_2,
            ratio(e3_1, e2_1**2),
            ratio(e3_2, e2_2**2),
            ratio(e3_1, e2_1**3),
            ratio(e3_2, e2_2**3),
            ratio(e3_1, e2_1**3),
            ratio(e3_1, e2_2**1.5),
            ratio(one_1, e2_1),
            ratio(one_2, e2_2),
            ratio(two_1, e2_1**2),
            ratio(two_2, e2_2**2),
            mass_gev,
            float(len(z)),
        ]
    )
