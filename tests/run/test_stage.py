import pytest

from netwright.errors import ConfigError
from netwright.run import Flow, Silent, Stage
from tests.run.toy import Nothing, add


def stage(name: str, *needs: str) -> Stage[Nothing]:
    return Stage(name, 1, Nothing(), needs, add)


def test_flow_refuses_two_stages_of_one_name() -> None:
    with pytest.raises(ConfigError, match=r'^flow "f" has two stages "a"$'):
        Flow("f", (stage("a"), stage("a")))


def test_flow_refuses_a_need_that_comes_later() -> None:
    message = r'^stage "a" needs "b", which is not an earlier stage$'
    with pytest.raises(ConfigError, match=message):
        Flow("f", (stage("a", "b"), stage("b")))


def test_flow_names_its_stages_when_one_is_unknown() -> None:
    with pytest.raises(ConfigError) as caught:
        Flow("f", (stage("a"), stage("b"))).index("c")
    assert str(caught.value) == 'flow "f" has no stage "c"\nhint: stages: a, b'


def test_silent_reporter_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    silent = Silent()
    silent.begin("a", 1, 2)
    silent.update(1, 2, "half")
    silent.say("text")
    silent.end("a", 1, 2, status="done", seconds=1.0)
    assert capfd.readouterr() == ("", "")
