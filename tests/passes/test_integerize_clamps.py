"""Limits for each channel equal a plain clip."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.passes.integerize_clamps import _stages


@pytest.mark.parametrize(
    ("lows", "highs"),
    [
        ([0, 0, 0], [3, 5, 40]),
        ([-3, 2, 1], [9, 9, 9]),
        ([-40, 2, 1], [-20, 2, 40]),
    ],
)
def test_stages_equal_a_clip(lows: list[int], highs: list[int]) -> None:
    codes = np.arange(-30, 31)[:, None].astype(object)
    low, high = np.array(lows, dtype=object), np.array(highs, dtype=object)
    made = codes
    for stage in _stages(low, high, -30, 30):
        made = np.minimum(np.maximum(made + stage.offsets, stage.low), stage.high)
    wanted = np.minimum(np.maximum(codes, low), high)
    assert np.broadcast_to(made, wanted.shape).tolist() == wanted.tolist()
