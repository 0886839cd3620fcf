from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from tests.cost.small import one_memory
from tests.cost.test_network import network

from netwright import cost

pytest.importorskip("matplotlib", reason="draws the picture")

from netwright.report.cost_chart import cost_chart


def test_every_operation_has_its_bars(tmp_path):
    small = one_memory(size=300)
    found = cost.estimate_network(network(), small)
    path = tmp_path / "a.svg"
    cost_chart(found, small, path)
    root = ElementTree.parse(path).getroot()
    bars = [e for e in root.iter() if str(e.attrib.get("id", "")).startswith("picture-patch_")]
    assert len(bars) >= len(found.layers) * (2 + len(found.total.joules_by))
