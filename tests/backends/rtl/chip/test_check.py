from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends.rtl import ChipDesign, ChipOptions, rtl
from netwright.backends.rtl.chip import check_chip, total_words
from netwright.backends.rtl.chip.check import random_charges
from netwright.errors import ConfigError, GraphError
from tests.backends.rtl.chip.graphs import dense
from tests.backends.rtl.graphs import needs_verilator

pytestmark = [pytest.mark.tool("g++"), needs_verilator]


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> ChipDesign:
    made = rtl(weights="loadable", chip=ChipOptions(latent_bits=(4, 9))).generate(
        dense(), tmp_path_factory.mktemp("chip") / "out"
    )
    assert isinstance(made, ChipDesign)
    return made


def test_every_set_goes_through_every_mode(design: ChipDesign) -> None:
    steps: list[str] = []
    sets = [dense(1), dense(2)]
    rows = check_chip(
        design, random_charges(50, 4, 22), sets, progress=lambda done, of, text: steps.append(text)
    )
    assert [(row.weights, row.bits, row.links) for row in rows] == [
        (1, 0, 0), (1, 4, 1), (1, 9, 2), (2, 0, 0), (2, 4, 1), (2, 9, 2),
    ]  # fmt: skip
    assert total_words(rows).holds
    assert all(row.words.crossings >= 50 for row in rows)
    assert steps[0] == "loading weight set 1"
    assert steps[-1] == ""


def test_a_chip_that_computes_something_else_is_found(design: ChipDesign, tmp_path: Path) -> None:
    broken = rtl(weights="loadable", chip=ChipOptions(latent_bits=(4, 9))).generate(
        dense(), tmp_path / "out"
    )
    assert isinstance(broken, ChipDesign)
    path = broken.root / "library" / "dot_product.v"
    path.write_text(path.read_text().replace("i < N", "i < N - 1"))
    rows = check_chip(broken, random_charges(50, 4, 22), [dense(1)])
    assert not total_words(rows).holds
    assert "expected 0x" in total_words(rows).first


def test_what_cannot_be_checked(design: ChipDesign) -> None:
    with pytest.raises(ConfigError, match="at least one weight set"):
        check_chip(design, random_charges(5, 4, 22), [])
    other = replace(dense(1), nodes=dense(1).nodes[:-1], outputs=("matmul_1_out",))
    with pytest.raises(GraphError, match="cannot be loaded"):
        check_chip(design, random_charges(5, 4, 22), [other])
