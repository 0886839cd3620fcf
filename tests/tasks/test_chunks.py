"""The processes that make chunks, and what becomes of them; tables are tested with their tasks."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from netwright.tasks import chunks


def test_thread_variables_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with chunks._pool(1):
        assert os.environ["OPENBLAS_NUM_THREADS"] == os.environ["OMP_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "3"
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_interruption_ends_the_workers_at_once() -> None:
    def interrupt_a_long_chunk() -> None:
        with chunks._pool(1) as pool:
            pool.submit(time.sleep, 300)
            while not multiprocessing.active_children():
                time.sleep(0.01)
            raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupt_a_long_chunk()
    assert time.monotonic() - start < 60
    assert multiprocessing.active_children() == []
