import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.formats import NM
from netwright.train.nm_masks import _passes, pruned, top_mask


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from([(1, 4), (2, 4), (2, 8), (1, 8), (4, 8), (1, 16), (3, 3)]),
    st.integers(0, 2),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_masks_are_those_of_the_pattern(
    shape: tuple[int, int, int], sizes: tuple[int, int], axis: int, coarse: bool, seed: int
) -> None:
    pattern = NM(*sizes, axis)
    extents = [n * (pattern.group if i == axis else 1) for i, n in enumerate(shape)]
    draws = np.random.default_rng(seed)
    values = draws.integers(-2, 3, extents) if coarse else draws.normal(size=extents)
    values = values.astype(np.float32)
    for made in (top_mask, _passes):
        found = made(torch.from_numpy(values), pattern).numpy()
        assert found.dtype == values.dtype
        assert np.array_equal(found, pattern.mask(values))


def test_of_equal_magnitudes_the_lowest_index_stays() -> None:
    values = torch.tensor([[0.0, 0.0, 0.0, 0.0, -1.0, 2.0, 1.0, -2.0]])
    assert top_mask(values, NM(2, 4, 1)).tolist() == [[1, 1, 0, 0, 0, 1, 0, 1]]
    assert top_mask(values.t(), NM(3, 4)).t().tolist() == [[1, 1, 1, 0, 1, 1, 0, 1]]


def test_the_last_group_may_be_shorter() -> None:
    values = torch.tensor([4.0, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0])
    assert top_mask(values, NM(2, 4)).tolist() == [1, 0, 0, 1, 1, 1, 0]
    assert top_mask(values[:5], NM(2, 4)).tolist() == [1, 0, 0, 1, 1]
    assert _passes(values, NM(2, 4)).tolist() == [1, 0, 0, 1, 1, 1, 0]
    assert pruned(values[:3, None], NM(1, 8))[:, 0].tolist() == [4, 0, 0]
