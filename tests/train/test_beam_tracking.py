"""Cheetah's beam line: linear, near the affine plant but not it, with the same faults."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.tasks.beam import (
    CM1,
    CM2,
    Faults,
    Machines,
    nominal_response,
    run_closed_loop,
    svd_controller,
)

pytest.importorskip("cheetah", reason="needs the extra beam")

from netwright.train.beam_tracking import TrackedPlant

pytestmark = pytest.mark.filterwarnings("ignore")

FAULTS = Faults(solenoid=0.05, gain=0.1, swapped=1)


def plant(count: int = 5, **faults: float) -> TrackedPlant:
    drawn = Machines.draw(CM2, count, np.random.default_rng(2), Faults(**faults))  # type: ignore[arg-type]
    return TrackedPlant(drawn)


def test_any_settings_are_tracked_as_the_orbit_says() -> None:
    found = TrackedPlant(Machines.draw(CM2, 4, np.random.default_rng(1), FAULTS))
    settings = np.random.default_rng(3).uniform(-40, 40, (4, 8))
    assert np.allclose(found.orbit(settings), found.track(settings), atol=1e-9)


def test_it_is_near_the_affine_plant_and_other_physics() -> None:
    response = TrackedPlant(Machines.nominal(CM1)).response[0]
    drawn = nominal_response(CM1)
    apart = np.linalg.norm(response - drawn) / np.linalg.norm(drawn)
    assert 0.05 < apart < 0.3


def test_machines_have_their_faults() -> None:
    found = plant(dead_monitors=1, monitor_noise_mm=0.1)
    settings = np.zeros((5, 8))
    seen = found.read(settings, np.random.default_rng(1))
    assert np.all((seen == 0).sum(axis=1) == 2)
    assert len(found) == 5
    assert np.array_equal(found.readback(settings + 1), settings + 1)


def test_least_squares_as_drawn_solves_it_too() -> None:
    found = run_closed_loop(plant(20), svd_controller(CM2))
    assert found.share_below(1.0) == 1.0
