"""Layers of networks and edges on the array: every result, and every clock."""

from pathlib import Path

import pytest

from netwright.backends import arrays
from netwright.backends.rtl.arrays.layers import LAYERS, MODES
from tests.backends.rtl.graphs import needs_verilator


@pytest.mark.tool("g++")
@needs_verilator
@pytest.mark.parametrize("number", ["int8", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_products_and_clocks_of_layers(number, tmp_path: Path) -> None:
    design = arrays.NMArray(3, 2, number=number).generate(tmp_path / "array")
    found = arrays.compare_layers(design)
    assert len(found) == len(LAYERS) * len(MODES) == 92
    for layer in found:
        assert layer.is_equal, layer
        assert layer.simulated_cycles == layer.predicted_cycles, layer
    assert len({layer.simulated_cycles for layer in found}) > 50
