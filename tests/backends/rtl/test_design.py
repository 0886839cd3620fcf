from pathlib import Path

import numpy as np
import pytest

from netwright.backends import rtl
from netwright.errors import CorruptOutput, DataError
from netwright.verify import bit_exact, corners, random, ties
from tests.backends.hls.graphs import jet_tagger
from tests.backends.rtl.graphs import needs_verilator, two_layers


def test_an_unknown_tensor(tmp_path: Path) -> None:
    design = rtl().generate(two_layers(), tmp_path / "out")
    with pytest.raises(DataError) as caught:
        design.run(np.zeros((2, 6)), keep=["nope"])
    assert str(caught.value) == 'graph "tiny" has no tensor "nope"'


def test_a_missing_file(tmp_path: Path) -> None:
    design = rtl().generate(two_layers(), tmp_path / "out")
    (design.root / "tiny.v").unlink()
    with pytest.raises(CorruptOutput):
        design.build()


@pytest.mark.tool("g++")
@needs_verilator
def test_corners_ties_and_random_rows(tmp_path: Path) -> None:
    graph = two_layers(rounding="half-away")
    design = rtl().generate(graph, tmp_path / "out").build()
    for stimulus in (corners(graph), ties(graph), random(graph, rows=500)):
        bit_exact(graph, design, stimulus).require()
    assert design.run(np.zeros((0, 6)))["matmul_3_out"].shape == (0, 3)
    kept = design.run(np.zeros((3, 6)), keep=["quantize_0_out", "c0", "matmul_1_out"])
    assert list(kept) == ["matmul_3_out", "quantize_0_out", "c0"]


@pytest.mark.slow
@pytest.mark.tool("g++")
@needs_verilator
@pytest.mark.parametrize("bits", [3, 4, 5, 6, 7, 8])
def test_jet_tagger_on_jets(tmp_path: Path, bits: int) -> None:
    from netwright.tasks import jets

    graph = jet_tagger(bits)
    design = rtl().generate(graph, tmp_path / "out")
    bit_exact(graph, design, jets(seed=7).test.inputs[:10_000]).require()
    for stimulus in (corners(graph), ties(graph), random(graph, rows=2000)):
        bit_exact(graph, design, stimulus).require()
