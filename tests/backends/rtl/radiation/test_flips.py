"""Lists of upsets."""

from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl.radiation import NOTHING, Hardened
from netwright.backends.rtl.radiation.flips import (
    Site,
    doubles,
    flips_of,
    named,
    sampled,
    sites,
)
from netwright.errors import ConfigError
from tests.backends.rtl.graphs import needs_yosys
from tests.backends.rtl.radiation.designs import hardened

pytestmark = needs_yosys


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Hardened:
    return hardened(tmp_path_factory.mktemp("bank"))


def test_every_flip_flop_once(design: Hardened) -> None:
    every = sites(design)
    assert len(every) == design.flip_flops == len({named(design, upset) for upset in every})
    assert len(sites(design, ("configuration",))) == 36
    assert sites(design, ("pipeline",)).shape == (0, 1, 3)


def test_names_and_numbers(design: Hardened) -> None:
    upsets = [[Site("weights[2][1]", 2)], [Site("y_data[3]"), Site("place[1]", 1)]]
    flips = flips_of(design, upsets)
    assert [list(named(design, flip)) for flip in flips] == upsets
    for site in (Site("weights[9][0]"), Site("y_data[3]", 1)):
        with pytest.raises(ConfigError):
            flips_of(design, [[site]])


def test_samples(design: Hardened) -> None:
    one, other = sampled(design, 20, seed=1), sampled(design, 20, seed=2)
    assert len(np.unique(one, axis=0)) == 20
    assert not np.array_equal(one, other)
    assert np.array_equal(one, sampled(design, 20, seed=1))


def test_pairs_in_one_triplet_and_in_two_bits(design: Hardened, tmp_path: Path) -> None:
    same = doubles(design, 200, seed=0, same_triplet=True)
    assert (same[:, 0, :2] == same[:, 1, :2]).all()
    assert (same[:, 0, 2] != same[:, 1, 2]).all()
    apart = doubles(design, 200, seed=0, same_triplet=False)
    assert not (apart[:, 0, :2] == apart[:, 1, :2]).all(axis=1).any()
    with pytest.raises(ConfigError, match="no two flip-flops"):
        doubles(hardened(tmp_path, NOTHING), 5, seed=0, same_triplet=True)
