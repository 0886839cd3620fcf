"""Substructure features against hand computation, invariances and FastJet's correlators."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from netwright.tasks.jets_features import (
    FEATURES,
    distances,
    jet_features,
    ordered_triple_sums,
    pair_sum,
    triangle_sum,
)

Jet = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def make_jet(seed: int, particles: int) -> Jet:
    rng = np.random.default_rng(seed)
    pt = rng.exponential(20.0, particles) + 0.1
    return pt, rng.normal(0.3, 0.2, particles), rng.normal(3.1, 0.2, particles)


def features(jet: Jet, mass_gev: float = 80.0) -> dict[str, float]:
    return dict(zip(FEATURES, jet_features(*jet, mass_gev=mass_gev).tolist(), strict=True))


def test_two_particles_by_hand() -> None:
    jet = (np.array([3.0, 1.0]), np.array([0.0, 0.3]), np.array([0.0, 0.4]))
    values = features(jet)
    assert values["j_zlogz"] == pytest.approx(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert values["j_c1_b0_mmdt"] == pytest.approx(0.1875)
    assert values["j_c1_b1_mmdt"] == pytest.approx(0.1875 * 0.5)
    assert values["j_c1_b2_mmdt"] == pytest.approx(0.1875 * 0.25)
    triples = [name for name in FEATURES if name[:4] in ("j_c2", "j_d2", "j_m2", "j_n2")]
    assert [values[name] for name in triples] == [0.0] * 10
    assert values["j_mass_mmdt"] == 80.0
    assert values["j_multiplicity"] == 2.0


def test_three_particles_by_hand() -> None:
    # a right triangle with sides 0.3, 0.4, 0.5 and equal momenta
    jet = (np.ones(3), np.array([0.0, 0.3, 0.0]), np.array([0.0, 0.0, 0.4]))
    values = features(jet)
    e2_1, e2_2 = 1.2 / 9, 0.5 / 9
    e3_1, e3_2 = 0.06 / 27, 0.0036 / 27
    expected = {
        "j_c1_b0_mmdt": 3 / 9,
        "j_c1_b1_mmdt": e2_1,
        "j_c1_b2_mmdt": e2_2,
        "j_c2_b1_mmdt": e3_1 / e2_1**2,
        "j_c2_b2_mmdt": e3_2 / e2_2**2,
        "j_d2_b1_mmdt": e3_1 / e2_1**3,
        "j_d2_b2_mmdt": e3_2 / e2_2**3,
        "j_d2_a1_b1_mmdt": e3_1 / e2_1**3,
        "j_d2_a1_b2_mmdt": e3_1 / e2_2**1.5,
        "j_m2_b1_mmdt": 0.3 / 27 / e2_1,
        "j_m2_b2_mmdt": 0.09 / 27 / e2_2,
        "j_n2_b1_mmdt": 0.12 / 27 / e2_1**2,
        "j_n2_b2_mmdt": 0.0144 / 27 / e2_2**2,
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)


def test_one_particle_has_no_substructure() -> None:
    values = jet_features(np.array([5.0]), np.zeros(1), np.zeros(1), mass_gev=0.0)
    assert values.tolist() == [0.0] * 15 + [1.0]


def test_distances_wrap_around_in_azimuth() -> None:
    found = distances(np.zeros(2), np.array([np.pi - 0.1, -np.pi + 0.1]))
    np.testing.assert_allclose(found, [[0.0, 0.2], [0.2, 0.0]], atol=1e-12)


@pytest.mark.parametrize("particles", [3, 4, 9])
def test_sums_equal_the_loops_over_triples(particles: int) -> None:
    pt, rapidity, azimuth = make_jet(particles, particles)
    z, distance = pt / pt.sum(), distances(rapidity, azimuth)
    expected = np.zeros(5)
    for i, j, k in combinations(range(particles), 3):
        first, second, third = sorted([distance[i, j], distance[j, k], distance[k, i]])
        terms = [first, first**2, first * second, (first * second) ** 2, first * second * third]
        expected += z[i] * z[j] * z[k] * np.array(terms)
    found = [*ordered_triple_sums(z, distance), triangle_sum(z, distance)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    pairs = sum(z[i] * z[j] * distance[i, j] for i, j in combinations(range(particles), 2))
    assert pair_sum(z, distance) == pytest.approx(pairs, rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    particles=st.integers(1, 25),
    shift=st.floats(-3.0, 3.0),
    scale=st.floats(0.01, 100.0),
)
def test_features_ignore_position_rotation_momentum_scale_and_order(
    seed: int, particles: int, shift: float, scale: float
) -> None:
    pt, rapidity, azimuth = make_jet(seed, particles)
    before = jet_features(pt, rapidity, azimuth, mass_gev=1.0)
    wrapped = np.remainder(azimuth + shift + np.pi, 2 * np.pi) - np.pi
    moved = (scale * pt[::-1], rapidity[::-1] - shift, wrapped[::-1])
    np.testing.assert_allclose(jet_features(*moved, mass_gev=1.0), before, rtol=1e-6, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), particles=st.integers(3, 25))
def test_infinitely_soft_particle_changes_no_correlator(seed: int, particles: int) -> None:
    pt, rapidity, azimuth = make_jet(seed, particles)
    before = jet_features(pt, rapidity, azimuth, mass_gev=1.0)
    extended = (np.append(pt, 1e-9), np.append(rapidity, 0.5), np.append(azimuth, 3.0))
    after = jet_features(*extended, mass_gev=1.0)
    np.testing.assert_allclose(after[:14], before[:14], rtol=1e-5, atol=1e-7)
    assert after[15] == before[15] + 1


def test_features_scale_with_angles_as_their_powers() -> None:
    pt, rapidity, azimuth = make_jet(5, 20)
    small, large = features((pt, rapidity, azimuth)), features((pt, 2 * rapidity, 2 * azimuth - 3))
    powers = {"j_c1_b1_mmdt": 1, "j_c1_b2_mmdt": 2, "j_c2_b1_mmdt": 1, "j_c2_b2_mmdt": 2}
    powers |= {"j_d2_b1_mmdt": 0, "j_m2_b1_mmdt": 0, "j_n2_b1_mmdt": 0, "j_zlogz": 0}
    found = {name: large[name] / small[name] for name in powers}
    assert found == pytest.approx({name: 2.0**power for name, power in powers.items()})


@pytest.mark.parametrize("particles", [3, 40])
def test_correlators_equal_those_of_fastjet(particles: int) -> None:
    fastjet = pytest.importorskip("fastjet", reason="needs fastjet (extra physics)")
    awkward = pytest.importorskip("awkward", reason="needs awkward (extra physics)")
    pt, rapidity, azimuth = make_jet(particles, particles)
    columns = {
        "px": pt * np.cos(azimuth),
        "py": pt * np.sin(azimuth),
        "pz": pt * np.sinh(rapidity),
        "E": pt * np.cosh(rapidity),
    }
    events = awkward.unflatten(awkward.zip(columns, with_name="Momentum4D"), [particles])
    definition = fastjet.JetDefinition(fastjet.cambridge_algorithm, 100.0)
    clusters = fastjet.ClusterSequence(events, definition)
    calls = {f"j_{name}_b{beta}_mmdt": (name, beta) for name in ("c1", "c2") for beta in (1, 2)}
    calls |= {
        f"j_{name}_b{beta}_mmdt": (name, beta) for name in ("d2", "m2", "n2") for beta in (1, 2)
    }
    calls["j_c1_b0_mmdt"] = ("c1", 0)
    theirs = {
        column: float(
            clusters.exclusive_jets_energy_correlator(njets=1, func=name.upper(), beta=beta)[0]
        )
        for column, (name, beta) in calls.items()
    }
    ours = features((pt, rapidity, azimuth))
    assert {column: ours[column] for column in theirs} == pytest.approx(theirs, rel=1e-9)
