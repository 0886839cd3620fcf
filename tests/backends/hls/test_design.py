from pathlib import Path

import numpy as np
import pytest

from netwright.backends import HlsDesign, hls
from netwright.backends.tools import GXX, run_tool
from netwright.errors import CorruptOutput, DataError, ToolMissing
from netwright.formats import Int
from netwright.ir import Executable, interpret
from tests.backends.hls.graphs import Build, assert_same, jet_tagger, needs_hls4ml, stimuli

pytestmark = [pytest.mark.tool("g++"), needs_hls4ml]


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> HlsDesign:
    return hls().generate(jet_tagger(6), tmp_path_factory.mktemp("hls") / "jets").build()


def test_jet_tagger_equals_the_interpreter(tagger: HlsDesign) -> None:
    executable: Executable = tagger
    inputs = stimuli(tagger.graph, 2000)
    expected = interpret(tagger.graph, inputs)
    found = executable.run(inputs)
    assert list(found) == ["matmul_7_out"]
    assert np.array_equal(found["matmul_7_out"], expected["matmul_7_out"])
    assert found["matmul_7_out"].dtype == np.int64


def test_one_input_needs_no_name(tagger: HlsDesign) -> None:
    rows = stimuli(tagger.graph, 5)["x0"]
    assert tagger.run(rows)["matmul_7_out"].shape == (5, 5)


def test_no_rows(tagger: HlsDesign) -> None:
    assert tagger.run(np.empty((0, 16)))["matmul_7_out"].shape == (0, 5)


def test_tensors_outside_the_firmware_need_no_second_build(tagger: HlsDesign) -> None:
    inputs = stimuli(tagger.graph, 10)
    keep = ["quantize_0_out", "c0", "matmul_7_out"]
    found = tagger.run(inputs, keep=keep)
    expected = interpret(tagger.graph, inputs, keep=keep)
    assert list(found) == list(expected) == ["matmul_7_out", "quantize_0_out", "c0"]
    for name, codes in expected.items():
        assert np.array_equal(found[name], codes)


def test_unknown_tensor(tagger: HlsDesign) -> None:
    with pytest.raises(DataError) as caught:
        tagger.run(np.zeros((1, 16)), keep=["nothing"])
    assert str(caught.value) == 'graph "jets" has no tensor "nothing"'


def test_faulty_inputs_are_refused_like_by_the_interpreter(tagger: HlsDesign) -> None:
    with pytest.raises(DataError, match=r"must have shape \(batch, 16\), not \(1, 15\)"):
        tagger.run(np.zeros((1, 15)))
    with pytest.raises(DataError, match=r"holds NaN or infinity \(first in row 1\)"):
        tagger.run(np.array([[0.0] * 16, [np.nan] * 16]))


def test_building_again_is_free(tagger: HlsDesign) -> None:
    library = next((tagger.root / "build").glob("emulation-*.so"))
    before = library.stat().st_mtime_ns
    assert tagger.build() is tagger
    again = hls().generate(tagger.graph, tagger.root)
    again.build()
    assert library.stat().st_mtime_ns == before


def test_a_missing_file_is_reported(tagger: HlsDesign, tmp_path: Path) -> None:
    path = tagger.root / "firmware" / "weights" / "w2.h"
    text = path.read_text()
    path.unlink()
    try:
        with pytest.raises(CorruptOutput) as caught:
            tagger.run(np.zeros((1, 16)))
    finally:
        path.write_text(text)
    assert str(caught.value) == (
        f"{path}: missing or changed since it was written\nhint: generate the design again"
    )


def test_a_changed_script_is_refused_since_nothing_here_executes_it(tagger: HlsDesign) -> None:
    path = tagger.root / "project.tcl"
    text = path.read_text()
    path.write_text(text.replace("set clock_period 5.0", "set clock_period 50.0"))
    try:
        with pytest.raises(CorruptOutput, match="scripts cannot be executed here"):
            tagger.build()
    finally:
        path.write_text(text)


def test_a_missing_compiler_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    design = hls().generate(jet_tagger(3), tmp_path / "design")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissing) as caught:
        design.build()
    assert str(caught.value).splitlines()[0] == 'external tool "g++" was not found'


def test_wide_accumulators_are_hidden_and_planted_faults_seen(tmp_path: Path) -> None:
    build = Build("small")
    total = build.declare(build.dense(build.quantize((3,)), 2), Int(60))
    graph = build.graph(build.requantize(total, bits=12, signed=True, shift=0))
    design = hls().generate(graph, tmp_path / "design")
    inputs = stimuli(graph, 50)
    expected = interpret(graph, inputs)["requantize_2_out"]
    found = design.run(inputs, keep=[total])
    assert list(found) == ["requantize_2_out"]
    assert np.array_equal(found["requantize_2_out"], expected)
    library = design.build()._library(1.0)
    weights = design.root / "firmware" / "weights" / "w2.h"  # what synthesis compiles
    head, values = weights.read_text().split("{", 1)
    first, rest = values.split(",", 1)
    weights.write_text(f"{head}{{{float(first) + 2.0**-5},{rest}")
    assert not np.array_equal(design.run(inputs)["requantize_2_out"], expected)
    assert not library.exists()
    assert not list(design.root.rglob("*.txt")), "a second copy of the weights"


@pytest.mark.slow
def test_a_layer_whose_products_exceed_the_usual_stack(tmp_path: Path) -> None:
    build = Build("large")
    graph = build.graph(build.dense(build.quantize((2048,), bits=6), 1024))
    assert_same(graph, hls(), tmp_path, rows=5, intermediate=False)


def test_a_library_from_elsewhere_is_not_loaded(tagger: HlsDesign, tmp_path: Path) -> None:
    library = next((tagger.root / "build").glob("emulation-*.so"))
    canary = tmp_path / "INJECTED"
    source = tmp_path / "evil.cpp"
    source.write_text(
        "#include <cstdio>\n__attribute__((constructor)) static void run() "
        f'{{ std::fclose(std::fopen("{canary}", "w")); }}\n'
    )
    made = tmp_path / "evil.so"
    arguments = ["-shared", "-fPIC", source, "-o", made]
    run_tool(GXX, arguments, cwd=tmp_path, timeout_s=60, log=tmp_path / "log")
    made.replace(library)
    inputs = np.zeros((1, 16))
    result = tagger.run(inputs)
    expected = interpret(tagger.graph, inputs)
    assert not canary.exists()
    assert all(np.array_equal(result[name], expected[name]) for name in expected)


def test_a_torn_library_is_made_again(tagger: HlsDesign, tmp_path: Path) -> None:
    library = next((tagger.root / "build").glob("emulation-*.so"))
    torn = tmp_path / "torn.so"
    torn.write_bytes(library.read_bytes()[:4096])
    torn.replace(library)
    tagger.run(np.zeros((1, 16)))
    assert library.stat().st_size > 4096
