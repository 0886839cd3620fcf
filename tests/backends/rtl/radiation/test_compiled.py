"""Upsets in the compiled design: what is flipped, what is healed, what is restored."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl.radiation import CONTROL, NOTHING, Protection
from netwright.backends.rtl.radiation.compiled import CompiledUpsets, Effect
from netwright.backends.rtl.radiation.flips import Site, doubles, flips_of, sites
from netwright.backends.rtl.radiation.ports import unpack_ports
from netwright.errors import DataError
from tests.backends.rtl.graphs import needs_verilator, needs_yosys
from tests.backends.rtl.radiation.designs import (
    ROWS,
    WEIGHTS,
    hardened,
    loading,
    rows,
    sums,
)

pytestmark = [pytest.mark.tool("g++"), needs_verilator, needs_yosys]


def started(folder: Path, protection: Protection) -> CompiledUpsets:
    return CompiledUpsets(hardened(folder, protection), loading(), folder=folder / "simulation")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompiledUpsets]:
    with started(tmp_path_factory.mktemp("plain"), NOTHING) as design:
        yield design


@pytest.fixture(scope="module")
def voted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompiledUpsets]:
    with started(tmp_path_factory.mktemp("voted"), CONTROL) as design:
        yield design


def test_without_an_upset_the_design_computes(plain: CompiledUpsets) -> None:
    out = plain.run(rows(), sites(plain.hardened)[:0])
    found = unpack_ports(plain.hardened.elaboration.outputs, out.golden)["y_data"]
    assert found[1:] == sums()[:-1]


def test_a_flipped_weight_stays_flipped(plain: CompiledUpsets) -> None:
    design = plain.hardened
    names = [f"weights[{i}][{b}]" for i in range(4) for b in range(3)]
    out = plain.run(rows(), flips_of(design, [[Site(name)] for name in names]), keep_outputs=True)
    assert out.outputs is not None
    for number, words in enumerate(out.outputs):
        weights = list(WEIGHTS)
        weights[number // 3] ^= 1 << number % 3
        found = unpack_ports(design.elaboration.outputs, words)["y_data"]
        assert found[1:] == sums(ROWS, weights)[:-1]
    assert (out.effects == Effect.OUTPUT_LATER | Effect.REGISTER_NEXT | Effect.REGISTER_LAST).all()


def test_a_flipped_output_is_wrong_at_once_and_then_right(plain: CompiledUpsets) -> None:
    out = plain.run(rows(), flips_of(plain.hardened, [[Site("y_data[2]")]]))
    assert out.effects.tolist() == [Effect.OUTPUT_AT_ONCE]


def test_no_single_upset_of_a_voted_register_is_ever_seen(voted: CompiledUpsets) -> None:
    roles = ("configuration", "state", "pointer")
    out = voted.run(rows(), sites(voted.hardened, roles))
    assert len(out.effects) == 45
    assert not out.effects.any()


def test_a_voted_register_is_written_and_healed_in_any_clock(voted: CompiledUpsets) -> None:
    """An upset in every clock of the loading leaves the weights as they are loaded."""
    design = voted.hardened
    for clocks in range(1, len(loading())):
        with CompiledUpsets(design, loading()[:clocks], folder=voted.library.parent) as early:
            rest = np.concatenate([loading()[clocks:], rows()])
            out = early.run(rest, sites(design, ("configuration", "pointer")))
            assert not out.effects.any()


def test_two_upsets_of_one_triplet_win_the_vote(voted: CompiledUpsets) -> None:
    pairs = doubles(voted.hardened, 50, seed=0, same_triplet=True, roles=("configuration",))
    wrong = voted.run(rows(), pairs).effects
    assert (wrong & Effect.REGISTER_LAST).all()
    apart = doubles(voted.hardened, 50, seed=0, same_triplet=False, roles=("configuration",))
    assert not voted.run(rows(), apart).effects.any()


def test_an_upset_leaves_no_trace_in_the_next_one(plain: CompiledUpsets) -> None:
    every = sites(plain.hardened)
    alone = [int(plain.run(rows(), upset[None]).effects[0]) for upset in every]
    assert plain.run(rows(), every).effects.tolist() == alone
    assert plain.run(rows(), every[::-1]).effects.tolist() == alone[::-1]


def test_what_does_not_fit_is_refused(plain: CompiledUpsets) -> None:
    every = sites(plain.hardened)
    with pytest.raises(DataError, match=r"inputs must be \(clocks, 4\) words"):
        plain.run(rows()[:, :2], every)
    for wrong in ([99, 0, 0], [0, 1, 0], [0, 0, 1]):
        with pytest.raises(DataError, match="bank has no flip-flop"):
            plain.run(rows(), np.array([[wrong]], dtype=np.int32))
