"""Many independent trainings on all cores, each remembered as soon as it is done."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch

from netwright import python_file
from netwright.errors import NetwrightError, RunError
from netwright.processes import default_threads, follow_parent
from netwright.progress import Progress, silent
from netwright.records import Record, append_record, read_records

Job = TypeVar("Job")


def run_jobs(
    function: Callable[[Job], Record],
    jobs: Mapping[str, Job],
    *,
    log: str | Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> dict[str, Record]:
    """Run `function` on every job, in processes of one torch thread each.

    A finished job is appended to `log` as one line and is on the disk before it is told;
    a later call with the same log runs only the jobs that are missing. A job that fails ends the
    call, after the running ones have been remembered.

    Args:
        function: A module-level function; it and the jobs must be picklable.
        jobs: The jobs by key; a key must change when the job does.
        log: JSON-lines file of finished jobs.
        workers: Number of processes; by default :func:`~netwright.processes.default_threads`. One
            runs in this process.
        progress: Told of every job by its key, remembered ones first; with the accuracy on the
            validation split where the record has one.

    Returns:
        The records in the order of `jobs`.

    Raises:
        RunError: The log cannot be read or written, or a process ended unexpectedly.
    """
    log = None if log is None else Path(log)
    done: dict[str, Record] = {}

    def remember(key: str, record: Record) -> None:
        done[key] = record
        progress(len(done), len(jobs), _text(key, record))

    for key, record in read_records(log).items():
        if key in jobs:
            remember(key, record)
    todo = {key: job for key, job in jobs.items() if key not in done}

    def finish(key: str, record: Record) -> None:
        append_record(log, key, record)
        remember(key, record)

    count = min(workers or default_threads(), len(todo))
    if count <= 1:
        for key, job in todo.items():
            finish(key, _single_threaded(function, job))
    else:
        _run_pool(function, todo, count, finish)
    return {key: done[key] for key in jobs}


def _text(key: str, record: Record) -> str:
    found = record.get("validation")
    return f"{key}: {found:.4g}" if isinstance(found, float) else key


def _run_pool(
    function: Callable[[Job], Record],
    todo: Mapping[str, Job],
    workers: int,
    finish: Callable[[str, Record], None],
) -> None:
    """Keep every worker busy with one job waiting, so that few jobs are in memory twice.

    Jobs travel as plain pickles: torch's own way of sending tensors between processes keeps a file
    open for each.
    """
    context = multiprocessing.get_context("spawn")
    waiting = iter(todo.items())
    running: dict[Future[Record], str] = {}
    failure: BaseException | None = None
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, mp_context=context, initializer=follow_parent) as pool:
        try:
            while True:
                while failure is None and len(running) <= workers:
                    key, job = next(waiting, (None, None))
                    if key is None:
                        break
                    payload = pickle.dumps((function, job))
                    try:
                        running[pool.submit(_run_pickled, payload, python_file.loaded())] = key
                    except BrokenProcessPool as error:
                        failure = error
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    key = running.pop(future)
                    failed = future.exception()
                    if failed is None:
                        finish(key, future.result())
                    else:
                        failure = failure or failed
        except BaseException:
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise
    if isinstance(failure, BrokenProcessPool):
        raise RunError(
            "a worker process ended unexpectedly",
            hint="it may have run out of memory; finished jobs are kept, fewer workers need less",
        ) from failure
    if failure is not None:
        raise failure


def _run_pickled(payload: bytes, files: Sequence[Path]) -> Record:
    for file in files:  # classes of the user's own are found in the modules that these make
        python_file.load(file)
    function, job = pickle.loads(payload)  # noqa: S301 (made by the parent process)
    try:
        return _single_threaded(function, job)
    except Exception as error:
        raise _portable(error) from error


def _portable(error: Exception) -> Exception:
    """The error, or one that says the same where its own kind cannot travel between processes.

    An error that the parent cannot rebuild would look like the death of the worker.
    """
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (made one line above)
    except Exception:  # whatever the error's own methods raise
        if isinstance(error, NetwrightError):
            return RunError(error.message, hint=error.hint)
        return RunError(f"{type(error).__name__}: {error}")
    return error


@contextmanager
def single_threaded() -> Iterator[None]:
    """One thread of torch for this block: small products are faster, and sums the same anywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _single_threaded(function: Callable[[Job], Record], job: Job) -> Record:
    with single_threaded():
        return function(job)
