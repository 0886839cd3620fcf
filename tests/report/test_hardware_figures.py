import xml.etree.ElementTree as ElementTree

from tests.report.sample import hardware

from netwright.report import Utilization
from netwright.report.hardware_figures import depths, floor_plan, pipeline, utilization


def test_pictures_are_deterministic_svg_elements():
    found = hardware()
    assert found.routing is not None
    plan = found.routing.floor_plan
    assert plan is not None
    for paint, rows in (
        (pipeline, found.layers),
        (utilization, found.routing.utilization),
        (floor_plan, plan),
        (depths, found.depths),
    ):
        text = paint(rows)
        assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
        assert text == paint(rows)


def test_layers_that_were_not_counted_are_drawn_without_tables():
    layers = [layer.model_copy(update={"cells": None}) for layer in hardware().layers]
    assert len(pipeline(layers)) < len(pipeline(hardware().layers))
    assert pipeline(layers[:1]).startswith("<svg")


def test_part_that_is_too_small_is_drawn():
    rows = [Utilization(cell="TRELLIS_COMB", used=100_000, available=83_640)]
    assert utilization(rows).startswith("<svg")
