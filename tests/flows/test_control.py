"""The control flow, whole on a tiny policy: what its stages write, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from netwright.backends import built
from netwright.backends.vouching import vouch
from netwright.errors import ConfigError, DataError, NotInstalled
from netwright.flows import load_flow
from netwright.flows.audit import audit
from netwright.flows.stages.closed_loop import CHIP, VERILOG, read_loop
from netwright.flows.stages.reinforce import ROLLOUTS
from netwright.run import Silent, execute

pytest.importorskip("stable_baselines3", reason="needs the extra rl")

FLOW = """
schema_version = 1
kind = "control"
name = "tiny-beam"
seeds = [3, 4]
environment = { line = "cm2", rules = { steps = 6 }, faults = { monitor_noise_mm = 0.1 } }
train = { front = "dense", hidden = [4], steps = 48, warmup = 16, evaluations = 2, updates = 1, memory = 90, batch_size = 8 }
verify = { random_rows = 12, tie_rows = 4, qonnx_rows = 8 }
loop = { machines = 6, rollouts = 12 }
rtl = { reuse_factor = 4 }

[compress]
kind = "fixed"
weight_bits = 5
activation_bits = 6
epochs = 1
batch_size = 32
"""  # noqa: E501


def write(folder: Path, text: str = FLOW) -> Path:
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("g++") is None:
        pytest.skip("needs g++, which is not installed")
    folder = tmp_path_factory.mktemp("control")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(built, "vouch", lambda path, key: (made.append(path), vouch(path, key)))
        execute(load_flow(write(folder)), folder / "run")
    return folder / "run"


made: list[Path] = []
"""What was compiled for the run."""


def test_stages_share_what_is_compiled(run: Path) -> None:
    assert sum(path.name.startswith("simulation-") for path in made) == 1
    assert not list((run / "scratch").iterdir())


def stage(run: Path, name: str) -> Path:
    (found,) = (path for path in (run / "stages").glob(f"*{name}") if path.is_dir())
    return found


def test_every_decision_of_the_verilog_is_that_of_the_graph(run: Path) -> None:
    record = read_loop(stage(run, "loop"))
    rows = {row.controller: row for row in record.rows}
    verilog = rows[VERILOG]
    assert verilog.decisions == verilog.identical > 0
    assert verilog.difference == ""
    assert rows["least squares, as drawn"].last_mm < rows["none"].last_mm
    assert record.machines == 6
    report = json.loads((run / "report.json").read_text())
    (row,) = (row for row in report["certificate"] if row["stage"].endswith("in the loop"))
    assert (row["num_rows"], row["num_identical"]) == (verilog.decisions, verilog.identical)
    assert [curves["title"] for curves in report["views"]["curves"]] == [
        "Orbit at the monitors", "Machines below 1 mm, by decisions of the training"
    ]  # fmt: skip
    assert set(report["views"]["curves"][1]["series"]) == {"seed 3", "seed 4"}
    assert "least squares" in (run / "report.html").read_text()


def test_the_run_is_what_its_stages_made(run: Path, tmp_path: Path) -> None:
    found = audit(run)
    assert found.holds, found.faults
    assert found.certificate[-1].stage == f"{VERILOG}, in the loop"
    assert "report.json computed again" in found.scope
    changed = tmp_path / "run"
    shutil.copytree(run, changed, symlinks=True)
    path = changed / "report.json"
    report = json.loads(path.read_text())
    report["facts"][0]["value"]["value"] += 1
    path.write_text(json.dumps(report))
    assert not audit(changed).holds


@pytest.mark.slow
def test_every_decision_of_a_chip_is_that_of_the_graph(tmp_path: Path) -> None:
    chip = "soc = { spi_lanes = 4, network = { reuse_factor = 4 } }"
    flow = load_flow(write(tmp_path, FLOW.replace("rtl = { reuse_factor = 4 }", chip)))
    try:
        execute(flow, tmp_path / "run")
    except NotInstalled as error:
        pytest.skip(str(error))
    (row,) = (
        row for row in read_loop(stage(tmp_path / "run", "loop")).rows if row.controller == CHIP
    )
    assert row.decisions == row.identical > 0
    found = audit(tmp_path / "run")
    assert found.holds
    assert found.certificate[-1].num_rows == row.decisions


def test_rows_of_one_machine_are_in_one_split(run: Path) -> None:
    with np.load(stage(run, "train") / ROLLOUTS) as found:
        assert set(found["split"].tolist()) == {"train", "validation", "test"}
        assert found["observation"].shape[1] == 24
        assert np.abs(found["action"]).max() <= 1


def test_a_finished_run_is_not_done_again(run: Path, tmp_path: Path) -> None:
    found: list[str] = []

    class Recorder(Silent):
        def end(self, stage: str, position: int, count: int, **told: object) -> None:
            found.append(str(told["status"]))

    execute(load_flow(write(tmp_path)), run, reporter=Recorder())
    assert set(found) == {"cached"}


def test_a_damaged_record_is_an_error(run: Path, tmp_path: Path) -> None:
    (tmp_path / "loop.json").write_text("{}")
    with pytest.raises(DataError, match="is no record of closed loops"):
        read_loop(tmp_path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("faults = { monitor_noise_mm = 0.1 }", "faults = { monitor_nois_mm = 0.1 }"),
        ("steps = 48", "stepz = 48"),
        ("steps = 48", "seed = 9, steps = 48"),
        ('line = "cm2"', 'kind = "beams"'),
        ('line = "cm2"', 'plant = "x"'),
        ('line = "cm2"', 'line = "cm9"'),
        ("hidden = [4]", "hidden = [1099511627776]"),
        ("rtl = {", "soc = { spi_lanes = 3 }\nrtl = {"),
        ("rtl = {", 'soc = { network = { weights = "loadable" } }\nrtl = {'),
    ],
)
def test_settings_that_are_not_known_are_refused(given: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_flow(write(tmp_path, FLOW.replace(given, said)))


@pytest.mark.parametrize(
    ("given", "said", "told"),
    [
        ("steps = 48", "steps = 0", "train.steps must be 1 or more"),
        ("steps = 6", "steps = 0", "environment.rules.steps must be from 1 to 100000, not 0"),
        ("{ reuse_factor = 4 }", "{ shared = { lanes = 0 } }", "rtl.shared.lanes must be from 1"),
        ('line = "cm2"', 'line = "cm9"', "environment.line"),
        ("rollouts = 12", "rollouts = 5", "loop.rollouts must be at least 6, not 5"),
        ("rtl = { reuse_factor = 4 }", "implement = true", "implement must be false without"),
        (
            "rtl = {",
            'soc = { network = { part = "xcup" } }\nrtl = {',
            "soc.network.part must be left",
        ),
        (
            "rtl = {",
            "soc = { network = { shared = {}, reuse_factor = 2 } }\nrtl = {",
            "soc.network.reuse_factor must be left out: a shared accelerator has none",
        ),
    ],
)
def test_what_options_refuse_is_said_with_file_and_place(
    given: str, said: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_flow(write(tmp_path, FLOW.replace(given, said)))
    assert "tiny.toml" in str(caught.value)
    assert told in str(caught.value)
