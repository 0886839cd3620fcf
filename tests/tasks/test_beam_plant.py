"""The affine plant against a ray that is tracked element by element, and the best settings."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import expm
from scipy.optimize import lsq_linear

from netwright.tasks.beam import CM1, CM2, AffinePlant, BeamLine, Faults, Machines, least_rms, rms

FAULTS = Faults(solenoid=0.05, solenoid_each=0.1, gain=0.2, swapped=1, dead_correctors=1)


def machines(line: BeamLine, count: int) -> Machines:
    return Machines.draw(line, count, np.random.default_rng(11), FAULTS)


def track(found: Machines, machine: int, settings: np.ndarray) -> list[float]:
    """One ray, element by element, from the numbers of the lattice alone."""
    line, ray, energy, seen = found.line, np.zeros(4), found.line.energy_mev, []
    mass, charge, corrector = line.ion.mass.value, line.ion.charge, 0

    def momentum(kinetic: float) -> float:
        return float(np.sqrt(kinetic * kinetic + 2 * kinetic * mass))

    def drifted(length: float) -> None:
        ray[0] += length * ray[1]
        ray[2] += length * ray[3]

    for index, cell in enumerate(line.cells):
        rigidity = momentum(energy) / (299.792458 * charge)
        k = cell.field_t * found.fields[machine, index] / (2 * rigidity)
        inside = np.array([[0, 1, k, 0], [-k * k, 0, 0, k], [-k, 0, 0, 1], [0, -k, -k * k, 0]])
        center = np.zeros(4)
        center[::2] = found.offsets[machine, index]
        drifted(0.085 + 0.0975)
        ray = center + expm(inside * 0.075) @ (ray - center)
        if cell.corrected:
            share = momentum(line.energy_mev) / momentum(energy)
            for plane in (0, 1):
                strength = found.gains[machine, corrector + plane] * settings[corrector + plane]
                ray[1 + 2 * plane] += 1.2e-3 * share * strength
        ray = center + expm(inside * 0.075) @ (ray - center)
        drifted(0.0975 + 0.105)
        if cell.gap is not None:
            gain = charge * cell.gap.voltage_mv * np.cos(cell.gap.phase)
            before, middle, after = (momentum(energy + gain * part) for part in (0, 0.5, 1))
            strength = -np.pi * charge * cell.gap.voltage_mv * np.sin(cell.gap.phase)
            strength *= mass * mass / (middle**2 * after * cell.gap.wavelength)
            ray[1] = ray[1] * before / after + strength * ray[0]
            ray[3] = ray[3] * before / after + strength * ray[2]
            energy += gain
        drifted(0.105)
        if cell.corrected:
            seen += [ray[0] * 1e3, ray[2] * 1e3]
            corrector += 2
    return seen


@pytest.mark.parametrize("line", [CM1, CM2], ids=lambda line: line.name)
def test_orbit_is_that_of_a_tracked_ray(line: BeamLine) -> None:
    found = machines(line, 6)
    settings = np.random.default_rng(2).uniform(-40, 40, (6, line.num_correctors))
    orbit = AffinePlant(found).orbit(settings)
    for machine in range(6):
        assert_allclose(orbit[machine], track(found, machine, settings[machine]), atol=1e-10)


def test_monitors_add_offsets_and_noise_and_dead_ones_read_zero() -> None:
    found = Machines.draw(
        CM1, 4000, np.random.default_rng(1),
        Faults(monitor_noise_mm=0.1, monitor_offset_mm=0.2, dead_monitors=1),
    )  # fmt: skip
    plant = AffinePlant(found)
    settings = np.zeros((4000, 10))
    error = plant.read(settings, np.random.default_rng(3)) - plant.orbit(settings)
    alive = found.monitor_gains == 1
    assert np.std(error[alive]) == pytest.approx(np.hypot(0.1, 0.2), rel=0.03)
    assert np.all(plant.read(settings, np.random.default_rng(3))[~alive] == 0)


def test_supplies_of_dead_correctors_read_back_zero() -> None:
    plant = AffinePlant(machines(CM1, 5))
    given = plant.readback(np.ones((5, 10)))
    assert np.array_equal(given == 0, plant.machines.gains == 0)


def test_least_rms_is_that_of_a_bounded_solver() -> None:
    plant = AffinePlant(machines(CM1, 12))
    for limit in (2.0, 40.0):
        found = least_rms(plant, limit, rounds=4000)
        for machine in range(12):
            solved = lsq_linear(plant.response[machine], -plant.base[machine], (-limit, limit))
            best = rms(plant.base[machine] + plant.response[machine] @ solved.x)
            assert found[machine] == pytest.approx(float(best), abs=1e-3)


def test_machines_are_replaced_with_all_that_they_have() -> None:
    plant, other = AffinePlant(machines(CM1, 4)), AffinePlant(machines(CM1, 2))
    plant.replace(np.array([1, 3]), other)
    settings = np.ones((4, 10))
    assert np.array_equal(plant.orbit(settings)[[1, 3]], other.orbit(settings[:2]))
    assert np.array_equal(plant.machines.gains[[1, 3]], other.machines.gains)
    assert len(plant.machines.take(slice(2))) == 2
