import json
import sys
from pathlib import Path
from typing import Literal

import pytest

from netwright.backends import HlsBackend, Target, hls
from netwright.backends.base import file_digests
from netwright.errors import ConfigError, MissingExtra, RunError, UnsupportedOp
from tests.backends.hls.graphs import Build, jet_tagger, needs_hls4ml, wide


def test_defaults() -> None:
    assert hls() == HlsBackend()
    assert hls(part="xc7a100t", clock_mhz=250.0).target == Target("xc7a100t", 250.0)


def test_reuse_factor_of_an_unknown_node(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        hls(reuse_factor={"fc9": 2}).generate(jet_tagger(4), tmp_path / "out")
    assert str(caught.value) == (
        'reuse_factor names the node "fc9", which graph "jets" lacks\n'
        "hint: nodes: quantize_0, matmul_1, requantize_2, matmul_3, requantize_4, matmul_5, "
        "requantize_6, matmul_7"
    )


@pytest.mark.parametrize(
    ("name", "top"), [("my net", "my_net"), ("main", "n_main"), ("defines", "n_defines")]
)
def test_a_name_that_is_no_identifier(tmp_path: Path, name: str, top: str) -> None:
    design = hls().generate(jet_tagger(4, name=name), tmp_path / "out")
    assert f"firmware/{top}.cpp" in design.files


def test_nothing_is_written_for_a_graph_that_is_refused(tmp_path: Path) -> None:
    build = Build()
    output = build.requantize(build.dense(build.quantize((3,)), 2), rounding="away-from-zero")
    with pytest.raises(UnsupportedOp):
        hls().generate(build.graph(output), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_missing_hls4ml_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("hls4ml", "hls4ml.model", "hls4ml.model.graph"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra) as caught:
        hls().generate(jet_tagger(4), tmp_path / "out")
    assert str(caught.value) == (
        'the HLS backend needs the package "hls4ml", which is not installed\n'
        "hint: pip install 'netwright[hls]'"
    )
    assert list(tmp_path.iterdir()) == []


@needs_hls4ml
def test_two_writings_are_equal_byte_for_byte(tmp_path: Path) -> None:
    backend = hls(clock_mhz=250.0)
    first = backend.generate(jet_tagger(4), tmp_path / "first")
    second = backend.generate(jet_tagger(4), tmp_path / "elsewhere" / "second")
    assert first.files == second.files
    assert file_digests(first.root) == first.files
    record = json.loads((first.root / "netwright.json").read_text())
    assert record["kind"] == "hls"
    assert record["graph"] == {"name": "jets", "digest": jet_tagger(4).digest}
    assert record["options"] == {
        "part": "xcku115-flvb2104-2-i",
        "clock_mhz": 250.0,
        "io_type": "io_parallel",
        "strategy": "latency",
        "reuse_factor": 1,
        "backend": "Vitis",
    }


@needs_hls4ml
def test_options_reach_the_project(tmp_path: Path) -> None:
    backend = hls(part="xc7a100tcsg324-1", clock_mhz=160.0, strategy="resource", reuse_factor=5)
    design = backend.generate(jet_tagger(4), tmp_path / "out")
    settings = (design.root / "project.tcl").read_text()
    assert 'set part "xc7a100tcsg324-1"' in settings
    assert "set clock_period 6.25" in settings
    assert 'set backend "vitis"' in settings
    parameters = (design.root / "firmware" / "parameters.h").read_text()
    assert "static const unsigned reuse_factor = 4;" in parameters
    assert design.reuse_factors == {
        "matmul_1": 4,
        "matmul_3": 4,
        "matmul_5": 4,
        "matmul_7": 4,
    }


@needs_hls4ml
def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="was not made by netwright; it is left alone"):
        hls().generate(jet_tagger(4), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("strategy", ["latency", "resource"])
def test_a_factor_that_is_given_for_a_node_is_used_or_refused(
    tmp_path: Path, strategy: Literal["latency", "resource"]
) -> None:
    backend = hls(strategy=strategy, reuse_factor={"matmul_3": 3})
    with pytest.raises(ConfigError) as caught:
        backend.generate(wide(), tmp_path / "out")
    assert caught.value.message == (
        'reuse_factor of node "matmul_3" must be one of 1, 2, 4, 8, 16, 32, 64, 128, 256, not 3'
    )
    idle = next(node.name for node in wide().nodes if node.op not in ("MatMul", "Conv"))
    with pytest.raises(ConfigError, match=f'"{idle}", which has no multipliers to use again'):
        hls(strategy=strategy, reuse_factor={idle: 2}).generate(wide(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
