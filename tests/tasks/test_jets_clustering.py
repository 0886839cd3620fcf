"""Clustering and groomed mass on events made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.tasks.jets_clustering import (
    Momenta,
    coordinates,
    find_jets,
    groomed_mass,
    nearest_distance,
)


@pytest.fixture(autouse=True)
def fastjet() -> None:
    for package in ("fastjet", "awkward"):
        pytest.importorskip(package, reason=f"needs {package} (extra physics)")


def massless(pt: float, rapidity: float, azimuth: float) -> list[float]:
    axis = [np.cos(azimuth), np.sin(azimuth), np.sinh(rapidity), np.cosh(rapidity)]
    return [pt * value for value in axis]


def test_coordinates_are_those_of_the_particles() -> None:
    momenta = np.array([massless(5.0, 1.5, 2.0), massless(7.0, -2.5, -1.0)])
    pt, rapidity, azimuth = coordinates(momenta)
    np.testing.assert_allclose(pt, [5.0, 7.0])
    np.testing.assert_allclose(rapidity, [1.5, -2.5], rtol=1e-7)
    np.testing.assert_allclose(azimuth, [2.0, -1.0])


def test_rapidity_of_a_massive_particle_is_by_energy() -> None:
    _, rapidity, _ = coordinates(np.array([[3.0, 0.0, 4.0, 10.0]]))
    assert rapidity[0] == pytest.approx(0.5 * np.log(14.0 / 6.0))


def test_distance_is_that_of_the_nearest_target() -> None:
    targets = np.array([massless(1.0, 0.0, 0.5), massless(9.0, 0.3, 0.0)])
    jet = np.array(massless(4.0, 0.0, 0.0))
    assert nearest_distance(jet, targets) == pytest.approx(0.3)
    assert nearest_distance(jet, np.empty((0, 4))) == float("inf")


def test_jets_of_two_events_point_to_their_particles() -> None:
    first = [massless(10.0, 0.0, 2.0), massless(900.0, 0.0, 0.0), massless(50.0, 0.5, 0.0)]
    second = [massless(850.0, 1.0, 1.0), massless(1.0, 1.0, 1.1), massless(1000.0, 1.0, -2.0)]
    momenta = np.array([*first, *second])
    found = find_jets(momenta, np.array([3, 3]), radius=0.8, min_pt_gev=800.0)
    assert [(jet.event, sorted(jet.members.tolist())) for jet in found] == [
        (0, [1, 2]),
        (1, [5]),
        (1, [3, 4]),
    ]
    for jet in found:
        np.testing.assert_allclose(jet.momentum, momenta[jet.members].sum(axis=0))


def test_event_without_particles_or_jets_gives_none() -> None:
    momenta = np.array([massless(10.0, 0.0, 2.0), massless(900.0, 0.0, 0.0)])
    found = find_jets(momenta, np.array([0, 1, 1]), radius=0.8, min_pt_gev=800.0)
    assert [(jet.event, jet.members.tolist()) for jet in found] == [(2, [1])]
    assert find_jets(momenta, np.array([1, 1]), radius=0.8, min_pt_gev=5000.0) == []


def test_mass_of_two_hard_prongs_is_kept() -> None:
    momenta = np.array([massless(600.0, 0.0, 0.0), massless(400.0, 0.0, 0.3)])
    assert groomed_mass(momenta, z_cut=0.1) == pytest.approx(invariant_mass(momenta), rel=1e-6)


def test_soft_particles_at_wide_angle_are_dropped_from_the_mass() -> None:
    hard = [massless(600.0, 0.0, 0.0), massless(400.0, 0.0, 0.3)]
    momenta = np.array([*hard, massless(20.0, 0.7, 0.1), massless(30.0, -0.6, 0.2)])
    expected = invariant_mass(np.array(hard))
    assert groomed_mass(momenta, z_cut=0.1) == pytest.approx(expected, rel=1e-6)
    everything = groomed_mass(momenta, z_cut=0.0)
    assert everything == pytest.approx(invariant_mass(momenta), rel=1e-6)


def test_jet_without_a_hard_pair_ends_at_one_particle() -> None:
    momenta = np.array([massless(900.0, 0.0, 0.0), massless(20.0, 0.0, 0.5)])
    assert groomed_mass(momenta, z_cut=0.1) == pytest.approx(0.0, abs=1e-3)


def invariant_mass(momenta: Momenta) -> float:
    px, py, pz, energy = momenta.sum(axis=0)
    return float(np.sqrt(energy**2 - px**2 - py**2 - pz**2))
