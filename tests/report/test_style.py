from __future__ import annotations

from itertools import combinations
from typing import get_args

from netwright.report import FrontKind
from netwright.report.style import DASHES, KINDS, SERIES


def _gray(color: str) -> float:
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue


def test_every_kind_of_point_has_a_look():
    assert set(KINDS) == set(get_args(FrontKind))


def test_kinds_differ_without_color():
    for one, other in combinations(KINDS.values(), 2):
        assert one.marker != other.marker
        assert one.color != other.color


def test_series_differ_in_color_and_in_dash():
    assert len(set(SERIES)) == len(SERIES) == len(DASHES) == len(set(map(str, DASHES)))


def test_colors_stand_out_from_white_paper():
    for look in KINDS.values():
        assert _gray(look.color) < 0.75, look
    assert all(_gray(color) < 0.7 for color in SERIES)
