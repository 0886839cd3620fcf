"""Two runs from one seed are equal in every byte, apart from what says when and how long."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.flows.flow import load_flow
from netwright.report import read
from netwright.report.html import render
from netwright.run import execute, read_manifest
from tests.flows.tiny import own_run, tiny_run, write_flow

__all__ = ["own_run", "tiny_run"]


@pytest.mark.slow
def test_second_run_has_the_same_bytes(tiny_run: Path, tmp_path: Path) -> None:
    again = execute(load_flow(write_flow(tmp_path)), tmp_path / "tiny-jets")
    first = {entry.name: entry.record for entry in read_manifest(tiny_run).stages}
    for entry in again.stages:
        before, after = first[entry.name], entry.record
        assert before is not None
        assert after is not None
        assert after.key == before.key
        if entry.name != "report":
            assert after.outputs == before.outputs
    timeless = [
        read(run / "report.json").model_copy(update={"when": None})
        for run in (tiny_run, tmp_path / "tiny-jets")
    ]
    assert timeless[0].to_json() == timeless[1].to_json()
    assert render(timeless[0]) == render(timeless[1])
