import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netwright import python_file
from netwright.cli import BUG, USER
from netwright.run import manifest as manifest_module
from netwright.run import read_manifest
from tests.cli.conftest import Netwright, ToyFlow

SLOW = """
import signal, sys, time
from pathlib import Path
from netwright.cli import main
from netwright.cli.console import Lines
from netwright.cli import run as module
from tests.cli.conftest import ToyFlow
from netwright import registry

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it

class Slow(Lines):
    def update(self, done, total, text):
        print(done, flush=True)
        time.sleep(0.05)

registry.TABLES = {**registry.TABLES, "flows": {"toy": "tests.cli.conftest:ToyFlow"}}
module.reporter = Slow
sys.exit(main(["run", sys.argv[1], "--set", "count=200"]))
"""


def test_run_prints_stages_and_ends_with_the_folder(netwright: Netwright, toy_flow: Path) -> None:
    code, out, err = netwright("run", toy_flow)
    assert (code, out) == (0, "run: runs/toy\n")
    lines = err.splitlines()
    assert lines[0] == "[1/3] make ..."
    assert lines[1].startswith("[1/3] make: done after ")
    assert netwright("run", toy_flow)[2].splitlines() == [
        "[1/3] make: cached",
        "[2/3] square: cached",
        "[3/3] add: cached",
    ]


def test_dry_run_prints_the_plan_and_writes_nothing(netwright: Netwright, toy_flow: Path) -> None:
    code, out, err = netwright("run", toy_flow, "--dry-run")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "make    to do  not done yet",
        'square  to do  after "make"',
        'add     to do  after "square"',
    ]
    assert not Path("runs").exists()
    netwright("run", toy_flow)
    planned = json.loads(netwright("run", toy_flow, "--dry-run", "--json")[1])
    assert {stage["action"] for stage in planned} == {"cached"}


def test_set_and_from_reach_the_engine(netwright: Netwright, toy_flow: Path) -> None:
    netwright("run", toy_flow, "--runs", "elsewhere", "--set", "count=3")
    assert Path("elsewhere/toy/stages/03-add/sum.txt").read_text() == "5"
    _, out, _ = netwright(
        "run", toy_flow, "--runs", "elsewhere", "--set", "count=3", "--from", "add", "--dry-run"
    )
    assert out.splitlines()[2].split(maxsplit=1) == ["add", "to do   forced"]


def test_json_prints_the_manifest_alone(netwright: Netwright, toy_flow: Path) -> None:
    code, out, _ = netwright("run", toy_flow, "--json")
    assert code == 0
    assert json.loads(out) == read_manifest(Path("runs/toy")).model_dump(mode="json")


def test_new_keeps_the_old_run(netwright: Netwright, toy_flow: Path) -> None:
    netwright("run", toy_flow)
    _, _, err = netwright("run", toy_flow, "--new")
    assert err.startswith("the old run is now runs/toy-")
    assert len(list(Path("runs").iterdir())) == 2


def test_run_of_another_version_says_what_to_do(
    netwright: Netwright, toy_flow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netwright("run", toy_flow)
    monkeypatch.setattr(manifest_module, "SCHEMA", 2)
    code, _, err = netwright("run", toy_flow)
    assert code == 1
    assert err == (
        "error: runs/toy: was written by netwright 0.1.0 in schema 1; this version has 2\n"
        "hint: make it afresh with netwright run FLOW --new, which keeps the old run under "
        "another name, or use netwright 0.1.0\n"
    )


def test_typo_in_the_flow_is_a_usage_error(netwright: Netwright, toy_flow: Path) -> None:
    toy_flow.write_text(toy_flow.read_text() + "cuont = 3\n")
    code, _, err = netwright("run", toy_flow)
    assert code == 2
    assert err == (
        f'error: {toy_flow}: cuont is not a setting of the file; did you mean "count"?\n'
    )


def test_interrupted_stage_ends_with_130(netwright: Netwright, toy_flow: Path) -> None:
    code, out, err = netwright("run", toy_flow, "--set", 'fail="2"')
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted; the same command goes on from here"


def test_control_c_ends_with_130(toy_flow: Path) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, str(toy_flow)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline() not in ("3\n", ""):
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted; the same command goes on from here"
    assert "Traceback" not in err


def test_other_exceptions_say_that_they_are_bugs(
    netwright: Netwright, toy_flow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: ToyFlow, *, folder: Path) -> None:
        raise KeyError("x")

    monkeypatch.setattr(ToyFlow, "flow", fail)
    code, _, err = netwright("run", toy_flow)
    assert code == BUG
    assert err.startswith("Traceback")
    assert err.endswith(
        "error: this is a bug in netwright; please report it with the lines above\n"
    )


def test_errors_in_a_file_of_the_user_are_told_with_their_line(
    netwright: Netwright, toy_flow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("def fail(*given, **named):\n    return {}['x']\n")
    monkeypatch.setattr(ToyFlow, "flow", vars(python_file.load(mine))["fail"])
    code, _, err = netwright("run", toy_flow)
    assert code == USER
    assert err == "error: a Python file of yours failed (mine.py:2): KeyError: 'x'\n"
