import json
from pathlib import Path

from tests.cli.conftest import Netwright


def test_runs_are_compared(netwright: Netwright, tiny_run: Path, own_run: Path) -> None:
    page = own_run.parent / "page.html"
    code, out, _ = netwright("compare", tiny_run, own_run, "--html", page)
    assert code == 0
    assert "integer graph" in out
    assert "identical in" in out
    assert page.read_text().startswith("<!DOCTYPE html>")
    code, out, _ = netwright("compare", tiny_run, own_run, "--json")
    assert code == 0
    assert len(json.loads(out)["runs"]) == 2


def test_one_run_is_refused(netwright: Netwright, tiny_run: Path) -> None:
    code, _, err = netwright("compare", tiny_run)
    assert code == 2
    assert "a comparison needs two different runs or more, not 1" in err
