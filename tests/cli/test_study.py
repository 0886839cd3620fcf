import json
from pathlib import Path

import pytest

from netwright import studies
from netwright.studies import Outcomes, Study, find_study
from tests.cli.conftest import Netwright


class _Outcome:
    def __init__(self, verdict: str) -> None:
        self.verdict = verdict


def plant(monkeypatch: pytest.MonkeyPatch, *, holds: bool) -> None:
    """A study that ends at once."""
    study: Study = find_study("hawq")

    def run_study(name: str, **_: object) -> Outcomes:
        outcomes = () if holds else (_Outcome("differs"),)
        monkeypatch.setattr(Outcomes, "rows", ())
        return Outcomes(study, "smoke", outcomes)

    monkeypatch.setattr(studies, "run_study", run_study)


def test_list_names_the_studies(netwright: Netwright) -> None:
    code, out, _ = netwright("study", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        "cosma",
        "draco",
        "hawq",
        "sparse-transformer",
    ]
    assert [study["name"] for study in json.loads(netwright("study", "list", "--json")[1])] == [
        "cosma",
        "draco",
        "hawq",
        "sparse-transformer",
    ]


@pytest.mark.parametrize(("holds", "code"), [(True, 0), (False, 1)])
def test_exit_code_follows_the_verdicts(
    netwright: Netwright, monkeypatch: pytest.MonkeyPatch, holds: bool, code: int
) -> None:
    plant(monkeypatch, holds=holds)
    found, _, err = netwright("study", "run", "hawq")
    assert found == code
    assert err == ("" if holds else "error: a claim differs\n")


def test_unknown_study_is_a_usage_error(netwright: Netwright, tmp_path: Path) -> None:
    code, _, err = netwright("study", "run", "hawk", "--runs", tmp_path)
    assert code == 2
    assert 'did you mean "hawq"?' in err
    assert netwright("study", "run", "hawq", "--profile", "huge")[0] == 2
