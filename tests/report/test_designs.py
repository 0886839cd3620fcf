import xml.etree.ElementTree as ElementTree

from tests.report.sample import design_points

from netwright.report.designs import designs, is_published


def test_picture_is_a_deterministic_svg_element():
    text = designs(design_points())
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert text == designs(design_points())


def test_ours_and_published_ones_are_told_apart():
    assert [is_published(point) for point in design_points()] == [False, False, True, True, True]


def test_only_published_or_only_our_points_are_drawn():
    assert designs(design_points()[:2]).startswith("<svg")
    assert designs(design_points()[2:]).startswith("<svg")


def test_unlike_tables_never_share_an_axis():
    points = design_points()
    assert [point.counting for point in points[1:3]] == ["LUT4, open tools", "LUT6, vendor tools"]
    assert designs(points).count('id="designs-axes_') == 2
    alike = [point.model_copy(update={"lut_inputs": 6, "tools": "open"}) for point in points]
    assert designs(alike).count('id="designs-axes_') == 1
