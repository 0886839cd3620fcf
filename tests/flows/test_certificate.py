from pathlib import Path

import pytest

from netwright.errors import DataError, VerificationError
from netwright.flows.certificate import (
    agreement_row,
    certificate,
    damaged_outputs,
    first_failure,
    read_certificate,
    write_certificate,
)
from netwright.report import CertificateRow
from netwright.run import execute
from netwright.verify import Agreement
from tests.run.toy import toy

GOOD = CertificateRow(
    stage="torch", against="graph", stimuli="test set", num_rows=3, num_identical=3
)
BAD = CertificateRow(
    stage="HLS", against="graph", stimuli="corners", num_rows=3, num_identical=1, difference="here"
)


def test_a_comparison_within_tolerance_says_how_many_rows_were_asked_for() -> None:
    found = Agreement("cpu", "random", 3, 3, 1, 2, 0, 0.5, "sum", 0.0, None, 0.1, wanted=10)
    row = agreement_row(found)
    assert (row.num_rows, row.num_wanted, row.num_within) == (3, 10, 3)


def test_certificate_is_read_back(tmp_path: Path) -> None:
    write_certificate((GOOD, BAD), tmp_path)
    assert read_certificate(tmp_path) == (GOOD, BAD)


def test_certificate_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="nothing was compared"):
        write_certificate((), tmp_path)
    (tmp_path / "certificate.json").write_text("[]")
    with pytest.raises(DataError, match="it holds no comparison"):
        read_certificate(tmp_path)


@pytest.mark.parametrize("text", [None, "", "[{}]"])
def test_missing_or_damaged_certificate_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "certificate.json").write_text(text)
    with pytest.raises(DataError, match=r"is not a certificate|no such file"):
        read_certificate(tmp_path)


def test_flow_without_verification_has_no_certificate(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    assert certificate(tmp_path) == ()
    assert first_failure(tmp_path) is None


def test_first_failure_is_a_sentence(own_run: Path) -> None:
    assert first_failure(own_run) is None
    write_certificate((GOOD, BAD), own_run / "stages/08-verify")
    assert first_failure(own_run) == "HLS differs from graph in 2 of 3 rows (corners): here"


def test_damaged_outputs_name_every_stage(tmp_path: Path) -> None:
    execute(toy(), tmp_path)
    assert damaged_outputs(tmp_path) == ()
    (tmp_path / "stages/01-make/numbers.json").write_text("")
    (tmp_path / "stages/03-add/sum.txt").unlink()
    assert damaged_outputs(tmp_path) == (
        "stages/01-make/numbers.json: missing or changed since it was written",
        "stages/03-add/sum.txt: missing or changed since it was written",
    )


def test_unfinished_stages_are_named(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        execute(toy(fail="1"), tmp_path)
    assert damaged_outputs(tmp_path) == (
        "stages/02-square: the stage is interrupted",
        "stages/03-add: the stage is waiting",
    )
