"""Three routes to the same words after upsets, with their rates."""

from pathlib import Path

import pytest

from netwright.backends.rtl import ChipDesign, ChipOptions, rtl
from netwright.errors import ConfigError, VerificationError
from netwright.verify import upset_rates as rates
from netwright.verify.chip_upsets import drawn_charges, words_after
from netwright.verify.weight_upsets import weight_bits
from tests.backends.rtl.chip.graphs import dense
from tests.backends.rtl.graphs import needs_verilator, needs_yosys

pytestmark = [
    pytest.mark.tool("g++"), pytest.mark.tool("iverilog"), needs_verilator, needs_yosys,
]  # fmt: skip


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> ChipDesign:
    folder = tmp_path_factory.mktemp("chip") / "out"
    made = rtl(weights="loadable", chip=ChipOptions()).generate(dense(), folder)
    assert isinstance(made, ChipDesign)
    return made


def test_all_routes_say_the_same(design: ChipDesign, tmp_path: Path) -> None:
    bits = weight_bits(design.graph)[::5]
    charges = drawn_charges(design, 5, seed=0)
    found = rates.measure_upset_rates(design, charges, bits, interpreted=3, folder=tmp_path)
    assert (found.upsets, found.wafers) == (len(bits), 4)
    assert found.graph > found.interpreted > 0
    assert found.compiled > found.interpreted


def test_a_route_that_differs_is_refused(
    design: ChipDesign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "words_after", lambda *given: words_after(*given) ^ 1)
    bits = weight_bits(design.graph)[:2]
    with pytest.raises(VerificationError, match="the compiled chip and its integer graph differ"):
        rates.measure_upset_rates(
            design, drawn_charges(design, 3, seed=0), bits, interpreted=1, folder=tmp_path
        )


def test_what_leaves_nothing_to_compare(design: ChipDesign) -> None:
    bits = weight_bits(design.graph)[:2]
    with pytest.raises(ConfigError, match=r"more than 1 wafers, and from 1 to 2 upsets .* 1 and 2"):
        rates.measure_upset_rates(design, drawn_charges(design, 1, seed=0), bits)
    with pytest.raises(ConfigError, match="from 1 to 0 upsets"):
        rates.measure_upset_rates(design, drawn_charges(design, 3, seed=0), [])
