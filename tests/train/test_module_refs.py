from __future__ import annotations

import pytest

from netwright.train.module_refs import spread


@pytest.mark.parametrize(
    ("given", "rank", "made"),
    [(2, 2, (2, 2)), ((3,), 2, (3, 3)), ((1, 4), 2, (1, 4)), (5, 1, (5,))],
)
def test_one_size_stands_for_every_axis(given: object, rank: int, made: tuple[int, ...]) -> None:
    assert spread(given, rank) == made
