import json
import sys
from pathlib import Path
from typing import Literal

import pytest

from netwright.backends import HlsBackend, Target, hls
from netwright.backends.base import file_digests
from netwright.errors import ConfigError, MissingExtra, RunError, UnsupportedOp
from netwright.ir import Graph
from tests.backends.hls.graphs import Build, jet_tagger, needs_hls4ml


def test_defaults() -> None:
    assert hls() == HlsBackend()
    assert hls(part="xc7a100t", clock_mhz=250.0).target == Target("xc7a100t", 250.0)


def test_every_faulty_option_is_reported() -> None:
    with pytest.raises(ConfigError) as caught:
        hls(
            part="",
            clock_mhz=0.0,
            io_type="stream",  # type: ignore[arg-type]
            strategy="fast",  # type: ignore[arg-type]
            backend="Quartus",  # type: ignore[arg-type]
            reuse_factor=0,
        )
    assert str(caught.value) == (
        "part must be the name of a device, not empty; "
        "clock_mhz must be from 1 to 100000 megahertz, not 0.0; "
        'io_type must be "io_parallel" or "io_stream", not \'stream\'; '
        'strategy must be "latency" or "resource", not \'fast\'; '
        'backend must be "Vitis" or "Vivado", not \'Quartus\'; '
        "reuse_factor must be an integer of 1 or more, not 0"
    )


def test_reuse_factor_of_a_node_must_be_positive() -> None:
    with pytest.raises(ConfigError) as caught:
        hls(reuse_factor={"fc1": 2, "fc2": -1})
    assert str(caught.value) == (
        'reuse_factor of node "fc2" must be an integer of 1 or more, not -1'
    )


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


@pytest.mark.parametrize("part", ["x[exec touch INJECTED]", 'x"; exec a', "x\n", "-x", "x" * 65])
def test_a_part_that_is_code(part: str) -> None:
    with pytest.raises(ConfigError, match=r"^part must be the name of a device \(up to 64 letters"):
        hls(part=part)


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


def wide() -> Graph:
    build = Build("wide")
    hidden = build.requantize(build.dense(build.quantize((96,), bits=4), 64, bits=3), bits=4)
    return build.graph(build.dense(hidden, 4, bits=3))


@needs_hls4ml
def test_layers_that_unroll_too_much_are_told_with_the_way_out(tmp_path: Path) -> None:
    (note,) = hls().generate(wide(), tmp_path / "latency").notes
    assert note == (
        '"matmul_1" unrolls 6144 products side by side; the vendors\' compilers give up above '
        "4096: use --strategy resource --reuse-factor R with R one of 2, 3, 4, 6, 8, 12, 16, 24, "
        "32, ..., 3072, 6144"
    )
    backend = hls(strategy="resource", reuse_factor={"matmul_1": 2})
    assert backend.generate(wide(), tmp_path / "resource").notes == ()
    (note,) = hls(strategy="resource").generate(wide(), tmp_path / "one").notes
    assert note.startswith('"matmul_1" unrolls 6144 products side by side')


@needs_hls4ml
def test_a_reuse_factor_that_is_not_the_one_asked_for_is_told(tmp_path: Path) -> None:
    design = hls(strategy="resource", reuse_factor=25).generate(wide(), tmp_path / "out")
    assert design.notes == (
        '"matmul_1" has the reuse factor 24, not 25; it can have 1, 2, 3, 4, 6, 8, 12, 16, 24, '
        "..., 3072, 6144",
        '"matmul_3" has the reuse factor 32, not 25; it can have 1, 2, 4, 8, 16, 32, 64, 128, 256',
    )
    assert design.reuse_factors == {"matmul_1": 24, "matmul_3": 32}


@needs_hls4ml
def test_a_layer_is_not_used_more_often_than_it_has_products(tmp_path: Path) -> None:
    design = hls(reuse_factor=999).generate(wide(), tmp_path / "out")
    assert design.reuse_factors == {"matmul_1": 999, "matmul_3": 256}
    assert design.notes[1] == (
        '"matmul_3" has the reuse factor 256, not 999; it can have 1, 2, 4, 8, 16, 32, 64, 128, 256'
    )


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
