"""The N:M array against NumPy, and its clocks against the formula of the cost room."""

from dataclasses import fields

import numpy as np
import pytest

from netwright.backends.rtl.arrays import NMArray, NMDesign
from netwright.backends.rtl.arrays.driver import Streams
from netwright.backends.rtl.arrays.layers import MODES
from netwright.errors import ConfigError, DataError, NumericsError
from tests.backends.rtl.graphs import needs_verilator

simulated = [pytest.mark.tool("g++"), needs_verilator]


def sparse(random: np.random.Generator, depth: int, features: int, array: NMArray) -> np.ndarray:
    """Weights with as many of each group as the array keeps, the smallest code among them."""
    groups = -(-depth // array.group)
    weights = random.integers(-128, 128, (groups, array.group, features))
    order = np.argsort(random.random(weights.shape), axis=1)
    ranks = np.argsort(order, axis=1)
    return np.where(ranks < array.kept, weights, 0).reshape(-1, features)[:depth]


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> NMDesign:
    return NMArray(3, 2).generate(tmp_path_factory.mktemp("nm") / "array")


@pytest.mark.tool("g++")
@needs_verilator
def test_results_leave_while_the_next_tile_runs(design: NMDesign) -> None:
    x, w = np.ones((7, 8), dtype=int), np.eye(8, 3, dtype=int)
    found = design.simulate(x, w)
    assert np.array_equal(found.values, x @ w)
    assert found.num_tiles == 6
    assert found.cycles_until_last == found.cycles + design.array.rows + 2


@pytest.mark.tool("g++")
@needs_verilator
@pytest.mark.parametrize(
    "array", [NMArray(1, 1, kept=1, group=16), NMArray(2, 3, kept=2, group=4, slots=4)], ids=str
)
def test_other_arrays(array: NMArray, tmp_path) -> None:
    design, random = array.generate(tmp_path / "array"), np.random.default_rng(2)
    for rows, depth, features in ((1, 1, 1), (5, 37, 4), (2, 48, 7)):
        x = random.integers(-128, 128, (rows, depth))
        w = sparse(random, depth, features, array)
        for stationary, dense in MODES:
            found = design.simulate(x, w, stationary=stationary, dense=dense)
            assert np.array_equal(found.values, x @ w)
            predicted = array.cycles(rows, depth, features, stationary=stationary, dense=dense)
            assert found.cycles == predicted


@pytest.mark.tool("g++")
@needs_verilator
def test_stationarity_switches_from_tile_to_tile(design: NMDesign) -> None:
    """One tile after the other in every order of two modes, with nothing between them."""
    random, array = np.random.default_rng(3), design.array
    order = [*MODES, *MODES[::-1], MODES[0], MODES[2], MODES[1], MODES[3], MODES[0]]
    x = random.integers(-128, 128, (3, 8))
    w = sparse(random, 8, 2, array)
    parts = [array.streams(stationary, dense=dense).streams(x, w) for stationary, dense in order]
    joined = Streams(
        *(np.concatenate([getattr(part, field.name) for part in parts], axis=axis)
          for field, axis in zip(fields(Streams)[:4], (1, 1, 0, 0), strict=True)),
        num_results=sum(part.num_results for part in parts),
    )  # fmt: skip
    played = design.play(joined)
    results = np.split(
        played.results.view(np.int32), np.cumsum([p.num_results for p in parts])[:-1], axis=1
    )
    for (stationary, _), part, found in zip(order, parts, results, strict=True):
        shaped = found.reshape(2, -1, 3)
        rows = shaped[:, 0, ::-1] if stationary == "output" else shaped.sum(axis=1)
        assert np.array_equal(rows.T, x @ w), (stationary, len(part.steps))
    whole = sum(array.cycles(3, 8, 2, stationary=kind, dense=dense) for kind, dense in order)
    assert played.cycles == whole


def test_numbers_that_no_array_has() -> None:
    for options, message in (
        ({"rows": 0}, "rows must be an integer from 1 to 64, not 0"),
        ({"columns": 65}, "columns must be an integer from 1 to 64, not 65"),
        ({"rows": True}, "rows must be an integer from 1 to 64, not True"),
        ({"group": 1}, "group must be an integer from 2 to 32, not 1"),
        ({"kept": 8}, "kept must be an integer from 1 to 7, not 8"),
        ({"kept": 9, "group": 8}, "kept must be an integer from 1 to 7, not 9"),
        ({"slots": 1}, "slots must be an integer from 2 to 8, not 1"),
    ):
        with pytest.raises(ConfigError) as caught:
            NMArray(**{"rows": 2, "columns": 2, **options})  # type: ignore[arg-type]
        assert str(caught.value) == message


def test_operands_that_do_not_fit(tmp_path) -> None:
    design = NMArray(2, 2, kept=1, group=4).generate(tmp_path / "array")
    ones = np.ones((4, 2), dtype=int)
    with pytest.raises(NumericsError) as numerics:
        design.simulate(ones.T, ones)
    assert str(numerics.value) == (
        "w: NM(1:4) allows 1 of 4 elements, the group that begins at (0, 0) has 4\n"
        "hint: dense=True multiplies all weights"
    )
    with pytest.raises(
        NumericsError, match=r"^x holds 128 at \(1, 2\), which is no code of 8 bits"
    ):
        design.simulate([[0, 0, 0, 0], [0, 0, 128, 0]], ones, dense=True)
    with pytest.raises(
        DataError, match=r"^the left matrix has 3 columns, but the right one 4 rows$"
    ):
        design.simulate(np.ones((1, 3)), ones, dense=True)
    with pytest.raises(
        DataError, match=r"^w must be a matrix with elements, not of shape \(4, 0\)"
    ):
        design.simulate(ones.T, np.ones((4, 0)))
    with pytest.raises(ConfigError, match=r'^stationary must be "weight" or "output", not .input.'):
        design.simulate(ones.T, ones, stationary="input", dense=True)  # type: ignore[arg-type]
