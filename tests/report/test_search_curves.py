from __future__ import annotations

import math

from netwright.explore import Constraint, Function, Goal, Listed, Search, Space, Whole
from netwright.report.search_curves import curves, curves_picture, curves_svg

SPACE = Space(
    parameters=(Whole(name="x", low=0, high=9),),
    goals=(Goal(value="y", direction="maximize"),),
    constraints=(Constraint(rule="y <= 6"),),
)


def study(*values: int):
    points = tuple({"x": value} for value in values)
    search = Search(SPACE, Function(lambda s: {"y": float(s["x"])}), Listed(points))
    return search.run(trials=len(points))


def test_a_curve_is_the_best_feasible_value_so_far():
    first, second = curves([study(9, 3, 2, 5, 7), study(1, 8, 6, 0, 0)])
    assert math.isnan(first[0])
    assert list(first[1:]) == [3, 3, 5, 5]
    assert list(second) == [1, 1, 6, 6, 6]


def test_the_picture_names_every_proposer(tmp_path):
    found = {"one": curves([study(1, 3), study(2, 5)]), "none": curves([study(8, 9)])}
    svg = curves_svg(found, name="curves", title="Best", unit="y")
    assert svg.startswith("<svg")
    curves_picture(tmp_path / "curves.png", found, title="Best", unit="y")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
