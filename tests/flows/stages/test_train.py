import json
from pathlib import Path

from netwright.flows.flow import load_flow
from netwright.run import execute, read_manifest
from tests.flows.tiny import FLOW, write_flow


def test_weights_and_scores_of_every_seed_are_there(tiny_run: Path) -> None:
    record = read_manifest(tiny_run).stages[1].record
    assert record is not None
    assert set(record.outputs) == {"curves.json", "scores.json", "seed-7.npz"}


def test_same_seed_gives_the_same_bytes(tiny_run: Path, tmp_path: Path) -> None:
    flow = load_flow(write_flow(tmp_path, FLOW))
    short = type(flow)(flow.name, flow.stages[:2], flow.seeds, flow.settings)
    again = execute(short, tmp_path / "again").stages[1].record
    before = read_manifest(tiny_run).stages[1].record
    assert again is not None
    assert before is not None
    assert again.outputs == before.outputs


def test_scores_are_shares(tiny_run: Path) -> None:
    (score,) = json.loads((tiny_run / "stages/02-train/scores.json").read_text())
    assert score["seed"] == 7
    assert 0 < score["validation"] < 1
