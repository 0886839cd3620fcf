from __future__ import annotations

import pytest

from netwright.formats.pattern import index_bits, places_bits, share


@pytest.mark.parametrize(("places", "bits"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_bits_of_a_number_of_a_place(places: int, bits: int) -> None:
    assert index_bits(places) == bits


def test_places_take_the_shorter_form() -> None:
    assert places_bits(1, 8) == 3
    assert places_bits(4, 8) == 8


@pytest.mark.parametrize("count", range(1, 60))
def test_a_share_computed_from_a_count_allows_it(count: int) -> None:
    assert all(share(kept / count, count) == kept for kept in range(count + 1))
