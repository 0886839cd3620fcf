from __future__ import annotations

import numpy as np

from netwright.exchange.qonnx.constant_values import broadcasts, whole_numbers


def test_whole_numbers_are_whole_and_fit() -> None:
    assert whole_numbers(np.array([[1, -2]])) == (1, -2)
    assert whole_numbers(np.array([1.0, 3.0], np.float32)) == (1, 3)
    for bad in ([0.5], [np.nan], [np.inf], [1e30]):
        assert whole_numbers(np.array(bad)) is None


def test_values_broadcast_to_a_target_alone() -> None:
    assert broadcasts((3, 1), (2, 3, 4))
    assert not broadcasts((2, 3), (3,))
    assert not broadcasts((5,), (2, 3))
