from __future__ import annotations

import pytest
from tests.mapping.graphs import machine

from netwright.mapping import cosma
from netwright.report.memory_map import memory_map
from netwright.workload import NETWORKS, fuse

pytest.importorskip("matplotlib", reason="draws the picture")


def test_picture_is_stable_and_names_its_subject():
    workload = fuse(NETWORKS["vit_b16"]())
    mapping = cosma(workload, machine(960 << 10)).mapping
    first, second = (memory_map(workload, mapping, capacity_bytes=960 << 10) for _ in range(2))
    assert first == second
    assert 'aria-label="Memory map of vit_b16"' in first
