"""The proof that triplication changes nothing, and designs that it does not hold for."""

from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends.rtl.radiation import CONTROL, Protection
from netwright.backends.rtl.radiation.equivalence import prove_same
from tests.backends.rtl.graphs import needs_yosys
from tests.backends.rtl.radiation.designs import BANK, hardened

pytestmark = needs_yosys


@pytest.mark.parametrize(
    "protection", [CONTROL, Protection(bits=frozenset({"weights[1][1]", "y_data[0]"}))]
)
def test_every_register_is_proven_equal(tmp_path: Path, protection: Protection) -> None:
    design = hardened(tmp_path, protection)
    found = prove_same(design, [BANK], folder=tmp_path)
    assert found.holds
    assert found.proven == 22


def test_another_design_is_not_proven(tmp_path: Path) -> None:
    design = hardened(tmp_path)
    changed = tmp_path / "changed.v"
    text = design.verilog.read_text()
    changed.write_text(text.replace("place + 2'h1", "place - 2'h1"))
    assert changed.read_text() != text
    found = prove_same(replace(design, verilog=changed), [BANK], folder=tmp_path)
    assert not found.holds
    assert found.open >= 1
