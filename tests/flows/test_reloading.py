from pathlib import Path

import pytest

from netwright.backends import ChipDesign, chip, rtl
from netwright.errors import BackendError
from netwright.flows.reloading import CHIP_WAFERS, RELOADS, compare_chip, compare_reloads
from tests.backends.rtl.chip.graphs import dense
from tests.backends.rtl.graphs import needs_verilator


@pytest.mark.tool("g++")
@needs_verilator
def test_a_wrong_sum_of_extreme_weights_is_found(tmp_path: Path) -> None:
    """With the weights of the design the lowest bits of the sums would do."""
    design = chip().generate(dense(), tmp_path / "out")
    assert isinstance(design, ChipDesign)
    rows = compare_reloads(design)
    assert len(rows) == RELOADS
    assert all(row.identical for row in rows)
    words = compare_chip(design)
    assert all(row.identical for row in words)
    assert all(row.num_rows >= CHIP_WAFERS for row in words)
    path = design.root / "library" / "dot_product.v"
    path.write_text(path.read_text().replace("y = sum[Y_BITS-1:0]", "y = sum[Y_BITS-2:0]"))
    assert not all(row.identical for row in compare_reloads(design))


def test_fixed_weights_have_no_others(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="are fixed"):
        compare_reloads(rtl().generate(dense(), tmp_path / "out"))
