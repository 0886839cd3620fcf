"""Two simulators agree on what comes out after every upset."""

from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl.radiation import CONTROL, NOTHING, Protection
from netwright.backends.rtl.radiation.compiled import CompiledUpsets
from netwright.backends.rtl.radiation.flips import doubles, sites
from netwright.backends.rtl.radiation.interpreted import interpreted_upsets
from tests.backends.rtl.graphs import needs_icarus, needs_verilator, needs_yosys
from tests.backends.rtl.radiation.designs import hardened, loading, rows

pytestmark = [pytest.mark.tool("g++"), needs_icarus, needs_verilator, needs_yosys]


@pytest.mark.parametrize("protection", [NOTHING, CONTROL])
def test_icarus_and_verilator_agree(tmp_path: Path, protection: Protection) -> None:
    design = hardened(tmp_path, protection)
    upsets = sites(design)
    upsets = np.concatenate([upsets, np.full_like(upsets, -1)], axis=1)
    if protection is CONTROL:
        upsets = np.concatenate([upsets, doubles(design, 40, seed=2, same_triplet=True)])
    with CompiledUpsets(design, loading(), folder=tmp_path / "compiled") as compiled:
        state = compiled.state()
        expected = compiled.run(rows(), upsets, keep_outputs=True).outputs
    found, seconds = interpreted_upsets(
        design, state, rows(), upsets, folder=tmp_path / "interpreted"
    )
    assert expected is not None
    assert seconds > 0
    assert np.array_equal(found, expected)
    assert len(np.unique(found[:, 2], axis=0)) > 1
