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
    code, _, err = netwright("networks", "export", "alexnet", "resnet19", "--out", tmp_path)
    assert code == 2
    assert 'did you mean "resnet18"?' in err
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_made(netwright, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = netwright("networks", "export", "alexnet", "--out", tmp_path / "file" / "in")
    assert code in (2, 3)  # 3 where the exporter is not installed
    assert code == 3 or "cannot be made (Not a directory)" in err
