from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from tests.backends.rtl.shared.graphs import tiny

from netwright.backends import SharedOptions
from netwright.backends.rtl.options import RtlOptions
from netwright.backends.soc import soc

pytest.importorskip("matplotlib", reason="draws the picture")

from netwright.report.chip_diagram import blocks, chip_diagram


@pytest.mark.parametrize(
    "network", [RtlOptions(reuse_factor=1), RtlOptions(shared=SharedOptions(2, 2, 2))]
)
def test_every_block_is_drawn_with_its_address(network: RtlOptions, tmp_path: Path) -> None:
    design = soc(network=network).generate(tiny(), tmp_path / "chip")
    chip_diagram(design, tmp_path / "a.svg")
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    boxes = [e for e in root.iter() if str(e.attrib.get("id", "")).startswith("picture-patch_")]
    above, below = blocks(design.structure)
    assert len(boxes) >= len(above) + len(below)
    told = " ".join(line for block in (*above, *below) for line in block.lines)
    drawn = [region for region in design.structure.space if f"0x{region.base:08x}" in told]
    assert len(drawn) >= 7
