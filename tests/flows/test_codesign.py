import shutil
import tomllib
from pathlib import Path

from netwright.flows.flow import load_flow
from netwright.run import execute, plan
from netwright.tasks.jets import SHIPPED
from tests.flows.tiny import FLOW, write_flow


def names(path: Path, *overrides: str) -> list[str]:
    return [stage.name for stage in load_flow(path, overrides=overrides).stages]


def test_stages_follow_the_sections(tmp_path: Path) -> None:
    path = write_flow(tmp_path)
    assert names(path) == [
        "data",
        "train",
        "sensitivity",
        "compress",
        "sweep",
        "trace",
        "generate",
        "verify",
        "implement",
        "report",
    ]
    assert names(write_flow(tmp_path, FLOW + "[tables]"))[-3:] == ["tables", "tables_rtl", "report"]
    short = FLOW.replace("hls = {}\nrtl = {}", "")
    short = "\n".join(line for line in short.splitlines() if not line.startswith("sweep"))
    path = write_flow(tmp_path, short)
    assert names(path) == [
        "data", "train", "sensitivity", "compress", "trace", "verify", "report",
    ]  # fmt: skip


def test_resolved_settings_make_the_same_flow(tmp_path: Path) -> None:
    flow = load_flow(write_flow(tmp_path))
    (tmp_path / "flow.toml").write_text(flow.settings)
    assert load_flow(tmp_path / "flow.toml") == flow
    assert tomllib.loads(flow.settings)["train"]["batch_size"] == 512


def test_finished_run_is_taken_over_whole(tiny_run: Path, tmp_path: Path) -> None:
    planned = plan(load_flow(write_flow(tmp_path)), tiny_run)
    assert {stage.action for stage in planned} == {"cached"}


def test_later_setting_leaves_earlier_stages_alone(tiny_run: Path, tmp_path: Path) -> None:
    flow = load_flow(write_flow(tmp_path), overrides=["hls.clock_mhz=250"])
    actions = {stage.name: stage.action for stage in plan(flow, tiny_run)}
    todo = [name for name, action in actions.items() if action == "to do"]
    assert todo == ["generate", "verify", "implement", "report"]


def test_place_and_route_leaves_the_verilog_alone(tiny_run: Path, tmp_path: Path) -> None:
    flow = load_flow(write_flow(tmp_path), overrides=["rtl.route=true", "rtl.compare_parts=[]"])
    todo = [stage.name for stage in plan(flow, tiny_run) if stage.action == "to do"]
    assert todo == ["implement", "report"]


def test_data_file_counts_by_content_not_by_place(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        shutil.copy(SHIPPED, folder / "own.npz")
        write_flow(folder, FLOW.replace(", rows =", ', path = "own.npz", rows ='))
    flow = load_flow(tmp_path / "a" / "tiny.toml")
    assert str(tmp_path / "a" / "own.npz") in flow.settings
    first = type(flow)(flow.name, flow.stages[:1])
    execute(first, tmp_path / "run")
    moved = load_flow(tmp_path / "b" / "tiny.toml")
    (planned,) = plan(type(moved)(moved.name, moved.stages[:1]), tmp_path / "run")
    assert planned.action == "cached"
