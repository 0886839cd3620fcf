from __future__ import annotations

import numpy as np
import pytest

from netwright.backends.hls.layers import View, channels_last, plain_index
from netwright.formats import Fixed

REGISTER = Fixed(8, 3)


def view(shape: tuple[int, ...], index: np.ndarray) -> View:
    return View("fc1", shape, index, -5, REGISTER)


@pytest.mark.parametrize("extents", [(), (4,), (2, 3), (2, 3, 4)])
def test_plain_index_counts_the_elements_in_order(extents: tuple[int, ...]) -> None:
    index = plain_index(extents)
    assert index.shape == extents
    assert index.reshape(-1).tolist() == list(range(max(index.size, 1)))


@pytest.mark.parametrize("extents", [(3,), (2, 5), (2, 3, 4)])
def test_channels_last_finds_every_element_again(extents: tuple[int, ...]) -> None:
    """What the firmware keeps channels last is read back channels first through the index."""
    tensor = np.random.default_rng(0).integers(-9, 9, extents)
    kept = np.moveaxis(tensor, 0, -1)
    shape, index = channels_last(extents)
    assert kept.shape == shape
    assert index.shape == extents
    np.testing.assert_array_equal(kept.reshape(-1)[index], tensor)


def test_channels_last_by_hand() -> None:
    shape, index = channels_last((2, 3))
    assert shape == (3, 2)
    assert index.tolist() == [[0, 2, 4], [1, 3, 5]]


def test_view_knows_how_it_is_laid_out() -> None:
    shape, index = channels_last((2, 3))
    found = view(shape, index)
    assert found.size == 6
    assert found.is_laid_out(*channels_last((2, 3)))
    assert not found.is_laid_out((3, 2), plain_index((3, 2)))
    assert not found.is_laid_out((2, 3), index)
    assert not found.is_laid_out((3, 2), np.zeros((2, 3), dtype=np.int64))


def test_view_of_one_value_has_size_one() -> None:
    assert view((), plain_index(())).size == 1
