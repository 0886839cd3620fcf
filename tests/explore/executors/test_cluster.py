from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.explore import functions
from tests.explore.functions import SPACE, Killed, Placed, bowl, faulty

from netwright.errors import ConfigError, RunError
from netwright.explore import Function, Limits, Listed, Random, Search, open_study, result_digest
from netwright.explore.executors import cluster
from netwright.explore.executors.cluster import Ray

pytest.importorskip("ray", reason="the extra ray is not installed")

SEARCH = Search(SPACE, Function(bowl), Random(), batch=6)


@pytest.mark.slow
def test_a_cluster_gives_the_trials_of_this_process(tmp_path):
    found = SEARCH.run(trials=15, folder=tmp_path, executor=Ray(2))
    assert result_digest(found.trials) == result_digest(SEARCH.run(trials=15).trials)


@pytest.mark.slow
def test_whatever_goes_wrong_is_a_failed_trial_with_its_reason(tmp_path):
    points = tuple({"x": x, "r": 0.5, "c": "a"} for x in (0, 1, 2, 3, 4, 5, -1, 9))
    search = Search(SPACE, Function(faulty), Listed(points), limits=Limits(2.0, 1 << 30))
    trials = search.run(trials=8, executor=Ray(2)).trials
    assert [trial.reason for trial in trials] == [
        "",
        "ValueError: no such thing",
        "took longer than 2 s",
        'the value "y" is nan',
        "ran out of memory (limit 1073.74 MB)",
        "its process died 3 times (worker crashed)",
        "KeyboardInterrupt",
        "",
    ]


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(tmp_path):
    trials = (
        Search(SPACE, Killed(tmp_path), Random(), batch=6).run(trials=8, executor=Ray(2)).trials
    )
    assert any(tmp_path.iterdir())
    assert result_digest(trials) == result_digest(SEARCH.run(trials=8).trials)


def test_no_cluster_at_an_address():
    with pytest.raises(RunError, match=r"127\.0\.0\.1:1: cannot be used \(nobody answers there"):
        SEARCH.run(trials=1, executor=Ray(address="127.0.0.1:1"))


@pytest.mark.parametrize(
    "address",
    ["auto", "local", ":", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:0", "host:²", "a b:1"],
)
def test_what_is_no_address_is_refused_before_ray_looks_for_it(address):
    with pytest.raises(ConfigError, match="is no address of a Ray cluster"):
        SEARCH.run(trials=1, executor=Ray(address=address))


def test_another_process_goes_on_where_the_one_that_talks_to_ray_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "serve", functions.serve_here)
    points = tuple({"x": x, "r": 0.5, "c": "a"} for x in (1, 3, 2))  # 3 kills its process once
    search = Search(SPACE, Killed(tmp_path), Listed(points), batch=3)
    trials = search.run(trials=3, executor=Ray()).trials
    assert [trial.values["y"] for trial in trials] == [1.5, 9.5, 4.5]
    assert len(list(tmp_path.iterdir())) == 1


def test_what_ray_does_to_the_process_that_talks_to_it_is_said(monkeypatch):
    monkeypatch.setattr(cluster, "serve", functions.serve_nothing)
    wanted = r"the Ray cluster here is gone; it ended the process .* \(exit code 1\)"
    with pytest.raises(RunError, match=wanted):
        SEARCH.run(trials=1, executor=Ray())
    monkeypatch.setattr(cluster, "serve", functions.serve_faults)
    with pytest.raises(RunError, match="no room there") as raised:
        SEARCH.run(trials=1, executor=Ray())
    assert raised.value.hint == "make some"


def test_who_is_killed_before_it_is_connected_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "_check", lambda _ray, _address: None)
    monkeypatch.setattr(cluster, "serve", functions.serve_killed_once)
    executor = Ray(address=str(tmp_path / "mark"))
    trials = SEARCH.run(trials=3, executor=executor).trials
    assert result_digest(trials) == result_digest(SEARCH.run(trials=3).trials)
    assert (tmp_path / "mark").exists()
    monkeypatch.setattr(cluster, "serve", functions.serve_killed)
    with pytest.raises(RunError, match=r"ends before it is connected \(signal SIGKILL\)"):
        SEARCH.run(trials=3, executor=Ray())


class Refused(Exception):
    pass


def ray_that_asks(tokens):
    """What the executor uses of a Ray whose cluster lets in nobody without one of these tokens."""

    def client(address):
        mode = os.environ.get("RAY_AUTH_MODE")
        if mode != "token" or os.environ.get("RAY_AUTH_TOKEN") not in tokens:
            raise Refused

    return SimpleNamespace(
        exceptions=SimpleNamespace(AuthenticationError=Refused),
        _raylet=SimpleNamespace(GcsClient=client, Config=SimpleNamespace(initialize=len)),
    )


@pytest.mark.parametrize(
    ("host", "mode", "tokens", "fault"),
    [
        ("127.0.0.1", None, ("mine",), None),
        ("127.0.0.1", None, ("other",), "asks for a token"),
        ("127.0.0.1", "disabled", ("mine",), "asks for a token"),
        ("203.0.113.9", None, ("mine",), "asks for a token"),
        ("203.0.113.9", "token", ("mine",), None),
        ("203.0.113.9", "token", ("other",), "refuses that of this machine"),
    ],
)
def test_a_token_is_shown_to_this_machine_or_where_it_is_asked_for(
    host, mode, tokens, fault, monkeypatch
):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    monkeypatch.setenv("RAY_AUTH_MODE", mode or "")
    if mode is None:
        monkeypatch.delenv("RAY_AUTH_MODE")
    ray = ray_that_asks(tokens)
    if fault is None:
        cluster._show_token(ray, f"{host}:6379", host)
        assert os.environ["RAY_AUTH_MODE"] == "token"
        return
    with pytest.raises(RunError, match=fault) as raised:
        cluster._show_token(ray, f"{host}:6379", host)
    assert "RAY_AUTH_MODE=token" in raised.value.hint
    assert os.environ.get("RAY_AUTH_MODE") == mode


@pytest.mark.parametrize(("host", "mode"), [("127.0.0.1", "token"), ("203.0.113.9", None)])
def test_who_comes_by_the_client_of_ray_shows_a_token_on_this_machine(host, mode, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    monkeypatch.setenv("RAY_AUTH_MODE", "")
    monkeypatch.delenv("RAY_AUTH_MODE")
    cluster._show_token(ray_that_asks(()), f"ray://{host}:10001", host)
    assert os.environ.get("RAY_AUTH_MODE") == mode


@pytest.mark.slow
def test_two_nodes_share_the_work(tmp_path):
    with nodes(2) as (address, _):
        places = tmp_path / "places"
        places.mkdir()
        search = Search(SPACE, Placed(places), Random(), batch=6)
        found = search.run(trials=8, folder=tmp_path / "study", executor=Ray(address=address))
        assert result_digest(found.trials) == result_digest(SEARCH.run(trials=8).trials)
        assert len(list(places.iterdir())) == 2


@pytest.mark.slow
def test_a_lost_cluster_is_named_and_loses_no_finished_trial(tmp_path):
    study = tmp_path / "study"
    search = Search(SPACE, Function(bowl), Random(), batch=6)
    with nodes(2) as (address, kill):

        def end(done: int, _wanted: int, _text: str) -> None:
            if done == 10:
                kill()

        with pytest.raises(RunError, match=f"the Ray cluster at {address} is gone"):
            search.run(trials=4000, folder=study, executor=Ray(address=address), progress=end)
    kept = open_study(study).trials
    assert 10 <= len(kept) < 4000
    assert result_digest(kept) == result_digest(SEARCH.run(trials=len(kept)).trials)


@pytest.mark.slow
def test_whoever_kills_the_process_that_talks_to_ray_stops_no_search(tmp_path):
    others = set(multiprocessing.active_children())
    killed = []
    seen = set()

    def end(done: int, _wanted: int, _text: str) -> None:
        (driver,) = set(multiprocessing.active_children()) - others
        seen.add(driver.pid)
        if done == 7 and not killed:
            driver.kill()
            driver.join()
            killed.append(driver.pid)

    trials = SEARCH.run(trials=60, executor=Ray(2), progress=end).trials
    assert killed
    assert len(seen) == 2  # the one that was killed, and one that did all the rest
    assert result_digest(trials) == result_digest(SEARCH.run(trials=60).trials)


@pytest.mark.slow
def test_a_cluster_of_another_version_is_refused_with_both(tmp_path):
    older = tmp_path / "ray"
    older.write_text(
        f"#!{sys.executable}\nimport ray\nray.__version__ = '0.0.1'\n"
        "from ray.scripts.scripts import main\nmain()\n"
    )
    older.chmod(0o755)
    with nodes(1, ray=older) as (address, _):
        said = rf"{address}: cannot be used \(Version mismatch: .* Ray: 0\.0\.1 .* Ray: [1-9]"
        with pytest.raises(RunError, match=said) as raised:
            SEARCH.run(trials=1, folder=tmp_path / "study", executor=Ray(address=address))
        assert f"start a cluster of Ray {version('ray')}" in raised.value.hint
    assert open_study(tmp_path / "study").trials == ()


@contextmanager
def nodes(
    count: int, ray: Path = Path(sys.executable).parent / "ray"
) -> Iterator[tuple[str, Callable[[], None]]]:
    """A cluster of nodes with a processor each, all here: its address, and what ends it."""
    port = 20000 + os.getpid() % 10000
    options = ["--num-cpus", "1", "--object-store-memory", "100000000", "--block",
               "--disable-usage-stats"]  # fmt: skip
    running: list[subprocess.Popen[bytes]] = []
    token = Path.home() / ".ray" / "auth_token"
    modes = {"RAY_AUTH_MODE": "token"} if token.exists() else {}

    def kill() -> None:
        for node in reversed(running):
            node.terminate()
            node.wait()

    try:
        head = ["--head", "--port", str(port), "--include-dashboard", "false"]
        others = [["--address", f"127.0.0.1:{port}"]] * (count - 1)
        for place in (head, *others):
            node = subprocess.Popen([ray, "start", *place, *options], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, env=os.environ | modes)  # fmt: skip
            running.append(node)
            for line in node.stdout:
                if b"runtime started" in line:
                    break
        yield f"127.0.0.1:{port}", kill
    finally:
        kill()
        for node in running:
            node.stdout.close()
