import os
import re
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import rtl
from netwright.backends.rtl.cells.circuit import Port
from netwright.backends.rtl.simulate.verilator import pack, unpack
from netwright.errors import BackendError, ToolFailed
from tests.backends.rtl.graphs import (
    assert_same,
    every_other_operator,
    every_requantizer,
    needs_verilator,
    two_layers,
)

simulated = [pytest.mark.tool("g++"), needs_verilator]


@pytest.mark.parametrize("bits", [1, 5, 13, 40, 64])
@pytest.mark.parametrize("signed", [False, True])
def test_packing_keeps_every_code(bits: int, signed: bool) -> None:
    if bits == 64 and not signed:
        bits = 63
    port = Port("x", "x", 7, bits, signed)
    low = -(1 << (bits - 1)) if signed else 0
    codes = np.random.default_rng(bits).integers(low, low + (1 << bits) - 1, (11, 7), endpoint=True)
    assert np.array_equal(unpack(pack(codes, port), port), codes)


class TestSimulated:
    pytestmark = simulated

    def test_every_requantizer_in_every_mode(self, tmp_path: Path) -> None:
        assert_same(every_requantizer(), tmp_path)

    def test_every_other_operator(self, tmp_path: Path) -> None:
        assert_same(every_other_operator(), tmp_path)

    @pytest.mark.parametrize("adders_per_stage", [1, None])
    def test_latency_is_as_predicted(self, tmp_path: Path, adders_per_stage: int | None) -> None:
        backend = rtl(adders_per_stage=adders_per_stage)
        design = assert_same(two_layers(), tmp_path, backend=backend)
        assert (design.latency_cycles == 0) == (adders_per_stage is None)

    def test_a_relative_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert_same(two_layers(), Path("here"), rows=10)

    def test_a_torn_library_is_made_again(self, tmp_path: Path) -> None:
        design = rtl().generate(two_layers(), tmp_path / "design")
        library = design.library()
        os.truncate(library, library.stat().st_size // 2)
        assert_same(two_layers(), tmp_path, rows=10)
        design.run(np.zeros((2, 6)))

    def test_bits_beyond_a_wire_are_an_error(self, tmp_path: Path) -> None:
        """The simulator would keep them; hardware has none."""
        design = rtl(reuse_factor=3).generate(two_layers(), tmp_path / "design")
        path = next(path for path in design.sources() if path.name.endswith("_matmul_3.v"))
        text = path.read_text()
        top = int(re.findall(r"wire \[(\d+):0\] result_data;", text)[0])
        narrow = text.replace(f"[{top}:0] result_data;", f"[{top - 1}:0] result_data;")
        path.write_text(narrow)
        with pytest.raises(ToolFailed, match="SELRANGE"):
            design.build()

    def test_a_wrong_prediction_is_an_error(self, tmp_path: Path) -> None:
        design = rtl(adders_per_stage=2).generate(two_layers(), tmp_path / "design")
        top = design.root / "tiny.v"
        stages = design.latency_cycles
        top.write_text(top.read_text().replace(f"STAGES({stages})", f"STAGES({stages + 1})"))
        with pytest.raises(BackendError) as caught:
            design.run(np.zeros((4, 6)))
        assert str(caught.value) == (
            f"the first row of tiny came out after {stages + 1} clocks, not the predicted {stages}"
        )
