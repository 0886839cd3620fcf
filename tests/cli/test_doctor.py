import json
import shutil
import tomllib
from pathlib import Path

import pytest

from netwright.cli.doctor import EXTRAS
from netwright.run import machine
from tests.cli.conftest import Netwright

ROOT = Path(__file__).parents[2]


def test_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {
        name: {line.split(">")[0].split("=")[0] for line in lines}
        for name, lines in project["optional-dependencies"].items()
        if name != "all"
    }
    assert {extra.name: set(extra.packages) for extra in EXTRAS} == declared


def test_missing_things_come_with_an_install_line(
    netwright: Netwright, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "installed", lambda name: None if name == "hls4ml" else "1.0")
    monkeypatch.setattr(shutil, "which", lambda name, *_: None)
    code, out, err = netwright("doctor", "--json")
    assert (code, err) == (0, "")
    findings = {finding["name"]: finding for finding in json.loads(out)}
    assert findings["hls4ml"] == {
        "kind": "extra",
        "name": "hls4ml",
        "found": "",
        "purpose": "HLS projects",
        "install": "pip install 'netwright[hls]'",
    }
    assert findings["torch"]["install"] == ""
    assert findings["g++"]["found"] == ""
    assert "apt install g++" in findings["g++"]["install"]


def test_table_has_a_line_for_everything(netwright: Netwright) -> None:
    code, out, _ = netwright("doctor")
    assert code == 0
    names = [line.split()[0] for line in out.splitlines()[1:]]
    assert names[:3] == ["netwright", "python", "machine"]
    assert {package for extra in EXTRAS for package in extra.packages} <= set(names)
