"""The supervisor as it is used: by :func:`netwright.backends.tools.run_tool`."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netwright.backends.tools import Tool, run_tool
from netwright.errors import ToolFailed

RUN = """
import sys
from pathlib import Path
from netwright.backends.tools import Tool, run_tool
here = Path(sys.argv[1])
tool = Tool("mock", str(here / "mock.sh"), (), "")
run_tool(tool, [], cwd=here, timeout_s=60.0, log=here / "log")
"""

TREE = """\
sleep 61 & echo $! >> children
sh -c 'sleep 62 & echo $! >> children; wait' &
setsid sleep 63 & echo $! >> children
sleep 0.2
pgrep -f 'sleep 63' > /dev/null
echo ready > ready
wait
"""
"""A child, a grandchild, and one that leaves the session."""


def script(folder: Path, text: str) -> Tool:
    path = folder / "mock.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return Tool("mock", str(path), (), "")


def wait_for(condition, seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def ended(folder: Path) -> bool:
    """Whether nothing of the tree is there, but for what waits to be counted by its parent."""
    numbers = (folder / "children").read_text().split()
    places = [Path("/proc") / number / "stat" for number in numbers]
    return all(not place.exists() or ") Z " in place.read_text() for place in places)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_process_that_ends_in_any_way(
    tmp_path: Path, number: signal.Signals
) -> None:
    script(tmp_path, TREE)
    process = subprocess.Popen([sys.executable, "-c", RUN, tmp_path], stderr=subprocess.DEVNULL)
    assert wait_for((tmp_path / "ready").exists)
    assert not ended(tmp_path)
    process.send_signal(number)
    process.wait(10)
    assert wait_for(lambda: ended(tmp_path))


@needs_proc
def test_nothing_outlives_a_program_that_ends(tmp_path: Path) -> None:
    run_tool(
        script(tmp_path, TREE.replace("wait\n", "")),
        [],
        cwd=tmp_path,
        timeout_s=10.0,
        log=tmp_path / "log",
    )
    assert wait_for(lambda: ended(tmp_path))


def test_a_program_that_dies_from_a_signal_is_told_by_its_number(tmp_path: Path) -> None:
    tool = script(tmp_path, "kill -SEGV $$")
    with pytest.raises(ToolFailed) as caught:
        run_tool(tool, [], cwd=tmp_path, timeout_s=10.0, log=tmp_path / "log")
    assert caught.value.code == -signal.SIGSEGV


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mock.sh"
    path.write_bytes(b"\x7fELF broken")
    path.chmod(0o755)
    with pytest.raises(ToolFailed, match="Exec format error"):
        run_tool(Tool("mock", str(path), (), ""), [], cwd=tmp_path, timeout_s=9, log=tmp_path / "l")


def test_a_program_gets_the_signals_that_python_ignores(tmp_path: Path) -> None:
    tool = script(tmp_path, "yes | head -1; grep SigIgn /proc/self/status")
    log = tmp_path / "log"
    run_tool(tool, [], cwd=tmp_path, timeout_s=10.0, log=log)
    ignored = int(log.read_text().split()[-1], 16)
    assert not ignored & (1 << (signal.SIGPIPE - 1))


def test_no_descriptor_of_the_supervisor_reaches_the_program(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run_tool(script(tmp_path, "ls /proc/self/fd"), [], cwd=tmp_path, timeout_s=10.0, log=log)
    assert log.read_text().split()[2:] == ["0", "1", "2", "3"]  # the last one is the folder's own
