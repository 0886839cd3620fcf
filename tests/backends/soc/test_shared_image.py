import re

import pytest

from netwright.backends import SharedOptions
from netwright.backends.rtl.options import RtlOptions
from netwright.backends.rtl.shared.descriptors import image
from netwright.backends.rtl.shared.shared_design import SharedDesign
from netwright.backends.soc import SocDesign, soc
from netwright.backends.soc.shared_image import image_bytes, pieces
from netwright.verify import bit_exact, random
from tests.backends.rtl.shared.graphs import every_kind
from tests.backends.soc.chips import needs_chip


@pytest.fixture(scope="module")
def chip(tmp_path_factory: pytest.TempPathFactory) -> SocDesign:
    shared = SharedOptions(lanes=4, units=1, elements=2)
    backend = soc(network=RtlOptions(shared=shared))
    return backend.generate(every_kind(), tmp_path_factory.mktemp("shared") / "chip")


def test_the_header_holds_every_word_of_the_image(chip: SocDesign) -> None:
    network = chip.structure.network
    assert isinstance(network, SharedDesign)
    text = (chip.root / "firmware" / "image.h").read_text()
    table = text.partition("accelerator_words[")[2].partition("};")[0]
    words = [int(word, 16) for word in re.findall(r"0x([0-9a-f]{8})", table)]
    runs = [
        (int(start, 16), int(count)) for start, count in re.findall(r"\{0x(\w+), (\d+)\}", text)
    ]
    addresses = [start + 4 * i for start, count in runs for i in range(count)]
    assert list(zip(addresses, words, strict=True)) == list(image(network.plan))
    assert image_bytes(network.plan) == 4 * len(words) + 8 * len(runs)


def test_pieces_begin_where_addresses_jump() -> None:
    assert list(pieces(())) == []
    assert list(pieces(((8, 1), (12, 1), (32, 1), (36, 1), (40, 1)))) == [(8, 2), (32, 3)]


@needs_chip
def test_weights_are_loaded_once_and_runs_take_the_clocks_of_the_formula(chip: SocDesign) -> None:
    stimulus = random(chip.graph, rows=40)
    trial = chip.trial(alone=True)
    assert bit_exact(chip.graph, trial, stimulus).identical == 40
    network = chip.structure.network
    assert isinstance(network, SharedDesign)
    # From the clock of the write that starts it to the one in which the line rises.
    assert {answer.parts["network"] for answer in trial.answers} == {network.cycles + 1}
