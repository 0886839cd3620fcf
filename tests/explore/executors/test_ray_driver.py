from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from netwright.errors import RunError
from netwright.explore import Limits
from netwright.explore.executors.ray_driver import Order, _Tasks, answers, place_of, understands
from netwright.explore.objective import Job


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.0.0.1:6379", ("10.0.0.1", 6379)),
        ("ray://head:10001", ("head", 10001)),
        ("[::1]:6379", ("::1", 6379)),
        ("head", None),
        ("head:0", None),
        ("head:65536", None),
        ("he ad:1", None),
        ("head:²", None),
    ],
)
def test_the_place_of_an_address(address, place):
    assert place_of(address) == place


def test_a_place_answers_while_somebody_listens():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        assert answers(own.getsockname())
        place = own.getsockname()
    assert not answers(place)


@pytest.mark.parametrize(
    ("said", "is_understood"),
    [(bytes(3) + b"\x04" + bytes(5), True), (b"HTTP/1.1 400 Bad Request", False), (b"", False)],
)
def test_what_is_no_ray_is_told_by_its_first_words(said, is_understood):
    with socket.socket() as own, ThreadPoolExecutor(1) as other:
        own.bind(("127.0.0.1", 0))
        own.listen()

        def answer():
            link, _ = own.accept()
            with link:
                asked = link.recv(100)
                link.sendall(said)
            return asked

        asked = other.submit(answer)
        assert understands(own.getsockname()) == is_understood
        assert asked.result().startswith(b"PRI * HTTP/2.0")


def ray_at_once():
    """What the tasks use of a Ray that finishes each job at once, with its number as outcome."""
    task = SimpleNamespace(remote=lambda _shared, _files, job: job.number)
    return SimpleNamespace(
        put=bytes,
        remote=lambda **_options: lambda _function: task,
        wait=lambda running, **_options: (running[:1], running[1:]),
        get=lambda number: number,
        cancel=lambda _number, **_options: None,
        exceptions=None,
        get_runtime_context=lambda: SimpleNamespace(gcs_address="none"),
    )


def test_jobs_that_come_before_the_last_outcome_is_done_with_are_no_end():
    jobs = [Job(number, {}) for number in range(5)]
    told: list[int] = []
    pipe = SimpleNamespace(poll=lambda: len(told) == 5)  # asked for more as soon as all are told
    tasks = _Tasks(ray_at_once(), Order(b"", Limits(), "", 2), pipe, 2)
    for _ in range(2):
        told.clear()
        for place, number in tasks.run((), jobs):
            told.append(place)
            assert number == place
        assert sorted(told) == [0, 1, 2, 3, 4]
    pipe.poll = lambda: len(told) == 3  # closed while there is work
    told.clear()
    outcomes = tasks.run((), jobs)
    told.extend(next(outcomes)[0] for _ in range(3))
    with pytest.raises(EOFError):
        next(outcomes)


def test_a_cluster_that_fails_is_named_with_its_address():
    class Failed(Exception):
        pass

    class Other(Failed):
        pass

    def get(_number):
        raise Failed("its raylet died\nand more")

    ray = ray_at_once()
    ray.get = get
    ray.exceptions = SimpleNamespace(
        OutOfMemoryError=Other, RayError=Failed, WorkerCrashedError=Other
    )
    tasks = _Tasks(ray, Order(b"", Limits(), "head:6379", 2), SimpleNamespace(poll=bool), 2)
    with pytest.raises(RunError, match=r"cluster at head:6379 failed: Failed: its raylet died\n"):
        next(tasks.run((), [Job(0, {})]))
