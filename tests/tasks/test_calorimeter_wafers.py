"""Simulated wafers: reproducible, plausible, and different by region."""

from __future__ import annotations

import numpy as np

from netwright.tasks.calorimeter_wafers import (
    COLUMNS,
    COUNTS_PER_MIP,
    REGIONS,
    generate_wafers,
)


def test_a_chunk_depends_on_its_arguments_alone() -> None:
    first = generate_wafers(1, 0, 30, 7)
    generate_wafers(0, 3, 10, 7)
    assert (generate_wafers(1, 0, 30, 7) == first).all()
    others = [(0, 0, 30, 7), (1, 1, 30, 7), (1, 0, 30, 8)]
    assert all((generate_wafers(*other) != first).any() for other in others)


def test_charges_are_whole_counts_and_no_wafer_is_empty() -> None:
    for label, region in enumerate(REGIONS):
        rows = generate_wafers(label, 0, 200, 3)
        assert rows.shape == (200, COLUMNS)
        charges, eta, kind = rows[:, :48], rows[:, 48], rows[:, 49]
        assert (charges == np.floor(charges)).all()
        assert charges.min() >= 0
        assert charges.any(axis=1).all()
        assert (np.float32(region.eta[0]) <= eta).all()
        assert (eta <= np.float32(region.eta[1])).all()
        assert set(kind.tolist()) == {0.0, 1.0, 2.0}


def test_pile_up_grows_toward_the_beam_and_signals_add_to_it() -> None:
    mean = {}
    for label, region in enumerate(REGIONS):
        rows = generate_wafers(label, 1, 600, 3)
        occupied = (rows[:, :48] > COUNTS_PER_MIP).sum(axis=1)
        for kind in range(3):
            mean[region.name, kind] = occupied[rows[:, 49] == kind].mean()
    assert mean["inner", 0] > mean["middle", 0] > mean["outer", 0]
    assert all(mean[region.name, 1] > mean[region.name, 0] + 2 for region in REGIONS)


def test_pile_up_is_overdispersed() -> None:
    rows = generate_wafers(0, 2, 1500, 3)
    narrow = (rows[:, 49] == 0) & (np.abs(rows[:, 48] - 2.5) < 0.1)
    sums = rows[narrow, :48].sum(axis=1) / COUNTS_PER_MIP
    assert sums.std() / sums.mean() > 0.4  # a Poisson number of tens of particles has about 0.2
