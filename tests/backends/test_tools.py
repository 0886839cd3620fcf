import os
import stat
import time
from pathlib import Path

import pytest

from netwright.backends.tools import GXX, TOOLS, Tool, find, run_tool, version
from netwright.errors import RunError, ToolFailed, ToolMissing


def script(folder: Path, text: str) -> Tool:
    path = folder / "mock.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Tool("mock", str(path), ("--version",), "install the mock")


def test_find_missing_tool_says_how_to_install_it() -> None:
    with pytest.raises(ToolMissing) as caught:
        find(Tool("mock", "no-such-program", (), "install the mock"))
    assert str(caught.value) == 'external tool "mock" was not found\nhint: install the mock'


def test_find_returns_the_path(tmp_path: Path) -> None:
    tool = script(tmp_path, "true")
    assert find(tool) == tmp_path / "mock.sh"


def test_version_is_the_first_line(tmp_path: Path) -> None:
    assert version(script(tmp_path, 'echo "mock $1 1.2"; echo more')) == "mock --version 1.2"


def test_version_of_a_failing_tool(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as caught:
        version(script(tmp_path, "echo broken; exit 4"))
    assert str(caught.value) == "mock ended with exit code 4; the end of its output was:\nbroken"


def test_run_tool_keeps_a_log(tmp_path: Path) -> None:
    tool = script(tmp_path, 'echo "$1 in $(pwd)"; echo trouble >&2')
    log = tmp_path / "logs" / "mock.log"
    run = run_tool(tool, ["a b"], cwd=tmp_path, timeout_s=10, log=log)
    assert run.log == log
    assert run.seconds > 0
    assert log.read_text() == f"$ {tool.command} 'a b'\na b in {tmp_path}\ntrouble\n"


def test_run_tool_reports_the_last_lines(tmp_path: Path) -> None:
    tool = script(tmp_path, "seq 1 30; exit 3")
    log = tmp_path / "mock.log"
    with pytest.raises(ToolFailed) as caught:
        run_tool(tool, [], cwd=tmp_path, timeout_s=10, log=log)
    assert caught.value.code == 3
    assert caught.value.log_tail.splitlines() == [str(i) for i in range(11, 31)]
    assert caught.value.hint == f"the whole output is in {log}"
    assert len(log.read_text().splitlines()) == 31


def test_a_full_disk_that_a_program_meets_has_a_way_out(tmp_path: Path) -> None:
    tool = script(tmp_path, 'echo "ld: final link failed: No space left on device"; exit 1')
    with pytest.raises(ToolFailed) as caught:
        run_tool(tool, [], cwd=tmp_path, timeout_s=10, log=tmp_path / "log")
    assert caught.value.hint == "free some space on the disk, and give the command again"


def test_run_tool_with_nothing_printed(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match=r"was:\n\(nothing\)"):
        run_tool(script(tmp_path, "exit 1"), [], cwd=tmp_path, timeout_s=10, log=tmp_path / "log")


def test_run_tool_kills_the_whole_group_at_the_time_limit(tmp_path: Path) -> None:
    tool = script(tmp_path, "sleep 60 & echo $! > child; echo started; wait")
    start = time.monotonic()
    with pytest.raises(ToolFailed) as caught:
        run_tool(tool, [], cwd=tmp_path, timeout_s=0.5, log=tmp_path / "log")
    assert time.monotonic() - start < 10
    assert caught.value.code is None
    assert str(caught.value).startswith(
        "mock ran past its time limit; the end of its output was:\nstarted"
    )
    child = Path("/proc") / (tmp_path / "child").read_text().strip() / "stat"
    deadline = time.monotonic() + 5
    while child.exists() and ") Z " not in child.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not child.exists() or ") Z " in child.read_text()


def test_run_tool_log_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    log = tmp_path / "file" / "log"
    with pytest.raises(RunError, match="cannot be written"):
        run_tool(script(tmp_path, "true"), [], cwd=tmp_path, timeout_s=10, log=log)


def test_known_tools_are_named_apart() -> None:
    assert GXX in TOOLS
    assert len({tool.name for tool in TOOLS}) == len(TOOLS)


@pytest.mark.tool("g++")
def test_version_of_the_compiler() -> None:
    assert version(GXX).split()[0].endswith("g++")
    assert os.access(find(GXX), os.X_OK)


def test_variables_reach_the_program(tmp_path: Path) -> None:
    tool = script(tmp_path, 'echo "$NETWRIGHT_TEST"')
    log = tmp_path / "log.txt"
    run_tool(
        tool, [], cwd=tmp_path, timeout_s=10.0, log=log, environment={"NETWRIGHT_TEST": "seen"}
    )
    assert log.read_text().splitlines()[-1] == "seen"


@pytest.mark.parametrize("is_there", [False, True])
def test_a_temporary_folder_that_is_of_no_use_is_not_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    place = tmp_path / "temporary"
    if is_there:
        place.mkdir()
        access = os.access
        monkeypatch.setattr(os, "access", lambda p, mode: p != str(place) and access(p, mode))
    monkeypatch.setenv("TMPDIR", str(place))
    tool, log = script(tmp_path, "env"), tmp_path / "env.log"
    run_tool(tool, [], cwd=tmp_path, timeout_s=20, log=log)
    assert "PATH=" in log.read_text()
    assert "TMPDIR=" not in log.read_text()


def test_lines_are_told_while_the_program_runs(tmp_path: Path) -> None:
    tool = script(
        tmp_path, "echo one; echo two; sleep 0.5; test -e seen && echo three; printf four"
    )
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        (tmp_path / "seen").touch()

    run_tool(tool, [], cwd=tmp_path, timeout_s=10.0, log=tmp_path / "log", on_line=tell)
    assert lines == ["one", "two", "three", "four"]


def test_the_time_limit_of_a_program_that_is_watched(tmp_path: Path) -> None:
    lines: list[str] = []
    with pytest.raises(ToolFailed) as caught:
        run_tool(
            script(tmp_path, "echo started; sleep 30"),
            [],
            cwd=tmp_path,
            timeout_s=0.5,
            log=tmp_path / "log",
            on_line=lines.append,
        )
    assert caught.value.code is None
    assert lines == ["started"]


def test_an_error_while_watching_ends_the_program(tmp_path: Path) -> None:
    def fail(line: str) -> None:
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_tool(
            script(tmp_path, "echo started; sleep 30"),
            [],
            cwd=tmp_path,
            timeout_s=60.0,
            log=tmp_path / "log",
            on_line=fail,
        )
    assert time.monotonic() - start < 10
