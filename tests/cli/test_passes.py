from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.exchange.onnx_files import model, node, saved

TEXT = """rank m = 100, p = 4
input X[m, p]
S[p] = add(m: X[m, p])
Y[m, p] = X[m, p] / S[p]
"""


def test_file_is_explained(netwright, tmp_path):
    (tmp_path / "scaled.einsum").write_text(TEXT)
    code, out, _ = netwright("passes", tmp_path / "scaled.einsum", "--rank", "m")
    assert code == 0
    assert out.splitlines()[:4] == [
        "Einsum  runs       reads along the rank",
        "S       in pass 1  X",
        "Y       in pass 2  X",
        "",
    ]
    assert "live        12 elements at most" in out
    assert 'traversal 2: "Y" reads "X" along m together with "S"; that is complete only' in out


def test_all_ranks_are_listed_and_sizes_replaced(netwright):
    code, out, _ = netwright("passes", "attention_1pass", "--set", "m1=4096", "--json")
    found = json.loads(out)
    assert code == 0
    assert {name: data["passes"] for name, data in found.items()} == dict.fromkeys("mpef", 1)
    assert (found["m"]["extent"], found["m"]["live_elements"]) == (4096, 164_608)
    code, out, _ = netwright("passes", "attention_3pass")
    assert "m     1024    3       17152          -           QK, SN" in out
    assert 'm, traversal 3: "A" reads "SN" along m together with "SD"' in out


def test_networks_have_names_for_their_ranks(netwright):
    code, out, _ = netwright("passes", "resnet18")
    assert code == 0
    assert "conv0.M" in out
    assert "more ranks have 1 pass or fewer" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("softmax", "--rank", "q"), '"softmax" has no rank "q"\nhint: ranks are p, m'),
        (("softmax", "--set", "m"), "--set m: must be a rank and a size\nhint: as in --set m1=64"),
        (("softmax", "--set", "m=4", "--set", "m=8"), "--set m=8: m was given the size 4 before"),
        (("softmax", "--set", "q=4"), 'no rank is called "q"'),
        (("resnet18", "--set", "m=4"), "--set is for cascades alone"),
        (("flash.einsum",), "flash.einsum: cannot be read: No such file or directory"),
        (("flash",), '"flash" is not one of the networks'),
    ],
)
def test_what_cannot_be_done_is_said(netwright, words, message):
    code, out, err = netwright("passes", *words)
    assert (code, out) == (2, "") or code == 1
    assert message in err


def test_output_in_the_docs_is_what_is_printed(netwright, tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "cascades.md").read_text(encoding="utf-8")
    text, printed, *_ = re.findall(r"```text\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "scaled.einsum").write_text(text)
    code, out, _ = netwright("passes", tmp_path / "scaled.einsum")
    assert (code, out) == (0, "scaled: 2 Einsums\n" + printed)


def test_cascades_are_estimated_and_mapped_where_they_have_one_order(netwright):
    code, out, _ = netwright("estimate", "attention_3pass", "--json")
    assert code == 0
    assert json.loads(out)["network"] == "attention_3pass"
    assert netwright("map", "attention_3pass", "--json")[0] == 0
    code, _, err = netwright("map", "attention_1pass")
    assert code == 2
    assert "its Einsums run point by point of m1, not one after the other" in err


@pytest.mark.parametrize(("op", "passes"), [("Softmax", 3), ("LayerNormalization", 3)])
def test_operators_of_files_are_the_cascades_of_the_library(netwright, tmp_path, op, passes):
    inputs, constants = "x", {}
    if op == "LayerNormalization":
        inputs, constants = "x s b", {"s": np.ones(32, "f4"), "b": np.ones(32, "f4")}
    made = model([node(op, inputs)], constants, shape=(2, 16, 32), opset=17)
    code, out, _ = netwright("passes", saved(made, tmp_path), "--json")
    found = json.loads(out)
    assert code == 0
    assert {data["extent"]: data["passes"] for data in found.values()} == {2: 1, 16: 1, 32: passes}


POWER = """rank t = 3, m = 8, n = 8
input A[m, n]
initial V = 1
W[t, m] = add(n: A[m, n] * V[t, n])
V[t + 1, m] = W[t, m] * 2
"""


def test_a_rank_without_a_number_of_passes_is_named_beside_the_others(netwright, tmp_path):
    (tmp_path / "power.einsum").write_text(POWER)
    code, out, _ = netwright("passes", tmp_path / "power.einsum")
    assert code == 0
    assert re.search(r"^t +3 +1 ", out, re.M)
    assert "n has no number of passes" in out
    assert "every point of iterative rank t goes over n again" in out
    code, out, _ = netwright("passes", tmp_path / "power.einsum", "--json")
    assert (code, json.loads(out)["n"]["passes"]) == (0, None)
