from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from netwright import ir
from tests.workload.test_from_graph import conv_graph


def test_map_prints_a_table(netwright):
    code, out, _ = netwright("map", "vit_b16", "--scratchpad", "960KiB")
    lines = dict(line.split("  ", 1) for line in out.split("\n\n")[0].splitlines())
    assert code == 0
    assert lines["network"].strip() == "vit_b16, fused"
    assert lines["smallest that runs"].strip() == "911.9 KiB"
    assert lines["non-compulsory"].strip() == "7092 KiB (optimal for this order)"
    assert out.count(" spill ") == out.count(" retrieve ") == 24


def test_map_as_json(netwright):
    code, out, _ = netwright("map", "resnet18", "--granularity", "unfused", "--json")
    data = json.loads(out)
    assert code == 0
    assert data["optimal"]
    assert data["non_compulsory_bytes"] == data["bound_bytes"] == 0
    assert len(data["order"]) == 68
    assert {"tensor", "memory", "first", "last", "offset"} == set(data["residencies"][0])


def test_grouped_residuals_need_less_room(netwright):
    code, out, _ = netwright("map", "resnet18", "--granularity", "grouped", "--json")
    data = json.loads(out)
    assert code == 0
    assert data["granularity"] == "grouped"
    assert len(data["order"]) == 23


def test_operators_are_steps_whatever_they_are_made_of(netwright):
    sizes = {}
    for granularity in ("unfused", "operators"):
        code, out, _ = netwright("map", "vit_b16", "--granularity", granularity, "--json")
        data = json.loads(out)
        assert code == 0
        assert data["granularity"] == granularity
        sizes[granularity] = len(data["order"])
    assert sizes == {"unfused": 360, "operators": 174}


def test_map_draws_the_memory(netwright, tmp_path):
    pytest.importorskip("matplotlib", reason="draws the picture")
    picture = tmp_path / "map.svg"
    code, out, _ = netwright("map", "squeezenet", "--picture", picture)
    assert code == 0
    assert out.endswith(f"picture: {picture}\n")
    assert ElementTree.parse(picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_order_is_searched_and_the_curve_drawn(netwright, tmp_path):
    pytest.importorskip("matplotlib", reason="draws the curve")
    curve = tmp_path / "curve.svg"
    arguments = (
        "amoebanet_d",
        "--scratchpad",
        "2352KiB",
        "--order",
        "search",
        "--time-limit-s",
        "3",
    )
    code, out, err = netwright("map", *arguments, "--curve", curve, "--json")
    data = json.loads(out)
    assert code == 0
    assert data["given_order_bytes"] > data["non_compulsory_bytes"]
    assert data["curve"][-1] == [data["peak_bytes"], 0]
    assert 2352 << 10 <= data["knee_bytes"] <= data["peak_bytes"]
    assert " KiB off-chip, bound " in err
    assert ElementTree.parse(curve).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_onnx_file_without_quantizers_is_mapped(netwright, tmp_path):
    onnx_files = pytest.importorskip("tests.exchange.onnx_files", reason="onnx makes the file")
    nodes = [onnx_files.node("Relu", "x", "a"), onnx_files.node("Add", "x a", "y")]
    path = onnx_files.saved(onnx_files.model(nodes, {}, shape=("n", 640)), tmp_path)
    code, out, _ = netwright("map", path, "--granularity", "unfused", "--json")
    assert code == 0
    assert json.loads(out)["order"] == ["a_node", "y_node"]
    odd = [onnx_files.node("Frob", "x", "y", domain="acme")]
    path = onnx_files.saved(onnx_files.model(odd, {}, shape=(1, 640)), tmp_path)
    code, _, err = netwright("map", path)
    assert code == 1
    assert "unknown here: 1 acme.Frob" in err


def test_graph_file_is_mapped(netwright, tmp_path):
    path = tmp_path / "net.npz"
    ir.save(conv_graph(), path)
    code, out, _ = netwright("map", path, "--json")
    assert code == 0
    assert json.loads(out)["order"] == ["conv", "fc"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("resnet51",), 2, 'error: "resnet51" is not one of the networks; did you mean "resnet50"'),
        (
            ("resnet50", "--scratchpad", "2MiB"),
            1,
            "error: operands of add14 need 2352 KiB, the scratchpad has 2048 KiB\nhint: they are",
        ),
        (("resnet50", "--scratchpad", "0"), 2, '--scratchpad: must be above 0, not "0"'),
        (("resnet50", "--scratchpad=-2MiB"), 2, '--scratchpad: must be above 0, not "-2MiB"'),
        (("resnet50", "--scratchpad", "9" * 400), 2, "must be at most 1125899906842624 bytes"),
        (("resnet50", "--scratchpad", "big"), 2, '--scratchpad: "big" is not a size'),
        (("resnet50", "--arch", "scratchpads"), 2, 'did you mean "scratchpad"?'),
        (("resnet50", "--curve", "a.pdf"), 2, '--curve a.pdf: must end in .svg, not ".pdf"'),
        (("resnet50", "--picture", "a.png"), 2, '--picture a.png: must end in .svg, not ".png"'),
        (("none.onnx",), 1, "none.onnx"),
        (("resnet50", "--mapper", "magic"), 2, "magic"),
    ],
)
def test_bad_input_is_explained(netwright, arguments, code, message):
    arguments = (*arguments, "--granularity", "unfused")
    found, out, err = netwright("map", *arguments)
    assert found == code
    assert out == ""
    assert message in err


def test_opaque_operators_withhold_the_proof(netwright, tmp_path):
    onnx_files = pytest.importorskip("tests.exchange.onnx_files", reason="onnx makes the file")
    nodes = [onnx_files.node("CumSum", "x axis", "a"), onnx_files.node("Add", "x a", "y")]
    made = onnx_files.model(nodes, {"axis": np.int64(1)}, shape=(1, 640))
    code, out, err = netwright("map", onnx_files.saved(made, tmp_path), "--json")
    assert code == 1
    assert not json.loads(out)["optimal"]
    assert "a_node is missing in the totals" in err


def test_what_a_mapper_cannot_take_is_refused(netwright, tmp_path):
    fix = tmp_path / "fix.toml"
    fix.write_text('[[groups]]\nname = "g"\neinsums = ["conv0"]\n')
    code, _, err = netwright("map", "resnet18", "--fix", fix)
    assert code == 2
    assert "the mapper cosma takes an order only, and finds the stays" in err
    fix.write_text('order = ["conv3", "conv0"]\n')
    code, _, err = netwright("map", "resnet18", "--fix", fix)
    assert '"conv3" cannot come there' in err or '"conv3" is no Einsum' in err
    code, _, err = netwright("map", "resnet18", "--write", tmp_path / "m.json")
    assert 'must end in .toml, not ".json"' in err


def test_weights_that_pass_through_the_scratchpad_have_an_older_name(netwright):
    found = [
        json.loads(netwright("map", "squeezenet", "--json", "--scratchpad", "4MiB", *names)[1])
        for names in (["--places-weights"], ["--weights"], [])
    ]
    sizes = [one["compulsory_bytes"] for one in found]
    assert sizes[0] == sizes[1] > sizes[2]


@pytest.mark.parametrize(
    ("mapper", "more", "message"),
    [
        ("fusion", ("--curve", "a.svg"), "--curve: the mapper fusion has no use for it"),
        (
            "fusion",
            ("--picture", "a.svg", "--weights"),
            "--places-weights, --picture: the mapper fus",
        ),
        (
            "split",
            ("--fix", "a.toml", "--whole"),
            "--whole, --fix: the mapper split has no use for",
        ),
        ("cosma", ("--method", "greedy"), "--method greedy: the mapper cosma has no use for it"),
    ],
)
def test_options_of_other_mappers_are_refused(netwright, mapper, more, message):
    code, out, err = netwright("map", "resnet9", "--mapper", mapper, *more)
    assert (code, out) == (2, "")
    assert message in err


def test_what_a_file_says_of_steps_is_compared_with_the_network(netwright, tmp_path):
    fix = tmp_path / "fix.toml"
    fix.write_text('granularity = "unfused"\norder = ["conv0"]\n')
    code, _, err = netwright("map", "squeezenet", "--fix", fix)
    assert code == 2
    assert 'operators are unfused, and those of "squeezenet" are fused' in err
    fix.write_text('[bindings]\nact1 = "mac"\n')
    for command in (("map", "squeezenet", "--mapper", "fusion"), ("estimate", "squeezenet")):
        code, _, err = netwright(*command, "--fix", fix)
        assert code == 1
        assert "act1" in err
        assert "where they are unfused (netwright map --granularity unfused) it is one" in err
    code, _, err = netwright("map", "squeezenet", "--fix", fix)
    assert "the mapper cosma takes an order only" in err
