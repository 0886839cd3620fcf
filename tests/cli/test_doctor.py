import json
import shutil

import pytest

from netwright.backends.rtl.implement import asic
from netwright.backends.rtl.implement.asic import Library
from netwright.cli.doctor import diagnose
from netwright.extras import EXTRAS
from netwright.kernels import isa
from netwright.run import machine
from tests.cli.conftest import Netwright


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
    assert names[:4] == ["netwright", "python", "machine", "kernels"]
    assert {package for extra in EXTRAS for package in extra.packages} <= set(names)


def found_kernels() -> tuple[str, str]:
    return next((f.found, f.install) for f in diagnose() if f.name == "kernels")


def test_kernels_show_path_and_alternatives(monkeypatch: pytest.MonkeyPatch) -> None:
    class Native:
        @staticmethod
        def supported_isas() -> list[str]:
            return ["scalar", "avx2"]

        @staticmethod
        def preferred_isa() -> str:
            return "avx2"

    monkeypatch.setattr(isa, "native", Native)
    monkeypatch.delenv("NETWRIGHT_ISA", raising=False)
    assert found_kernels() == ("native: avx2 (of numpy, scalar, avx2)", "")
    monkeypatch.setenv("NETWRIGHT_ISA", "scalar")
    assert found_kernels() == ("native: scalar (of numpy, scalar, avx2)", "")
    monkeypatch.setenv("NETWRIGHT_ISA", "mmx")
    found, _ = found_kernels()
    assert found.startswith("native: NETWRIGHT_ISA: must be one of numpy, scalar, avx2")


def test_missing_kernels_are_a_visible_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isa, "native", None)
    monkeypatch.delenv("NETWRIGHT_ISA", raising=False)
    assert found_kernels() == ("fallback: numpy", "install a C++ compiler, then netwright again")


def test_every_tool_and_library_has_a_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Library("OSU, typical", "/nowhere", "cells.lib", "install them")
    monkeypatch.setattr(asic, "LIBRARIES", {"osu018": missing})
    findings = [f for f in diagnose() if f.kind in ("tool", "library")]
    names = {finding.name for finding in findings}
    assert names >= {"g++", "verilator", "iverilog", "OpenSTA", "osu018"}
    assert all(finding.purpose for finding in findings)
    assert findings[-1] == ("library", "osu018", "", "cells of an ASIC: OSU", "install them")
