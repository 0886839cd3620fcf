from pathlib import Path

import pytest

from netwright.backends.soc import soc
from netwright.errors import GraphError
from tests.backends.hls.graphs import Build
from tests.backends.soc.chips import unrolled


def two_inputs() -> Build:
    build = Build("pair")
    one, other = build.quantize((3,), bits=6), build.quantize((3,), bits=12)
    build.add("Add", (one, other))
    return build


def test_an_event_holds_the_samples_of_every_input_in_whole_words(tmp_path: Path) -> None:
    build = two_inputs()
    chip = unrolled().generate(build.graph(build.nodes[-1].output), tmp_path / "chip").structure
    assert [(s.sample_bits, s.words, s.offset) for s in chip.inputs] == [(8, 1, 0), (16, 2, 4)]
    assert (chip.event_bytes, chip.result_words) == (12, 3)
    assert {region.name: region.size for region in chip.space}["inputs"] == 8


def test_results_of_more_than_a_word_take_two(tmp_path: Path) -> None:
    build = Build("wide")
    source = build.quantize((2,), bits=16)
    wide = build.requantize(source, bits=40, signed=True, shift=0, multiplier=(1 << 20,))
    chip = unrolled().generate(build.graph(wide), tmp_path / "chip").structure
    (output,) = chip.outputs
    assert (output.element_words, output.words) == (2, 4)


def test_samples_of_more_than_a_word_are_refused(tmp_path: Path) -> None:
    build = Build("wide")
    source = build.quantize((2,), bits=40)
    graph = build.graph(build.requantize(source, bits=8, shift=32))
    with pytest.raises(
        GraphError, match='input "quantize_0_out" has 40 bits; a sample has up to 32'
    ):
        soc().generate(graph, tmp_path / "chip")
    assert list(tmp_path.iterdir()) == []
