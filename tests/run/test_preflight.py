from dataclasses import replace
from pathlib import Path

import pytest

from netwright.backends import tools
from netwright.errors import ConfigError, NotInstalled, UnsupportedOp
from netwright.flows.codesign import CodesignFlow
from netwright.run import execute, machine
from netwright.run.config import load_toml
from netwright.run.preflight import require_installed
from netwright.run.stage import Flow
from tests.run.toy import Recorder, toy

FLOW = Path(__file__).parents[2] / "flows" / "jets.toml"


def requiring(flow: Flow, **requires: tuple[str, ...]) -> Flow:
    stages = tuple(replace(stage, requires=requires.get(stage.name, ())) for stage in flow.stages)
    return replace(flow, stages=stages)


def test_nothing_starts_where_a_later_stage_lacks_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "installed", lambda name: None if name == "ortools" else "1.0")
    recorder = Recorder()
    with pytest.raises(NotInstalled) as caught:
        execute(requiring(toy(), add=("train", "solve")), tmp_path / "r", reporter=recorder)
    assert caught.value.message == "stage add: ortools (extra solve) is not installed"
    assert caught.value.hint == "pip install 'netwright[solve]'"
    assert recorder.events == []


def test_nothing_starts_where_a_later_stage_refuses_everything(tmp_path: Path) -> None:
    def refuse() -> None:
        raise UnsupportedOp("Lookup", node="tanh", where="an accelerator")

    def rehearsing(flow: Flow, name: str) -> Flow:
        stages = (replace(s, rehearse=refuse if s.name == name else None) for s in flow.stages)
        return replace(flow, stages=tuple(stages))

    recorder = Recorder()
    with pytest.raises(UnsupportedOp, match="tanh"):
        execute(rehearsing(toy(), "add"), tmp_path / "r", reporter=recorder)
    assert recorder.events == []
    execute(rehearsing(toy(), "make"), tmp_path / "r")  # the first stage to do is no rehearsal


def test_all_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "installed", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name, **_: None)
    flow = requiring(toy(), make=("hls", "g++"), square=("g++ or iverilog",), add=("hls",))
    with pytest.raises(NotInstalled) as caught:
        require_installed(flow.stages)
    assert caught.value.missing == (
        "stages make, add: hls4ml (extra hls) is not installed",
        "stage make: g++ was not found",
        "stage square: g++ or iverilog was not found",
    )
    assert caught.value.hint == (
        f"pip install 'netwright[hls]'; {tools.GXX.install_hint}; {tools.IVERILOG.install_hint}"
    )


def test_what_finished_stages_require_is_not_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "installed", lambda name: "1.0")
    flow = requiring(toy(), make=("hls",))
    execute(flow, tmp_path / "r")
    monkeypatch.setattr(machine, "installed", lambda name: None)
    execute(flow, tmp_path / "r", force_from="square")


def test_unknown_requirement_is_refused() -> None:
    with pytest.raises(ConfigError, match='"warp" is required, which is neither'):
        require_installed(requiring(toy(), make=("warp",)).stages)


def test_main_flow_says_what_it_requires() -> None:
    flow = load_toml(FLOW, CodesignFlow).flow(folder=FLOW.parent)
    requires = {stage.name: stage.requires for stage in flow.stages}
    assert "solve" in requires["compress"]
    assert "qonnx" in requires["verify"]
    assert {"rtl", "g++ or iverilog"} <= set(requires["tables_rtl"])
    assert requires["report"] == ("plots",)
