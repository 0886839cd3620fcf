"""Killed anywhere, the same command goes on and nothing finished is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netwright.run import execute
from tests.run.toy import Recorder, total, toy

ROOT = Path(__file__).parents[2]
SLOW = """
import signal, sys, time
from pathlib import Path
from netwright.run import Silent, execute
from tests.run.toy import toy

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it

class Slow(Silent):
    def update(self, done, total, text):
        print(f"{done}", flush=True)
        time.sleep(0.05)

execute(toy(count=40), Path(sys.argv[1]), reporter=Slow())
"""
KILLED_AT = """
import os, signal, sys
from pathlib import Path
from netwright.run import execute
from tests.run.toy import toy

remaining = 0

def count(event, arguments):
    global remaining
    if event in ("open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "shutil.rmtree") and (
        sys.argv[1] in str(arguments[0])
    ):
        remaining -= 1
        if remaining < 0:
            os.kill(os.getpid(), signal.SIGKILL)

for number in range(0, 400, 3):
    process = os.fork()
    if process == 0:
        remaining = number
        sys.addaudithook(count)
        execute(toy(), Path(sys.argv[1]) / str(number))
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    print(number, status, flush=True)
    if status == 0:
        break
"""


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_killed_long_stage_goes_on_where_it_was(tmp_path: Path) -> None:
    with start(SLOW, str(tmp_path)) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "7\n":
            pass
        process.kill()
    recorder = Recorder()
    execute(toy(count=40), tmp_path, reporter=recorder)
    assert total(tmp_path) == sum(n * n for n in range(40))
    steps = [text for kind, text in recorder.events if kind == "update"]
    assert int(steps[0].partition("/")[0]) >= 8
    assert recorder.statuses() == {"make": "cached", "square": "done", "add": "done"}


def test_killed_at_any_file_operation_loses_nothing_finished(tmp_path: Path) -> None:
    """Kill before every third change of the run folder, then go on."""
    with start(KILLED_AT, str(tmp_path)) as process:
        assert process.stdout is not None
        ended = [tuple(map(int, line.split())) for line in process.stdout]
    *killed, (_, last) = ended
    assert last == 0
    for number, status in killed:
        assert status == -signal.SIGKILL
        folder = tmp_path / str(number)
        before = sorted(path.parent.name[-6:] for path in folder.glob("stages/[0-9]*/stage.json"))
        recorder = Recorder()
        execute(toy(), folder, reporter=recorder)
        assert total(folder) == 14
        cached = [name for name, status in recorder.statuses().items() if status == "cached"]
        assert len(cached) >= len(before)
        assert recorder.said == []
        assert not list(folder.glob(".*.tmp"))
        assert not list(folder.glob("stages/.*"))
    assert len(killed) > 10


def test_interrupt_leaves_a_state_that_goes_on(tmp_path: Path) -> None:
    with start(SLOW, str(tmp_path)) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "3\n":
            pass
        os.kill(process.pid, signal.SIGINT)
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    assert process.returncode not in (0, None)
    execute(toy(count=40), tmp_path)
    assert total(tmp_path) == sum(n * n for n in range(40))


@pytest.mark.parametrize("name", ["manifest.json", "flow.toml"])
def test_deleted_side_file_is_written_again(tmp_path: Path, name: str) -> None:
    execute(toy(), tmp_path)
    (tmp_path / name).unlink()
    recorder = Recorder()
    execute(toy(), tmp_path, reporter=recorder)
    assert set(recorder.statuses().values()) == {"cached"}
    assert (tmp_path / name).exists()
