from __future__ import annotations

import json

import pytest

from netwright import arch
from netwright.mapping import check_legal, load
from netwright.workload import fuse, joined, resnet9, unet

NETWORKS = ("resnet9", "unet", "--arch", "unlike_pair", "--mapper", "split")


def test_map_tells_and_writes_the_assignment(netwright, tmp_path):
    path = tmp_path / "m.toml"
    code, out, _ = netwright("map", *NETWORKS, "--write", str(path))
    assert code == 0
    assert out.splitlines()[0].split() == ["step", "accelerator", "from", "to", "energy"]
    assert "(proven best)" in out
    assert "networks        resnet9 + unet" in out
    both = joined([fuse(resnet9()), fuse(unet())])
    found = load(path)
    check_legal(both, arch.find("unlike_pair"), found)
    assert set(found.bindings.values()) == {"channels_mac", "pixels_mac"}


def test_estimate_as_json_keeps_the_limit(netwright):
    limit = "60e-6"
    code, out, _ = netwright(
        "estimate", *NETWORKS, "--aim", "energy", "--within-s", limit, "--json"
    )
    data = json.loads(out)
    assert code == 0
    assert data["optimal"]
    assert data["seconds"] <= 60e-6
    assert data["joules"] == pytest.approx(sum(run["joules"] for run in data["runs"]))
    assert set(data["busy"]) == {"channels", "pixels"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("map", *NETWORKS, "--within-s", "1e-9"), "no split of the steps ends in 1 cycles"),
        (("map", *NETWORKS, "--set", "pixels.elements=0"), "pixels.elements: should be greater"),
        (("map", "resnet9", "unet"), "this mapper takes one network, not 2: resnet9, unet"),
        (("estimate", "resnet9", "unet"), "this mapper takes one network, not 2"),
        (("map", *NETWORKS, "--method", "greedy"), "a greedy split needs a limit in seconds"),
        (("map", *NETWORKS, "--set", "pixels.template=eyeriss"), 'there is no template "eyeriss"'),
    ],
)
def test_bad_input_is_explained(netwright, arguments, message):
    code, out, err = netwright(*arguments)
    assert code == (1 if "no split" in message else 2)
    assert out == ""
    assert message in err
