from __future__ import annotations

import json

from netwright.workload import NETWORKS


def test_networks_are_listed(netwright):
    code, out, _ = netwright("networks", "list", "--json")
    found = json.loads(out)
    assert code == 0
    assert set(found) == set(NETWORKS)
    assert found["resnet18"] == {"einsums": 68, "macs": 1_814_073_344, "parameters": 11_678_912}
    code, out, _ = netwright("networks", "list")
    assert code == 0
    assert "resnet18" in out


def test_unknown_network_is_not_exported(netwright, tmp_path):
    code, _, err = netwright("networks", "export", "resnet19", "--out", tmp_path)
    assert code == 2
    assert 'did you mean "resnet18"?' in err
    assert not list(tmp_path.iterdir())
