"""Simulated wafers: showers and pile-up in one sampling layer, summed into 48 trigger cells.

Signal particles and soft particles of pile-up enter around a wafer; each leaves energy in the layer
of the wafer's region. What is published has its source beside it; what is marked *assumed* is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from netwright.tasks.calorimeter_geometry import CELLS, center_cm, nearest_cell
from netwright.tasks.calorimeter_showers import (
    MOLIERE_CM,
    Profiles,
    energy_fraction,
    num_spots,
    sample_profiles,
    sample_radii,
    spot_profiles,
)

Array = NDArray[np.float64]

RECIPE = 1
"""Version of the recipe; any change of the physics below raises it."""

COUNTS_PER_MIP = 35
"""Counts of charge in one transverse MIP (fastmachinelearning/fastml-science, train.py)."""

MAX_COUNT = 65_535
COLUMNS = CELLS + 2
"""Of a generated row: charges in counts, pseudorapidity, kind."""

KINDS = ("pile-up", "electromagnetic", "hadronic")
KIND_SHARES = (0.2, 0.5, 0.3)  # assumed
EXTRA_PARTICLES = 0.5  # assumed: mean number of signal particles after the first
SIGNAL_PT_GEV = (2.0, 100.0)  # assumed: uniform in the logarithm
SIGNAL_RADIUS_CM = 8.0
AREA_RADIUS_CM = 13.0  # pile-up enters up to 3 cm outside of the wafer
CONVERSION_LENGTHS = 9 / 7  # mean free path of photons in radiation lengths

INTERACTIONS = 200  # pile-up of the high-luminosity LHC
PER_RAPIDITY = 7.0  # assumed: charged particles of an interaction per unit; as many photons
OVERDISPERSION = 4.0  # assumed: shape of the gamma distribution of a wafer's pile-up
SOFT_PHOTON_PT_GEV, SOFT_CHARGED_PT_GEV = 0.35, 0.65  # assumed: means of exponentials
FACE_CM = 320.0  # LLRCMS/HGCAL-FastShower, python/geometry_cfg.py

HADRON_CROSSES = 0.8  # assumed: share of hadrons that cross the layer as one MIP
CROSSING_MIP, CROSSING_SHAPE = 1.1, 8.0  # assumed: gamma distribution of a crossing
HADRON_FRACTION = 0.02  # assumed: mean share of a showering hadron's energy in the layer
HADRON_WIDTH = 1.5  # assumed: in Molière radii
HADRON_RESOLUTION = 0.75
HADRON_SPOT_GEV = 0.05  # assumed

_LENGTHS = (
    0.667, 0.652, 0.665, 0.652, 0.665, 0.652, 0.665, 0.652, 0.665, 0.652,
    0.893, 0.886, 0.893, 0.886, 0.893, 0.886, 0.893, 0.886, 0.893, 0.886,
)  # fmt: skip
"""Radiation lengths of the layers 1 to 20 (LLRCMS/HGCAL-FastShower, python/shower_cfg.py)."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the detector.

    Attributes:
        name: Short name.
        eta: Range of pseudorapidity.
        layer: Number of the sampling layer, from 1.
        sensor_um: Thickness of the silicon.
        mev_per_mip: Energy that a MIP stands for, sensor and absorber together.
        resolution: Stochastic term of the energy resolution, in square roots of GeV.
        noise_mip: Electronic noise of a sensor cell in MIPs.
        sensors: Sensor cells in a trigger cell.
    """

    name: str
    eta: tuple[float, float]
    layer: int
    sensor_um: int
    mev_per_mip: float
    resolution: float
    noise_mip: float
    sensors: int

    @property
    def thickness(self) -> float:
        """Of the layer, in radiation lengths."""
        return _LENGTHS[self.layer - 1]

    @property
    def depth(self) -> float:
        """From the face to the middle of the layer, in radiation lengths."""
        return sum(_LENGTHS[: self.layer]) - self.thickness / 2


REGIONS = (
    Region("inner", (2.15, 2.9), 13, 100, 10.5, 0.243, 0.269, 9),
    Region("middle", (1.7, 2.15), 9, 200, 8.8, 0.214, 0.131, 4),
    Region("outer", (1.5, 1.7), 17, 300, 11.1, 0.199, 0.066, 4),
)
"""Thicknesses by radius, resolutions, noise and MeV per MIP: LLRCMS/HGCAL-FastShower
(``geometry_cfg.py``, ``shower_cfg.py``, ``data/calibration.txt``); the layers are our choice."""

REGION_NAMES = tuple(region.name for region in REGIONS)

CUTS = (
    "wafers of 48 trigger cells; charges in counts of 1/35 transverse MIP, whole, 0 to 65535",
    "longitudinal and radial shower profiles of Grindhammer and Peters (hep-ex/0001020) with the "
    "constants of Geant4's gflash for sampling calorimeters",
    "regions "
    + "; ".join(
        f"{r.name}: |eta| {r.eta[0]:g} to {r.eta[1]:g}, layer {r.layer} at {r.depth:.1f} X0, "
        f"{r.sensor_um} um silicon, noise {r.noise_mip:g} MIP a sensor cell"
        for r in REGIONS
    ),
    "signal: 20 % of the wafers none, 50 % electrons or photons, 30 % hadrons; one particle and "
    "0.5 more on average, transverse momentum 2 to 100 GeV, uniform in its logarithm (assumed)",
    "pile-up: 200 interactions with 7 charged particles and 7 photons per unit of rapidity, times "
    "a gamma-distributed factor of shape 4 for each wafer (assumed)",
    "hadrons: 80 % cross as one MIP, the others leave a wide shower (assumed)",
)
"""Settings in words, for the data card."""


@dataclass(frozen=True, slots=True)
class _Particles:
    """Particles of one kind: the wafer each belongs to, its energy and where it enters."""

    wafer: NDArray[np.int64]
    energy: Array
    x: Array
    y: Array


@dataclass(frozen=True, slots=True)
class _Hits:
    """Charges in MIPs, each at a place of a wafer."""

    wafer: NDArray[np.int64]
    charge: Array
    x: Array
    y: Array


def generate_wafers(label: int, number: int, rows: int, seed: int) -> NDArray[np.float32]:
    """Simulate wafers of one region.

    The result depends on the arguments only, not on chunks made before.

    Args:
        label: Position of the region in :data:`REGIONS`.
        number: Position of this chunk among those of its region.
        rows: Wafers to return.
        seed: Seed of the whole table.

    Returns:
        Shape ``(rows, 50)``: 48 charges in counts, pseudorapidity, position in :data:`KINDS`.
        A wafer without any charge is drawn again.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, label, number])))
    region = REGIONS[label]
    blocks = []
    while rows > 0:
        block = _simulate(region, rows, rng)
        block = block[block[:, :CELLS].any(axis=1)]
        blocks.append(block)
        rows -= len(block)
    return np.concatenate(blocks)


def _simulate(region: Region, rows: int, rng: np.random.Generator) -> NDArray[np.float32]:
    eta = rng.uniform(*region.eta, rows)
    kind = rng.choice(len(KINDS), rows, p=KIND_SHARES)
    photons, charged = _pile_up(eta, rng)
    showers = _joined(photons, _signal(eta, kind == 1, rng))
    hadrons = _joined(charged, _signal(eta, kind == 2, rng))
    crosses = rng.random(len(hadrons.wafer)) < HADRON_CROSSES
    hits = [
        _electromagnetic(region, eta, showers, rng),
        _crossing(_chosen(hadrons, crosses), rng),
        _hadronic(region, _chosen(hadrons, ~crosses), rng),
    ]
    mips = np.zeros(rows * CELLS)
    for part in hits:
        cell = nearest_cell(part.x, part.y)
        inside = cell >= 0
        place = part.wafer[inside] * CELLS + cell[inside]
        mips += np.bincount(place, weights=part.charge[inside], minlength=len(mips))
    mips += rng.normal(0.0, region.noise_mip * sqrt(region.sensors), len(mips))
    transverse = np.maximum(mips.reshape(rows, CELLS), 0.0) / np.cosh(eta)[:, None]
    counts = np.minimum(np.floor(transverse * COUNTS_PER_MIP), MAX_COUNT)
    return np.column_stack([counts, eta, kind]).astype(np.float32)


def _pile_up(eta: Array, rng: np.random.Generator) -> tuple[_Particles, _Particles]:
    """Soft photons and charged particles around each wafer."""
    radius = FACE_CM / np.sinh(eta)
    density = INTERACTIONS * PER_RAPIDITY / (2 * np.pi * radius**2)
    factor = rng.gamma(OVERDISPERSION, 1 / OVERDISPERSION, len(eta))
    mean = density * np.pi * AREA_RADIUS_CM**2 * factor
    found = []
    for mean_pt in (SOFT_PHOTON_PT_GEV, SOFT_CHARGED_PT_GEV):
        wafer = np.repeat(np.arange(len(eta)), rng.poisson(mean))
        energy = rng.exponential(mean_pt, len(wafer)) * np.cosh(eta[wafer])
        found.append(_Particles(wafer, energy, *_places(len(wafer), AREA_RADIUS_CM, rng)))
    return found[0], found[1]


def _signal(eta: Array, chosen: NDArray[np.bool_], rng: np.random.Generator) -> _Particles:
    numbers = np.where(chosen, 1 + rng.poisson(EXTRA_PARTICLES, len(eta)), 0)
    wafer = np.repeat(np.arange(len(eta)), numbers)
    low, high = np.log(SIGNAL_PT_GEV)
    energy = np.exp(rng.uniform(low, high, len(wafer))) * np.cosh(eta[wafer])
    return _Particles(wafer, energy, *_places(len(wafer), SIGNAL_RADIUS_CM, rng))


def _places(count: int, radius_cm: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Uniform points of a disk around the middle of the wafer."""
    x, y = center_cm()
    distance = radius_cm * np.sqrt(rng.random(count))
    return _around(np.full(count, x), np.full(count, y), distance, rng)


def _around(x: Array, y: Array, distance: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    angle = rng.uniform(0.0, 2 * np.pi, len(distance))
    return x + distance * np.cos(angle), y + distance * np.sin(angle)


def _joined(first: _Particles, second: _Particles) -> _Particles:
    names = ("wafer", "energy", "x", "y")
    return _Particles(*(np.concatenate([getattr(first, n), getattr(second, n)]) for n in names))


def _chosen(of: _Particles, rows: NDArray[np.bool_]) -> _Particles:
    return _Particles(of.wafer[rows], of.energy[rows], of.x[rows], of.y[rows])


def _electromagnetic(
    region: Region, eta: Array, particles: _Particles, rng: np.random.Generator
) -> _Hits:
    """Energy spots of electrons and photons; half of them convert before they shower."""
    count, sampling = len(particles.wafer), 1.0 / region.thickness
    profiles = sample_profiles(particles.energy, sampling, rng)
    start = rng.exponential(CONVERSION_LENGTHS, count) * (rng.random(count) < 0.5)
    slant = 1.0 / np.tanh(eta[particles.wafer])
    begin = (region.depth - region.thickness / 2) * slant - start
    end = (region.depth + region.thickness / 2) * slant - start
    mean = particles.energy * energy_fraction(profiles, begin, end)
    energy = _fluctuated(mean, region.resolution, rng)
    share = energy_fraction(spot_profiles(profiles), begin, end)
    spots = rng.poisson(num_spots(particles.energy, region.resolution) * share)
    spots = np.where(energy > 0, np.maximum(spots, 1), 0)
    depth = np.maximum((begin + end) / 2, 0.0)
    return _spread(region, particles, energy, spots,
                   sample_radii(profiles, depth, sampling, spots, rng), rng)  # fmt: skip


def _hadronic(region: Region, particles: _Particles, rng: np.random.Generator) -> _Hits:
    """Energy spots of hadrons that shower."""
    mean = particles.energy * np.minimum(
        rng.exponential(HADRON_FRACTION, len(particles.energy)), 1.0
    )
    energy = _fluctuated(mean, HADRON_RESOLUTION, rng)
    spots = np.where(energy > 0, 1 + rng.poisson(energy / HADRON_SPOT_GEV), 0)
    uniform = rng.random(int(spots.sum()))
    radii = HADRON_WIDTH * MOLIERE_CM * np.sqrt(uniform / (1.0 - uniform))
    return _spread(region, particles, energy, spots, radii, rng)


def _crossing(particles: _Particles, rng: np.random.Generator) -> _Hits:
    """One MIP for each hadron that does not shower."""
    shape = CROSSING_SHAPE
    charge = rng.gamma(shape, CROSSING_MIP / shape, len(particles.wafer))
    return _Hits(particles.wafer, charge, particles.x, particles.y)


def _fluctuated(mean: Array, resolution: float, rng: np.random.Generator) -> Array:
    """Energies of this mean and of the variance resolution² · mean."""
    quantum = resolution**2
    return rng.gamma(np.maximum(mean / quantum, 1e-12), quantum)


def _spread(
    region: Region,
    particles: _Particles,
    energy: Array,
    spots: NDArray[np.int64],
    radii: Array,
    rng: np.random.Generator,
) -> _Hits:
    """Equal spots of each particle's energy around its axis."""
    each = energy * 1000.0 / region.mev_per_mip / np.maximum(spots, 1)
    x, y = _around(np.repeat(particles.x, spots), np.repeat(particles.y, spots), radii, rng)
    return _Hits(np.repeat(particles.wafer, spots), np.repeat(each, spots), x, y)


__all__ = [
    "COLUMNS",
    "COUNTS_PER_MIP",
    "CUTS",
    "KINDS",
    "MAX_COUNT",
    "RECIPE",
    "REGIONS",
    "REGION_NAMES",
    "Profiles",
    "Region",
    "generate_wafers",
]
