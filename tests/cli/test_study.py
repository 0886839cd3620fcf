import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from netwright import studies
from netwright.report import Verdict
from netwright.studies import Outcomes, Study, find_study
from netwright.studies.claims import Outcome
from tests.cli.conftest import Netwright


def plant(monkeypatch: pytest.MonkeyPatch, verdicts: Sequence[Verdict]) -> None:
    """A study that ends at once."""
    study: Study = find_study("hawq")
    claims = study.claims[: len(verdicts)]

    def run_study(name: str, **_: object) -> Outcomes:
        outcomes = tuple(
            Outcome(claim, None, verdict, "because")
            for claim, verdict in zip(claims, verdicts, strict=True)
        )
        return Outcomes(study, "smoke", outcomes)

    monkeypatch.setattr(studies, "run_study", run_study)


def test_list_names_the_studies(netwright: Netwright) -> None:
    names = [
        "cosma",
        "draco",
        "econ-t",
        "fusemax",
        "hawq",
        "nasaic",
        "nm-training",
        "olive",
        "pim-gpt",
        "pulsedl2",
        "smash",
        "sparse-transformer",
        "tbsac",
    ]
    code, out, _ = netwright("study", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == names
    listed = json.loads(netwright("study", "list", "--json")[1])
    assert [study["name"] for study in listed] == names


@pytest.mark.parametrize(
    ("verdicts", "code", "faults"),
    [
        (["reproduced"], 0, ""),
        ([], 1, ""),
        (["reproduced", "differs"], 1, "error: bops-w4a7: differs: because\n"),
        (["not-attempted"], 1, "error: bops-fp32: not-attempted: because\n"),
    ],
)
def test_exit_code_follows_the_verdicts(
    netwright: Netwright,
    monkeypatch: pytest.MonkeyPatch,
    verdicts: list[Verdict],
    code: int,
    faults: str,
) -> None:
    plant(monkeypatch, verdicts)
    found, out, err = netwright("study", "run", "hawq")
    assert found == code
    assert err == faults
    assert out.splitlines()[-1].startswith("verdict: FAILED" if code else "verdict: holds")


def test_unknown_study_is_a_usage_error(netwright: Netwright, tmp_path: Path) -> None:
    code, _, err = netwright("study", "run", "hawk", "--runs", tmp_path)
    assert code == 2
    assert 'did you mean "hawq"?' in err
    assert netwright("study", "run", "hawq", "--profile", "huge")[0] == 2
