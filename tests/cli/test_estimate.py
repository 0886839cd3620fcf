from __future__ import annotations

import json

import numpy as np
import pytest

from netwright import arch
from netwright.cost import events
from tests.exchange.onnx_files import model, node, saved


def test_estimate_prints_a_table(netwright):
    code, out, _ = netwright("estimate", "alexnet", "--arch", "nvdla", "--show", "conv0")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == [
        "Einsum",
        "operations",
        "time",
        "energy",
        "used",
        "bound",
        "by",
        "mapping",
    ]
    assert any(line.startswith("sum") for line in lines)
    assert "8 of 8 distinct ones proven best of their mapspace" in out
    assert "[dram keeps input0]" in out
    assert "assumed figures: dram.bandwidth" in out


def test_estimate_as_json(netwright):
    code, out, _ = netwright(
        "estimate", "alexnet", "--arch", "nvdla", "--goal", "latency", "--json"
    )
    data = json.loads(out)
    assert code == 0
    assert data["optimal"]
    assert data["total"]["fidelity"] == "assumed"
    assert data["total"]["num_operations"] == sum(
        layer["estimate"]["num_operations"] for layer in data["layers"]
    )
    assert {"rank", "tile", "array", "axis"} == set(data["layers"][0]["loops"][0])


def test_estimate_draws_a_picture(netwright, tmp_path):
    pytest.importorskip("matplotlib", reason="draws the picture")
    picture = tmp_path / "a.png"
    code, out, _ = netwright("estimate", "alexnet", "--arch", "tpu", "--picture", picture)
    assert code == 0
    assert out.endswith(f"picture: {picture}\n")
    assert picture.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("resnet17",), 'did you mean "resnet18"?'),
        (("alexnet", "--arch", "tpus"), 'did you mean "tpu"?'),
        (("alexnet", "--show", "conv99"), '--show: "conv99" is no operation of alexnet'),
        (("alexnet", "--picture", "a.pdf"), 'must end in .svg or .png, not ".pdf"'),
        (("alexnet", "--trace", "a.txt"), 'must end in .csv, .jsonl or .svg, not ".txt"'),
        (("alexnet", "--trace", "no/a.csv"), '--trace no/a.csv: there is no folder "no"'),
        (("alexnet", "--write", "no/a.toml"), '--write no/a.toml: there is no folder "no"'),
        (("alexnet", "--tokens", "9"), "--tokens: alexnet is none of the named decoders"),
    ],
)
def test_faulty_options_are_refused(netwright, arguments, message):
    code, _, err = netwright("estimate", *arguments)
    assert code == 2
    assert message in err


def test_missing_operators_withhold_success(netwright, tmp_path):
    nodes = [node("MatMul", "x w", "a"), node("CumSum", "a one")]
    constants = {"w": np.zeros((3, 5), np.float32), "one": np.int64(1)}
    path = saved(model(nodes, constants), tmp_path)
    code, out, err = netwright("estimate", str(path), "--arch", "nvdla", "--json")
    data = json.loads(out)
    assert code == 1
    assert not data["optimal"]
    assert data["coverage"]["macs"] == data["coverage"]["of_macs"] == 15
    assert data["coverage"]["bytes"] < data["coverage"]["of_bytes"]
    assert len(data["coverage"]["missing"]) == 1
    assert err.count("is missing in the totals") == 1


@pytest.mark.parametrize("name", ["vit_b16", "vit_b_16", "ViT-B16"])
def test_attention_is_in_the_totals(netwright, name):
    code, out, _ = netwright("estimate", name, "--arch", "nvdla", "--json")
    assert code == 0
    assert json.loads(out)["coverage"] == {
        "macs": 17_563_828_224, "of_macs": 17_563_828_224, "bytes": 205_884_694,
        "of_bytes": 205_884_694, "missing": [],
    }  # fmt: skip


def test_table_says_what_it_covers(netwright):
    _, out, _ = netwright("estimate", "alexnet", "--arch", "nvdla")
    assert "covers       " in out
    assert "100 % of the MACs, 100 % of the bytes" in out
    assert "every element counts as 8 bits" in out


def test_elements_have_a_named_format(netwright):
    read = {}
    for bits in ("4", "mxfp4", "int4+e2m1"):
        code, out, err = netwright(
            "estimate", "alexnet", "--arch", "nvdla", "--bits", bits, "--time-limit-s", "20",
            "--json",
        )  # fmt: skip
        assert code == 0, err
        read[bits] = json.loads(out)
    covered = {bits: data["coverage"]["bytes"] for bits, data in read.items()}
    assert covered["int4+e2m1"] == covered["4"]
    # A scale of 8 bits for 32 elements of 4: 4.25 bits an element, and a scale for what is left.
    assert 0 <= covered["mxfp4"] - covered["4"] * 17 / 16 < 100
    assert "e2m1fx32-e8m0 an element" in read["mxfp4"]["total"]["assumptions"]
    code, _, err = netwright("estimate", "alexnet", "--arch", "nvdla", "--bits", "mxfp5")
    assert code == 2
    assert err.startswith('error: --bits: "mxfp5" is no number format; did you mean "mxfp8"?')


def test_operation_without_a_loop_nest_says_so(netwright, dense_file):
    options = ("--arch", "gddr6-aim", "--bits", "16", "--show", "a_node")
    code, out, _ = netwright("estimate", dense_file, *options)
    assert code == 0
    assert out.endswith("\na_node\nno loop nest: see its line of the table\n")


def test_estimate_of_another_machine_batch_and_width(netwright):
    code, out, _ = netwright(
        "estimate", "alexnet", "--arch", "nvdla", "--batch", "2", "--bits", "4", "--set",
        "dram.bandwidth=50GB/s", "--set", "buffer.area=2mm2", "--set", "buffer.leakage=10mW",
        "--time-limit-s", "20", "--json",
    )  # fmt: skip
    data = json.loads(out)
    assert code == 0
    assert data["total"]["num_operations"] == 2 * 714188480
    assert data["area_m2"] == pytest.approx(2e-6)
    assert data["leakage_w"] == pytest.approx(0.01)
    assert "4 bits an element" in data["total"]["assumptions"]
    leaked = 0.01 * data["total"]["seconds"]
    assert data["total"]["joules_by"]["buffer"] > leaked


def test_setting_that_is_none_is_refused(netwright):
    code, _, err = netwright("estimate", "alexnet", "--set", "dram.speed=1GB/s")
    assert code == 2
    assert 'error: dram.speed: a memory has no setting "speed"' in err


@pytest.fixture
def dense_file(tmp_path):
    constants = {"w": np.zeros((64, 128), np.float32), "v": np.zeros((128, 3), np.float32)}
    nodes = [node("MatMul", "x w", "a"), node("Relu", "a", "b"), node("MatMul", "b v", "y")]
    return saved(model(nodes, constants, shape=(1, 64)), tmp_path)


def test_trace_is_written_as_it_is_read(netwright, tmp_path, dense_file):
    for name in ("a.csv", "a.jsonl"):
        path = tmp_path / name
        code, out, err = netwright(
            "estimate", dense_file, "--arch", "gddr6-aim", "--bits", "16", "--trace", path
        )
        assert code == 0, err
        assert out.rstrip().endswith(f"trace: {path}")
        trace, names = events.read_trace(path)
        assert events.violations(trace, names, arch.find("gddr6-aim").memories[0].dram) == ()
        issued = [names[command] for command in trace[:, 1]]
        # 64 elements are 4 columns for 8 channels, 128 are 8 for the one that has three vectors
        assert issued.count("mac_all") == 8 * 4 + 8
        assert issued.count("load_buffer") == 8 * 4 + 8


def test_trace_is_drawn(netwright, tmp_path, dense_file):
    pytest.importorskip("matplotlib", reason="draws the picture")
    path = tmp_path / "a.svg"
    code, _, err = netwright("estimate", dense_file, "--arch", "gddr6-aim", "--trace", path)
    assert code == 0, err
    assert "Banks of channel 0 from cycle 0" in path.read_text(encoding="utf-8")


def test_host_does_what_is_no_product(netwright, dense_file):
    _, out, _ = netwright("estimate", dense_file, "--arch", "gddr6-aim", "--json")
    layers = [layer["name"] for layer in json.loads(out)["layers"]]
    assert layers == ["a_node", "b_node", "y_node"]


def test_context_of_a_decoder(netwright):
    times = {}
    for tokens in ("1", "200"):
        code, out, err = netwright(
            "estimate", "gpt2_small", "--arch", "gddr6-aim", "--tokens", tokens, "--json"
        )
        assert code == 0, err
        times[tokens] = json.loads(out)["total"]["seconds"]
    assert 1 < times["200"] / times["1"] < 2
