from __future__ import annotations

import random

import pytest
from tests.explore.functions import SPACE, Killed, bowl, faulty, mute

from netwright.errors import ConfigError
from netwright.explore import Function, Here, Limits, Listed, Pool, Random, Search, result_digest


def listed(*values: int) -> Listed:
    return Listed(tuple({"x": x, "r": 0.5, "c": "a"} for x in values))


def test_a_pool_gives_the_trials_of_this_process(tmp_path):
    years = Limits(seconds=1e8)  # more than the system waits at a stretch
    search = Search(SPACE, Function(bowl), Random(), batch=6, limits=years)
    found = search.run(trials=15, folder=tmp_path, executor=Pool(2))
    assert result_digest(found.trials) == result_digest(search.run(trials=15).trials)


def test_whatever_goes_wrong_is_a_failed_trial_with_its_reason(capfd):
    search = Search(
        SPACE, Function(faulty), listed(0, 1, 2, 3, 4, 5, 6, 7, -1, 9), batch=10,
        limits=Limits(seconds=1.0, bytes=1 << 30),
    )  # fmt: skip
    trials = search.run(trials=10, executor=Pool(3)).trials
    assert [trial.state for trial in trials] == ["complete", *["failed"] * 8, "complete"]
    assert [trial.reason for trial in trials[1:9]] == [
        "ValueError: no such thing",
        "took longer than 1 s",
        'the value "y" is nan',
        "ran out of memory (limit 1073.74 MB)",
        "its process died 3 times (signal SIGKILL)",
        'has no value "y"; values: z',
        "took longer than 1 s",
        "KeyboardInterrupt",
    ]
    told = capfd.readouterr()
    assert told.out == ""
    assert sorted(told.err.splitlines()) == ["neither a result nor lost", "of compiled code"]


def test_this_process_survives_what_python_can():
    search = Search(SPACE, Function(faulty), listed(1, 2, 3, 9), limits=Limits(seconds=0.2))
    trials = search.run(trials=4, executor=Here()).trials
    assert [t.reason for t in trials] == [
        "ValueError: no such thing", "took longer than 0.2 s", 'the value "y" is nan', "",
    ]  # fmt: skip


@pytest.mark.parametrize("executor", [Here(), Pool(1)])
def test_an_error_that_fails_when_it_is_told_costs_its_trial_alone(executor):
    search = Search(SPACE, Function(mute), listed(1, 2))
    trials = search.run(trials=2, executor=executor).trials
    assert [trial.state for trial in trials] == ["failed", "failed"]
    assert all(trial.reason.startswith("MuteError") for trial in trials)


def test_a_killed_worker_loses_nothing(tmp_path):
    search = Search(SPACE, Killed(tmp_path), Random(), batch=6)
    trials = search.run(trials=12, executor=Pool(2)).trials
    expected = Search(SPACE, Function(bowl), Random(), batch=6).run(trials=12).trials
    assert any(tmp_path.iterdir())
    assert result_digest(trials) == result_digest(expected)


def test_an_objective_that_cannot_travel_is_refused():
    source = random.Random(0)
    search = Search(SPACE, Function(lambda settings: {"y": source.random()}), Random())
    with pytest.raises(ConfigError, match="the objective cannot be sent to another process"):
        search.run(trials=1, executor=Pool(1))
