from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import rtl
from netwright.backends.rtl.streams.stalls import Stalls, simulate
from netwright.backends.rtl.streams.stream_design import StreamDesign
from netwright.backends.rtl.streams.weights import load_words
from netwright.errors import BackendError, ConfigError
from netwright.ir import Graph, interpret
from tests.backends.hls.graphs import Build, stimuli
from tests.backends.rtl.graphs import needs_verilator, two_layers

simulated = [pytest.mark.tool("g++"), needs_verilator]


@pytest.mark.parametrize("chance", [-0.1, 0.95, 1.0])
def test_chances_that_are_none(chance: float) -> None:
    with pytest.raises(ConfigError) as caught:
        Stalls(stalls=chance)
    assert str(caught.value) == f"stalls must be a chance from 0 to 0.9, not {chance}"


class TestSimulated:
    pytestmark = simulated

    def test_a_wrong_prediction_is_an_error(self, tmp_path: Path) -> None:
        backend = rtl(reuse_factor=1, adders_per_stage=4)
        design = backend.generate(two_layers(), tmp_path / "out")
        path = design.root / "tiny_matmul_1.v"
        text = path.read_text()
        depth = next(line for line in text.splitlines() if ".DEPTH(" in line)
        path.write_text(text.replace(depth, ".DEPTH(1)"))
        with pytest.raises(BackendError) as caught:
            design.run(np.zeros((4, 6)))
        assert caught.value.message == (
            "the first rows of tiny were complete in clocks 4, 9, 14, 19, not in the predicted "
            "4, 5, 6, 7"
        )

    def test_a_design_that_is_stuck_is_an_error(self, tmp_path: Path) -> None:
        design = rtl(reuse_factor=1).generate(two_layers(), tmp_path / "out")
        path = design.root / "library" / "stream_join.v"
        path.write_text(path.read_text().replace("room & (&x_valid)", "room & (&x_valid) & 1'b0"))
        with pytest.raises(BackendError) as caught:
            design.run(np.zeros((4, 6)))
        assert caught.value.message == "tiny was stuck: no beat moved for too long"

    def test_a_beat_that_is_taken_back_is_an_error(self, tmp_path: Path) -> None:
        design = rtl(reuse_factor=1).generate(two_layers(), tmp_path / "out")
        assert isinstance(design, StreamDesign)
        path = design.root / "tiny.v"
        text = path.read_text()
        path.write_text(text.replace("y_valid = matmul_1__out_valid", "y_valid = ~y_ready"))
        with pytest.raises(BackendError) as caught:
            design.with_stalls(seed=1, gaps=0.0, stalls=0.5).run(np.zeros((40, 6)))
        assert caught.value.message == "tiny took back a beat that it had offered"

    def test_weights_are_loaded_over_others_in_one_simulation(self, tmp_path: Path) -> None:
        def graph(seed: int) -> Graph:
            build = Build("net", seed)
            hidden = build.requantize(build.conv(build.quantize((2, 6)), 4, (3,), pads=1), shift=8)
            return build.graph(build.dense(build.flatten(hidden), 3))

        one, two = graph(1), graph(2)
        backend = rtl(reuse_factor={"conv_1": 4, "matmul_4": 24}, weights="loadable")
        design = backend.generate(one, tmp_path / "out")
        assert isinstance(design, StreamDesign)
        inputs = stimuli(one, 100)
        loads = np.concatenate([load_words(design.network, g) for g in (one, two)])
        codes = interpret(one, inputs, keep=["quantize_0_out"])["quantize_0_out"]
        found = simulate(
            design.library(), design.network, {"quantize_0_out": codes.reshape(100, -1)},
            loads=loads, stalls=Stalls(3, 0.2, 0.2), expected=design.schedule,
        )  # fmt: skip
        assert np.array_equal(found["matmul_4_out"], interpret(two, inputs)["matmul_4_out"])
        for loaded in (design, design.with_weights(two)):
            expected = interpret(loaded.graph, inputs)["matmul_4_out"]
            assert np.array_equal(loaded.run(inputs)["matmul_4_out"], expected)
