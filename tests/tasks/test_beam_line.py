"""Machines: what is drawn, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.tasks.beam import CM1, CM2, Faults, Machines, find_line


def draw(count: int = 300, **faults: float) -> Machines:
    return Machines.draw(CM1, count, np.random.default_rng(5), Faults(**faults))  # type: ignore[arg-type]


def test_offsets_are_the_published_ones() -> None:
    offsets = np.abs(draw().offsets) * 1e3
    assert offsets[:, 0].max() <= 0.6
    assert 2.8 < offsets[:, 1:].max() <= 3.0
    assert offsets.shape == (300, 7, 2)


def test_correctors_are_swapped_dead_or_neither() -> None:
    gains = draw(swapped=2, dead_correctors=1, gain=0.1).gains
    assert np.all((gains < 0).sum(axis=1) == 2)
    assert np.all((gains == 0).sum(axis=1) == 1)
    assert np.abs(gains).max() <= 1.1
    assert 0.15 < np.mean(draw(swap_chance=0.2).gains < 0) < 0.25


def test_monitors_die_with_both_planes() -> None:
    alive = draw(dead_monitors=2).monitor_gains.reshape(300, 5, 2)
    assert np.array_equal(alive[..., 0], alive[..., 1])
    assert np.all((alive[..., 0] == 0).sum(axis=1) == 2)


def test_a_generator_gives_the_same_machines_again() -> None:
    assert np.array_equal(draw(gain=0.3).gains, draw(gain=0.3).gains)


def test_lines_have_the_published_numbers_of_monitors() -> None:
    assert (CM1.num_readings, CM1.num_correctors, CM2.num_readings) == (10, 10, 8)


def test_wrong_faults_are_all_named() -> None:
    with pytest.raises(ConfigError) as caught:
        Faults(offset_mm=-1, swapped=1.5, gain=2)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "offset_mm must be from 0 to 50, not -1; gain must be from 0 to 0.99, not 2; "
        "swapped must be a whole number from 0 to 100, not 1.5"
    )


def test_more_faults_than_parts_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        draw(swapped=9, dead_correctors=2)
    assert str(caught.value) == "swapped and dead_correctors must be at most 10 on cm1, not 11"


def test_unknown_line_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        find_line("cm9")
    assert str(caught.value) == 'line must be cm1 or cm2, not "cm9"'
