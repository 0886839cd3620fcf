from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from netwright import arch

pytest.importorskip("matplotlib", reason="draws the picture")

from netwright.report.block_diagram import block_diagram


def test_every_node_is_drawn(tmp_path):
    machine = arch.find("eyeriss")
    path = tmp_path / "a.svg"
    block_diagram(machine, path)
    root = ElementTree.parse(path).getroot()
    boxes = [e for e in root.iter() if str(e.attrib.get("id", "")).startswith("picture-patch_")]
    assert len(boxes) >= len(machine.nodes) + 2  # an array has two shadows


def test_png_is_a_png(tmp_path):
    path = tmp_path / "a.png"
    block_diagram(arch.find("tpu"), path)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
