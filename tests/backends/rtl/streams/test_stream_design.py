import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import rtl
from netwright.backends.rtl.streams.stream_design import StreamDesign
from netwright.errors import BackendError, ConfigError, NumericsError
from netwright.formats import Int
from netwright.ir import Graph, interpret
from netwright.verify import bit_exact, corners, random, ties
from tests.backends.hls.graphs import Build, jet_tagger, stimuli
from tests.backends.rtl.graphs import (
    every_other_operator,
    every_requantizer,
    few_cells,
    images,
    needs_verilator,
    needs_yosys,
    signals,
    two_layers,
)


def generated(graph: Graph, folder: Path, **options: object) -> StreamDesign:
    design = rtl(**options).generate(graph, folder)  # type: ignore[arg-type]
    assert isinstance(design, StreamDesign)
    return design


def assert_same(design: StreamDesign, rows: int = 200) -> None:
    """Identical integers without stalls and with several patterns of them."""
    inputs = stimuli(design.graph, rows)
    expected = interpret(design.graph, inputs)
    patterns = [design, design.with_stalls(seed=1), design.with_stalls(seed=2, stalls=0.8)]
    for pattern in (*patterns, design.with_stalls(seed=3, gaps=0.8, stalls=0.0)):
        found = pattern.run(inputs)
        assert list(found) == list(expected)
        for name, codes in expected.items():
            differing = np.argwhere(found[name] != codes)
            assert len(differing) == 0, f"{name}{differing[0].tolist()} ({len(differing)} differ)"


def test_the_folder_says_what_it_holds(tmp_path: Path) -> None:
    design = generated(two_layers(), tmp_path / "out", reuse_factor={"matmul_1": 6})
    record = json.loads((tmp_path / "out" / "netwright.json").read_text())
    assert record["options"]["reuse_factor"] == {"matmul_1": 6}
    assert record["latency_cycles"] == design.latency_cycles
    assert (design.interval_cycles, design.schedule.interval_cycles) == (6, 6)


def test_fixed_weights_cannot_be_loaded(tmp_path: Path) -> None:
    design = generated(two_layers(), tmp_path / "out", reuse_factor=1)
    with pytest.raises(BackendError) as caught:
        design.with_weights(two_layers())
    assert str(caught.value) == ('the weights of "tiny" are fixed\nhint: use weights="loadable"')


def test_fixed_weights_are_not_loaded_again(tmp_path: Path) -> None:
    design = generated(two_layers(), tmp_path / "out", reuse_factor=1)
    with pytest.raises(BackendError, match='the weights of "tiny" are fixed'):
        design.reloads()
    with pytest.raises(ConfigError, match="count must be 1 or more, not 0"):
        design.reloads(count=0)


def test_weights_are_fixed_or_loadable() -> None:
    with pytest.raises(ConfigError) as caught:
        rtl(weights="soft")  # type: ignore[arg-type]
    assert str(caught.value) == 'weights must be "fixed" or "loadable", not \'soft\''


@pytest.mark.parametrize("reuse_factor", [None, 1, 2])
def test_an_accumulator_beyond_the_supported_width(
    tmp_path: Path, reuse_factor: int | None
) -> None:
    build = Build("wide")
    weights = build.constant(np.full((4, 2), 1 << 43))
    product = build.add("MatMul", (build.quantize((4,), bits=20), weights), dtype=Int(60))
    with pytest.raises(NumericsError) as caught:
        rtl(reuse_factor=reuse_factor).generate(build.graph(product), tmp_path / "out")
    assert caught.value.message == (
        'tensor "matmul_1_out": node "matmul_1" makes values of up to 66 bits; at most 64 are '
        "supported"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.tool("g++")
@needs_verilator
class TestSimulated:
    def test_corners_ties_and_random_rows(self, tmp_path: Path) -> None:
        graph = two_layers(rounding="half-away")
        factors = {"matmul_1": 6, "matmul_3": 15}
        design = generated(graph, tmp_path / "out", reuse_factor=factors)
        for stimulus in (corners(graph), ties(graph), random(graph, rows=300)):
            bit_exact(graph, design, stimulus).require()
        assert_same(design)
        assert design.run(np.zeros((0, 6)))["matmul_3_out"].shape == (0, 3)

    @pytest.mark.parametrize("loadable", [False, pytest.param(True, marks=pytest.mark.slow)])
    def test_signals(self, tmp_path: Path, loadable: bool) -> None:
        options = {"weights": "loadable"} if loadable else {}
        factors = {"conv_1": 9, "conv_4": 3}
        assert_same(generated(signals(), tmp_path / "out", reuse_factor=factors, **options))

    def test_other_weights_notice_what_the_present_ones_do_not(self, tmp_path: Path) -> None:
        """A sum loses its sign, which is never negative with the weights of the design."""
        build = Build("positive")
        weights = build.constant(np.array([[1, 2], [3, 1]]), Int(3))
        total = build.add("MatMul", (build.quantize((2,), bits=3, signed=False), weights))
        graph = build.graph(build.requantize(total, bits=3, signed=True, shift=1))
        design = generated(graph, tmp_path / "out", reuse_factor=2, weights="loadable")
        for loaded in (design, *design.reloads(count=6)):
            bit_exact(loaded.graph, loaded, corners(loaded.graph)).require()
        path = next(path for path in design.sources() if path.name.endswith("__beat.v"))
        text = path.read_text()
        narrow, count = re.subn(r"\.X_SIGNED\(1\), \.CHECK_LOW", ".X_SIGNED(0), .CHECK_LOW", text)
        assert count
        path.write_text(narrow)
        bit_exact(graph, design, corners(graph)).require()
        reloads = design.reloads(count=4)
        held = [bit_exact(one.graph, one, corners(one.graph)).holds for one in reloads]
        assert len(held) == 4
        assert not all(held)

    def test_images(self, tmp_path: Path) -> None:
        factors = {"conv_1": 12, "conv_3": 2}
        design = generated(images(), tmp_path / "out", reuse_factor=factors)
        assert_same(design)
        assert all(proof.holds for proof in design.prove())

    def test_every_other_operator(self, tmp_path: Path) -> None:
        assert_same(generated(every_other_operator(), tmp_path / "out", reuse_factor=1))

    @pytest.mark.slow
    @pytest.mark.parametrize("reuse_factor", [1, 3, 9])
    def test_every_requantizer_in_every_mode(self, tmp_path: Path, reuse_factor: int) -> None:
        assert_same(generated(every_requantizer(), tmp_path / "out", reuse_factor=reuse_factor))

    @pytest.mark.slow
    @pytest.mark.parametrize("reuse_factor", [2, 16])
    def test_jet_tagger(self, tmp_path: Path, reuse_factor: int) -> None:
        design = generated(jet_tagger(6), tmp_path / "out", reuse_factor=reuse_factor)
        assert design.interval_cycles == reuse_factor
        assert_same(design, rows=10_000)

    @pytest.mark.slow
    @pytest.mark.parametrize("weights", ["fixed", "loadable"])
    def test_trained_encoder_with_a_scale_for_each_channel(
        self, tmp_path: Path, weights: str
    ) -> None:
        pytest.importorskip("torch", reason="the encoder is traced from torch")
        from tests.verify.graphs import convolutional

        graph = convolutional()
        factors = {"conv1": 9, "fc1": 64}
        design = generated(graph, tmp_path / "out", reuse_factor=factors, weights=weights)
        for stimulus in (corners(graph), random(graph, rows=10_000)):
            bit_exact(graph, design, stimulus).require()
            bit_exact(graph, design.with_stalls(seed=1), stimulus).require()


def test_streams_are_not_simulated_in_other_ways(tmp_path: Path) -> None:
    design = generated(two_layers(), tmp_path / "out", reuse_factor=1)
    with pytest.raises(ConfigError, match='simulator must be "verilator" for a design of streams'):
        replace(design, simulator="icarus").build()


@needs_yosys
def test_the_mapped_netlist_of_streams_gives_identical_integers(tmp_path: Path) -> None:
    graph = few_cells()
    design = generated(graph, tmp_path / "out", reuse_factor=2, part="ecp5-85k")
    bit_exact(graph, design.netlist(), random(graph, rows=500)).require()
    stalled = design.with_stalls(seed=1).netlist()
    bit_exact(graph, stalled, random(graph, rows=500)).require()
    text = stalled.verilog.read_text()
    stalled.verilog.write_text(re.sub(r"\.INIT\(16'h(?!0000)....\)", ".INIT(16'h0000)", text))
    with pytest.raises(BackendError):
        stalled.run(np.zeros((2, 3)))


def test_every_layer_that_is_listed_has_a_file(tmp_path: Path) -> None:
    build = Build("net")
    first = build.conv(build.quantize((2, 3, 3), bits=3), 2, (2, 2), bits=3)
    graph = build.graph(build.dense(build.flatten(build.requantize(first, shift=3)), 2, bits=3))
    design = generated(graph, tmp_path / "out", reuse_factor=2)
    assert design.circuit.layers
    assert all((design.root / f"{layer.name}.v").exists() for layer in design.circuit.layers)
