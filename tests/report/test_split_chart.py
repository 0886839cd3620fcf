from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from netwright import arch
from netwright.cost import split
from netwright.workload import resnet9, unet

pytest.importorskip("matplotlib", reason="draws the picture")

from netwright.report.split_chart import split_chart

SMALL = resnet9(image=(1, 8, 8), stem=4, filters=(8,), skips=(1,))
OTHER = unet(image=(1, 8, 8), height=1, filters=4)


def test_every_step_stands_on_the_chip(tmp_path):
    machine = arch.find("unlike_pair")
    found = split([SMALL, OTHER], machine)
    path = tmp_path / "a.svg"
    split_chart(found, machine, path)
    root = ElementTree.parse(path).getroot()
    texts = [e for e in root.iter() if str(e.attrib.get("id", "")).startswith("picture-text_")]
    boxes = [e for e in root.iter() if str(e.attrib.get("id", "")).startswith("picture-patch_")]
    assert len(texts) >= len(found.runs) + len(found.units)
    assert len(boxes) >= len(found.runs) + len(found.units)
    one = split([SMALL], arch.find("shidiannao"))
    split_chart(one, arch.find("shidiannao"), tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes()[:4] == b"\x89PNG"
