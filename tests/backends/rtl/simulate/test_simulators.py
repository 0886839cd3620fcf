from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.backends import rtl
from netwright.backends.rtl.simulate import simulators
from netwright.backends.rtl.simulate.simulators import chosen
from netwright.backends.tools import Tool
from netwright.errors import ConfigError, ToolMissing
from tests.backends.rtl.graphs import two_layers

HERE = Tool("here", "sh", (), "")
MISSING = Tool("verilator", "no-such-program", (), "install it")


def test_the_first_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    needs: dict[str, Any] = {"verilator": (HERE,), "icarus": (HERE,)}
    monkeypatch.setattr(simulators, "_NEEDS", needs)
    assert chosen(None) == "verilator"
    assert chosen("icarus") == "icarus"
    needs["verilator"] = (HERE, MISSING)
    assert chosen(None) == "icarus"
    with pytest.raises(ToolMissing):
        chosen("verilator")


def test_without_any_simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Tool("iverilog", "no-such-program", (), "install it, too")
    monkeypatch.setattr(simulators, "_NEEDS", {"verilator": (MISSING,), "icarus": (other,)})
    design = rtl().generate(two_layers(), tmp_path / "out")
    with pytest.raises(ToolMissing) as caught:
        design.run(np.zeros((1, 6)))
    assert str(caught.value) == 'external tool "verilator" was not found\nhint: install it'


def test_a_simulator_that_does_not_exist(tmp_path: Path) -> None:
    name: Any = "modelsim"
    design = replace(rtl().generate(two_layers(), tmp_path / "out"), simulator=name)
    with pytest.raises(ConfigError) as caught:
        design.build()
    assert str(caught.value) == 'simulator must be "verilator" or "icarus", not \'modelsim\''
