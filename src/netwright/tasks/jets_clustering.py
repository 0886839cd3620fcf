"""Jets from particles with FastJet: anti-kT clustering and the groomed mass.

Momenta are arrays of shape ``(particles, 4)`` with columns px, py, pz, E in GeV. FastJet and
awkward are imported only when jets are clustered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.errors import require
from netwright.tasks.jets_features import distances

PURPOSE = "generating jets"
AXES = ("px", "py", "pz", "E")
RADIUS_OF_ALL = 100.0  # so large that all particles end in one jet

Momenta = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Jet:
    """One jet: its event, its momentum (px, py, pz, E) and the rows of its particles."""

    event: int
    momentum: Momenta
    members: NDArray[np.int64]


def find_jets(
    momenta: Momenta, counts: NDArray[np.int64], *, radius: float, min_pt_gev: float
) -> list[Jet]:
    """Cluster every event with anti-kT.

    Args:
        momenta: All particles, event after event, shape ``(particles, 4)``.
        counts: Particles of each event, shape ``(events,)``.
        radius: Jet radius in rapidity and azimuth.
        min_pt_gev: Smallest transverse momentum of a jet.

    Returns:
        The jets, event by event, the hardest first. ``members`` are rows of ``momenta``.

    Raises:
        MissingExtra: fastjet or awkward is not installed.
    """
    awkward = require("awkward", extra="physics", purpose=PURPOSE)
    fastjet = require("fastjet", extra="physics", purpose=PURPOSE)
    columns = dict(zip(AXES, np.ascontiguousarray(momenta.T), strict=True))
    events = awkward.unflatten(awkward.zip(columns, with_name="Momentum4D"), counts)
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    clusters = fastjet.ClusterSequence(events, definition)
    found = clusters.inclusive_jets(min_pt=min_pt_gev)
    indices = clusters.constituent_index(min_pt=min_pt_gev)

    event = np.repeat(np.arange(len(counts)), awkward.to_numpy(awkward.num(found)))
    axes = np.stack([awkward.to_numpy(awkward.flatten(found[axis])) for axis in AXES], axis=1)
    sizes = awkward.to_numpy(awkward.flatten(awkward.num(indices, axis=2)))
    flat = awkward.to_numpy(awkward.flatten(indices, axis=None)).astype(np.int64)
    flat += np.repeat((np.cumsum(counts) - counts)[event], sizes)
    members = np.split(flat, np.cumsum(sizes)[:-1])
    order = np.lexsort((-np.hypot(axes[:, 0], axes[:, 1]), event))
    return [Jet(int(event[row]), axes[row], members[row]) for row in order]


def groomed_mass(momenta: Momenta, *, z_cut: float) -> float:
    """Return the mass in GeV after the modified mass drop tagger.

    The particles are clustered with Cambridge/Aachen; starting at the last merging, the softer
    branch is dropped until its share of the two transverse momenta exceeds ``z_cut``.
    """
    fastjet = require("fastjet", extra="physics", purpose=PURPOSE)
    definition = fastjet.JetDefinition(fastjet.cambridge_algorithm, RADIUS_OF_ALL)
    particles = [fastjet.PseudoJet(*row) for row in momenta.tolist()]
    clusters = fastjet.ClusterSequence(particles, definition)
    (jet,) = clusters.exclusive_jets(1)
    hard, soft = fastjet.PseudoJet(), fastjet.PseudoJet()
    while jet.has_parents(hard, soft):
        if hard.pt() < soft.pt():
            hard, soft = soft, hard
        if soft.pt() > z_cut * (hard.pt() + soft.pt()):
            break
        jet, hard, soft = hard, fastjet.PseudoJet(), fastjet.PseudoJet()
    return float(jet.m())


def coordinates(momenta: Momenta) -> tuple[Momenta, Momenta, Momenta]:
    """Return transverse momentum (GeV), rapidity and azimuth (radians), each ``(particles,)``."""
    px, py, pz, energy = momenta.T
    pt_gev = np.hypot(px, py)
    mass_squared = np.maximum(energy**2 - pt_gev**2 - pz**2, 0.0)
    # E + |pz| over the transverse mass: no cancellation for fast particles.
    rapidity = np.log((energy + np.abs(pz)) / np.sqrt(pt_gev**2 + mass_squared))
    return pt_gev, np.copysign(rapidity, pz), np.arctan2(py, px)


def nearest_distance(momentum: Momenta, targets: Momenta) -> float:
    """Return the distance of one momentum, shape ``(4,)``, to the nearest target; inf if none."""
    if len(targets) == 0:
        return float("inf")
    _, rapidity, azimuth = coordinates(np.vstack([momentum, targets]))
    return float(distances(rapidity, azimuth)[0, 1:].min())
