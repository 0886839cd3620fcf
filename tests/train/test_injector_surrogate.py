"""The surrogate of the injector learns the envelope."""

from __future__ import annotations

import pickle

import numpy as np

from netwright.tasks.injector import draw_injectors, transmission
from netwright.train import fit_surrogate


def test_a_surrogate_is_nearer_than_the_mean() -> None:
    found = fit_surrogate(6000, epochs=12)
    random = np.random.default_rng(9)
    machines, settings = draw_injectors(500, random), random.uniform(-1, 1, (500, 6))
    wanted = transmission(machines, settings)
    said = found.response(machines, settings)
    error = np.sqrt(np.mean(np.square(said - wanted)))
    assert error < 0.6 * wanted.std(axis=0).max()
    assert error < 1.5 * found.error
    assert np.all((said[:, 1] <= said[:, 0]) & (said >= 0).all(axis=1))


def test_a_surrogate_goes_to_other_processes() -> None:
    found = fit_surrogate(200, epochs=1).response
    copied = pickle.loads(pickle.dumps(found))  # noqa: S301 (our own)
    random = np.random.default_rng(3)
    asked = draw_injectors(5, random), random.uniform(-1, 1, (5, 6))
    assert np.array_equal(copied(*asked), found(*asked))
