"""Every path of N:M masks equals the pattern's own."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import DataError
from netwright.formats import NM
from netwright.kernels import nm_mask
from tests.kernels.paths import COMPILED


@pytest.mark.parametrize("isa", COMPILED)
@settings(max_examples=50)
@given(
    sizes=st.sampled_from([(1, 4), (2, 4), (2, 8), (1, 16), (3, 3), (7, 11), (9, 64), (4, 65)]),
    groups=st.integers(1, 40),
    others=st.tuples(st.integers(1, 3), st.sampled_from([1, 2, 9, 15, 16, 17, 33])),
    axis=st.integers(0, 2),
    coarse=st.booleans(),
    seed=st.integers(0, 999),
)
def test_path_equals_the_pattern(
    isa: str,
    sizes: tuple[int, int],
    groups: int,
    others: tuple[int, int],
    axis: int,
    coarse: bool,
    seed: int,
) -> None:
    pattern = NM(*sizes, axis)
    shape = list(others)
    shape.insert(axis, groups * pattern.group)
    draws = np.random.default_rng(seed)
    values = draws.integers(-2, 3, shape) if coarse else draws.normal(size=shape)
    values = values.astype(np.float32)
    expected = pattern.mask(values)
    for path, num_threads in (("numpy", 1), (isa, 1), (isa, 2)):
        found = nm_mask(values, pattern, isa=path, num_threads=num_threads)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("isa", COMPILED)
def test_a_shorter_last_group_keeps_as_many(isa: str) -> None:
    values = np.array([[4, 1, 2, 3, 0, 0, 0], [0, 0, 0, 0, 1, 2, 3]], np.float32)
    wanted = [[1, 0, 0, 1, 1, 1, 0], [1, 1, 0, 0, 0, 1, 1]]
    for path in ("numpy", isa):
        assert nm_mask(values, NM(2, 4, 1), isa=path).tolist() == wanted
        turned = nm_mask(values.T, NM(2, 4, 0), isa=path)
        assert turned.T.tolist() == wanted
        assert nm_mask(values[:, :1], NM(3, 4, 1), isa=path).tolist() == [[1], [1]]
        assert nm_mask(values[:0], NM(2, 4, 1), isa=path).shape == (0, 7)


@pytest.mark.parametrize(
    ("values", "pattern", "message"),
    [
        (np.zeros(4), NM(1, 4), "values must be a float32 array, not float64"),
        ([1.0], NM(1, 4), "values must be a float32 array, not list"),
        (np.zeros(4, np.float32), NM(1, 4, 1), "the axis of NM(1:4) must be below 1, not 1"),
        (np.zeros(4, np.float32), NM(0, 4), "a pattern must keep at least one of a group"),
    ],
)
def test_what_is_not_accepted_is_named(values: object, pattern: NM, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        nm_mask(values, pattern)  # type: ignore[arg-type]
