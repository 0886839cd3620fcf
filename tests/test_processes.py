from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netwright import processes
from netwright.errors import ConfigError
from netwright.processes import THREADS_VARIABLE, default_threads, usable_cores

PARENT = """
import multiprocessing, sys, time
from netwright.processes import follow_parent

def work():
    follow_parent()
    print(multiprocessing.current_process().pid, flush=True)
    time.sleep(60)

if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=work).start()
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of eight cores without quotas on which nobody else works."""
    monkeypatch.delenv(THREADS_VARIABLE, raising=False)
    monkeypatch.setattr(processes, "_load", lambda: 0.0)
    monkeypatch.setattr(processes, "_quotas", list)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("load", "threads"), [(0.0, 8), (0.4, 8), (1.0, 7), (5.0, 3), (7.0, 2), (100.0, 2)]
)
def test_threads_are_the_cores_that_others_leave(
    monkeypatch: pytest.MonkeyPatch, load: float, threads: int
) -> None:
    monkeypatch.setattr(processes, "_load", lambda: load)
    assert default_threads() == threads


def test_a_quota_limits_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_quotas", lambda: [3, 5])
    assert (usable_cores(), default_threads()) == (3, 3)


def test_many_cores_are_not_all_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(256)), raising=False)
    assert (usable_cores(), default_threads()) == (256, 32)


def test_the_variable_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS_VARIABLE, " 48 ")
    assert default_threads() == 48


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "²"])
def test_a_variable_that_is_no_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(THREADS_VARIABLE, value)
    with pytest.raises(ConfigError) as caught:
        default_threads()
    assert str(caught.value) == (
        f"NETWRIGHT_THREADS must be a number of threads, 1 or more, not {value!r}"
    )


def test_quotas_are_those_of_all_groups_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(processes, "_CGROUP", tmp_path)
    lines = "0::/a/b\n"
    monkeypatch.setattr(processes, "_OWN_GROUP", tmp_path / "self")
    (tmp_path / "self").write_text(lines)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "cpu.max").write_text("max 100000\n")
    (tmp_path / "a" / "cpu.max").write_text("250000 100000\n")
    assert processes._quotas() == [3]
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("50000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert processes._quotas() == [3, 1]


def test_a_worker_ends_with_a_killed_parent(tmp_path: Path) -> None:
    path = tmp_path / "parent.py"
    path.write_text(PARENT)
    with subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        if ") Z " in Path(f"/proc/{worker}/stat").read_text():
            return
        time.sleep(0.02)
    pytest.fail("the worker goes on")
