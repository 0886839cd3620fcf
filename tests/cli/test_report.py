import json
from pathlib import Path

from tests.cli.conftest import Netwright


def test_report_draws_the_same_page_again(netwright: Netwright, own_run: Path) -> None:
    page = own_run / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert netwright("report", own_run) == (0, f"report: {page}\n", "")
    assert page.read_bytes() == before


def test_report_as_data(netwright: Netwright, own_run: Path) -> None:
    code, out, _ = netwright("report", own_run, "--json")
    assert code == 0
    assert json.loads(out) == json.loads((own_run / "report.json").read_text())


def test_run_without_report_is_refused(netwright: Netwright, toy_flow: Path) -> None:
    netwright("run", toy_flow)
    code, _, err = netwright("report", "toy")
    assert code == 1
    assert err.startswith("error: runs/toy/report.json: no such file")
