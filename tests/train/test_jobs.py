from __future__ import annotations

import json
import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch

from netwright.errors import RunError, UnsupportedOp
from netwright.train import Record, jobs, run_jobs


def square(value: int) -> Record:
    """A quick job."""
    return {"square": value * value, "pid": os.getpid(), "threads": torch.get_num_threads()}


def wait_for_others(job: tuple[Path, int]) -> Record:
    """The job 1 ends last, when the three others have left a file in the folder."""
    folder, value = job
    if value == 1:
        wait_until(lambda: len(list(folder.iterdir())) == 3)
        time.sleep(0.3)
    else:
        (folder / str(value)).touch()
    return square(value)


def fail_on_negative(value: int) -> Record:
    """A job that fails at once for negative values; others are still running then.

    Its error cannot be rebuilt from its arguments.
    """
    if value < 0:
        raise UnsupportedOp("Sigmoid", node=f"n{value}", where="here", hint="use Relu")
    time.sleep(0.5)
    return square(value)


def die_on_negative(job: tuple[Path, int]) -> Record:
    """A job that takes its process with it, once another one is in the log."""
    log, value = job
    if value < 0:
        wait_until(log.exists)
        os._exit(3)
    return square(value)


class Odd(Exception):
    """An error of somebody else's that does not travel."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def fail_oddly(value: int) -> Record:
    """A job with such an error."""
    raise Odd("very", "odd")


def squares(records: dict[str, Record]) -> dict[str, object]:
    return {key: record["square"] for key, record in records.items()}


def keys_of(log: Path) -> list[str]:
    return [json.loads(line)["key"] for line in log.read_text().splitlines()]


def test_records_come_in_the_order_of_the_jobs_whoever_finishes_first(tmp_path: Path) -> None:
    finished: list[str] = []
    records = run_jobs(
        wait_for_others,
        {"slow": (tmp_path, 1), "a": (tmp_path, 50), "b": (tmp_path, 60), "c": (tmp_path, 70)},
        workers=2,
        progress=lambda done, total, key: finished.append(key),
    )
    assert squares(records) == {"slow": 1, "a": 2500, "b": 3600, "c": 4900}
    assert list(records) == ["slow", "a", "b", "c"]
    assert sorted(finished) == ["a", "b", "c", "slow"]
    assert finished[0] != "slow"
    assert {record["threads"] for record in records.values()} == {1}
    assert os.getpid() not in {record["pid"] for record in records.values()}


def test_one_worker_runs_in_this_process_with_one_thread() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        records = run_jobs(square, {"a": 2, "b": 3}, workers=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert squares(records) == {"a": 4, "b": 9}
    assert {record["pid"] for record in records.values()} == {os.getpid()}
    assert {record["threads"] for record in records.values()} == {1}


def test_no_job_needs_no_process(tmp_path: Path) -> None:
    assert run_jobs(square, {}, log=tmp_path / "log.jsonl") == {}
    assert list(tmp_path.iterdir()) == []


def test_remembered_jobs_are_not_run_again(tmp_path: Path) -> None:
    log, heard = tmp_path / "deep" / "log.jsonl", []
    first = run_jobs(square, {"a": 2, "b": 3}, log=log, workers=1)
    assert keys_of(log) == ["a", "b"]
    again = run_jobs(
        fail_on_negative,
        {"c": 4, "b": -1, "a": -1},
        log=log,
        workers=1,
        progress=lambda done, total, key: heard.append(key),
    )
    assert list(again) == ["c", "b", "a"]
    assert (again["a"], again["b"]) == (first["a"], first["b"])
    assert heard == ["a", "b", "c"]
    assert keys_of(log) == ["a", "b", "c"]


def test_a_job_is_on_the_disk_before_anybody_hears_of_it(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    run_jobs(
        square, {"a": 2, "b": 3}, log=log, workers=1,
        progress=lambda done, total, key: (keys_of(log).index(key)),
    )  # fmt: skip


@pytest.mark.parametrize(
    "torn", [b'{"key": "b", "rec', b'{"key": "b"}', b"[1]", b"7", b'\xff\xfe"b"', b'{"key": []}']
)
def test_torn_last_line_is_ignored_and_its_job_run_again(
    tmp_path: Path, torn: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "log.jsonl"
    run_jobs(square, {"a": 2}, log=log, workers=1)
    with log.open("ab") as stream:
        stream.write(torn)
    with caplog.at_level(logging.WARNING):
        records = run_jobs(square, {"a": -5, "b": 3}, log=log, workers=1)
    assert squares(records) == {"a": 4, "b": 9}
    assert caplog.messages == [f"{log}: ignoring an incomplete line"]
    assert squares(run_jobs(square, {"a": -5, "b": -5}, log=log)) == {"a": 4, "b": 9}


@pytest.mark.parametrize("workers", [1, 2])
def test_failing_job_keeps_the_finished_ones_and_is_raised(tmp_path: Path, workers: int) -> None:
    log = tmp_path / "log.jsonl"
    work = {"a": 2, "b": -4, "c": 3, "d": 4, "e": 5, "f": 6}
    with pytest.raises(UnsupportedOp) as caught:
        run_jobs(fail_on_negative, work, log=log, workers=workers)
    assert str(caught.value) == (
        'node "n-4": operator "Sigmoid" is not supported by here\nhint: use Relu'
    )
    kept = keys_of(log)
    assert "a" in kept
    assert not {"b", "f"} & set(kept)
    assert multiprocessing.active_children() == []
    heard: list[str] = []
    work["b"] = 4
    records = run_jobs(
        square, work, log=log, workers=1, progress=lambda done, total, key: heard.append(key)
    )
    assert squares(records) == {"a": 4, "b": 16, "c": 9, "d": 16, "e": 25, "f": 36}
    assert heard[: len(kept)] == kept


def test_dead_worker_is_reported_and_finished_jobs_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with pytest.raises(RunError) as caught:
        run_jobs(
            die_on_negative, {"a": (log, 2), "b": (log, -1), "c": (log, 3)}, log=log, workers=2
        )
    assert str(caught.value) == (
        "a worker process ended unexpectedly\n"
        "hint: it may have run out of memory; finished jobs are kept, fewer workers need less"
    )
    assert set(keys_of(log)) <= {"a", "c"}
    assert keys_of(log)


def test_worker_that_dies_between_two_jobs_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool(jobs.ProcessPoolExecutor):
        def submit(self, *arguments: object) -> object:  # type: ignore[override]
            raise BrokenProcessPool

    monkeypatch.setattr(jobs, "ProcessPoolExecutor", Pool)
    with pytest.raises(RunError, match="a worker process ended unexpectedly"):
        run_jobs(square, {"a": 2, "b": 3}, workers=2)


def test_errors_that_cannot_travel_keep_their_message() -> None:
    with pytest.raises(RunError) as caught:
        jobs._run_pickled(pickle.dumps((fail_oddly, 1)), ())
    assert str(caught.value) == "Odd: very odd"


def test_failing_listener_ends_the_workers_of_this_call_only() -> None:
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(300,))
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_jobs(square, {"a": 1, "b": 2, "c": 3}, workers=2, progress=_interrupt)
        assert multiprocessing.active_children() == [other]
    finally:
        other.terminate()
        other.join()


def _interrupt(done: float, total: float, text: str) -> None:
    raise KeyboardInterrupt


ORPHANS = """
import os, sys, time
from pathlib import Path
from netwright.train import run_jobs

def hang(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(300)

if __name__ == "__main__":
    run_jobs(hang, {"a": sys.argv[1], "b": sys.argv[1]}, workers=2)
"""


def is_alive(process: int) -> bool:
    """Whether a process runs; one that ended and was not asked for its exit code does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def wait_until(condition: object, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script, folder = tmp_path / "orphans.py", tmp_path / "pids"
    script.write_text(ORPHANS)
    folder.mkdir()
    parent = subprocess.Popen([sys.executable, str(script), str(folder)])
    try:
        assert wait_until(lambda: len(list(folder.iterdir())) == 2)
        workers = [int(path.name) for path in folder.iterdir()]
        assert all(map(is_alive, workers))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert wait_until(lambda: not any(map(is_alive, workers)), 20.0)


def test_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = tmp_path / "file" / "log.jsonl"
    with pytest.raises(RunError) as caught:
        run_jobs(square, {"a": 2}, log=log, workers=1)
    assert str(caught.value) == (
        f"{log}: cannot be written ({tmp_path / 'file'} is no folder)\n"
        "hint: choose a folder that is writable and has free space"
    )


def test_log_that_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught:
        run_jobs(square, {"a": 2}, log=tmp_path, workers=1)
    assert str(caught.value) == f"{tmp_path}: is a folder, not a file"
