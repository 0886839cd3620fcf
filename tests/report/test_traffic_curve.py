from __future__ import annotations

import pytest

from netwright.mapping import Curve, Point
from netwright.report.traffic_curve import traffic_curve_picture

pytest.importorskip("matplotlib", reason="draws the picture")


@pytest.mark.parametrize(
    "curve",
    [
        Curve((Point(1024, 900), Point(2048, 100), Point(4096, 0)), 1),
        Curve((Point(1024, 0),), 0),
    ],
)
def test_picture_is_stable_and_names_its_subject(curve):
    first, second = (
        traffic_curve_picture(curve, name="net", granularity="fused") for _ in range(2)
    )
    assert first == second
    assert 'aria-label="Traffic of net against the size of the scratchpad"' in first
